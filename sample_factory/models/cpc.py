"""CPC|A's predictor and classifier (Guo et al. 2018, https://arxiv.org/abs/1811.06407). Knows no mask and no loss."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from sample_factory.rl.cpc import Pairs
from sample_factory.rl.spaces import ActionLayout

_HIDDEN_SIZE = 128


class ActionConditionedPredictor(nn.Module):
    """Carries a belief forward over the actions taken, and compares it with observations. Always in float32."""

    def __init__(self, layout: ActionLayout, belief_size: int, feature_size: int) -> None:
        """
        Args:
            belief_size: width of the core's output, which is the first state of the predictor.
            feature_size: width of an encoded observation.
        """
        super().__init__()
        self._layout = layout
        self.dynamics = nn.GRU(sum(part.size for part in layout.parts), belief_size)
        # The first layer on (prediction, features) in two halves, so that each observation meets it only once.
        self.on_prediction = nn.Linear(belief_size, _HIDDEN_SIZE)
        self.on_features = nn.Linear(feature_size, _HIDDEN_SIZE, bias=False)
        self.score = nn.Linear(_HIDDEN_SIZE, 1)

    def forward(self, beliefs: Tensor, features: Tensor, actions: Tensor, pairs: Pairs) -> tuple[Tensor, Tensor]:
        """Logits of the observations that followed [K, S, B], and of the negatives [K, S, B, 20].

        Args:
            beliefs: [R, B, H] core outputs.
            features: [R, B, E] encoded observations.
            actions: [T, B, num_actions], R is T or T + 1.
        """
        predictions = self.predict(beliefs.float(), actions, pairs)
        encoded = self.on_features(features.float().flatten(0, 1))
        targets = (pairs.starts + pairs.aheads) * beliefs.shape[1] + _columns(pairs.starts)
        return self._compare(predictions, encoded, targets), self._compare(
            predictions[..., None, :], encoded, pairs.negatives
        )

    def predict(self, beliefs: Tensor, actions: Tensor, pairs: Pairs) -> Tensor:
        """What is expected at each pair [K, S, B, 128], as the classifier's first layer sees it."""
        starts, num_rows = pairs.starts, beliefs.shape[1]
        places = (starts * num_rows + _columns(starts)).flatten()
        inputs = action_vectors(self._layout, actions).flatten(0, 1)
        # Starts are early enough for the longest distance: no step is looked for outside its trajectory.
        steps = torch.stack([inputs[places + k * num_rows] for k in range(int(pairs.aheads.max()))])
        expected = self.dynamics(steps, beliefs.flatten(0, 1).index_select(0, places)[None])[0]
        rows = torch.arange(len(places), device=places.device).view(starts.shape)
        chosen = expected.flatten(0, 1).index_select(0, ((pairs.aheads - 1) * len(places) + rows).flatten())
        result: Tensor = self.on_prediction(chosen).view(*pairs.aheads.shape, -1)
        return result

    def _compare(self, predictions: Tensor, encoded: Tensor, places: Tensor) -> Tensor:
        observed = encoded.index_select(0, places.flatten()).view(*places.shape, -1)
        logits: Tensor = self.score(functional.elu(predictions + observed)).squeeze(-1)
        return logits


def action_vectors(layout: ActionLayout, actions: Tensor) -> Tensor:
    """[..., num_actions] to float32 [..., sum of sizes]: categories as one-hot vectors, other values as they are."""
    used, columns = 0, []
    for part in layout.parts:
        chosen = actions[..., used : used + part.num_actions]
        used += part.num_actions
        if part.kind == "categorical":
            chosen = functional.one_hot(chosen.squeeze(-1).long(), part.size)
        columns.append(chosen.float())
    return torch.cat(columns, -1)


def _columns(starts: Tensor) -> Tensor:
    return torch.arange(starts.shape[-1], device=starts.device)
