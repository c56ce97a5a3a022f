"""CPC|A's network: what it looks at, what it learns, and where its gradients go. Knows no learner."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from torch import Tensor

from sample_factory.models.actor_critic import make_actor_critic
from sample_factory.models.cpc import ActionConditionedPredictor, action_vectors
from sample_factory.models.tests.model_options import SmallModelOptions
from sample_factory.rl.cpc import cpc_loss, sample_pairs
from sample_factory.rl.spaces import action_layout, observation_keys

DISCRETE = gym.spaces.Discrete(3)
BOX = gym.spaces.Box(-1, 1, (2,), np.float32)
STEPS, ROWS, FORWARD = 16, 4, 4


def mask(value: bool, steps: int = STEPS, rows: int = ROWS) -> Tensor:
    return torch.full((steps, rows), value)


def test_actions_become_one_hot_vectors_and_plain_values() -> None:
    layout = action_layout(gym.spaces.Tuple((DISCRETE, BOX, gym.spaces.MultiDiscrete([2, 2]))))
    actions = torch.tensor([[2.0, 0.25, -0.5, 1.0, 0.0]])
    assert action_vectors(layout, actions).tolist() == [[0, 0, 1, 0.25, -0.5, 0, 1, 1, 0]]
    whole = torch.tensor([[[1]], [[0]]], dtype=torch.int32)
    assert action_vectors(action_layout(DISCRETE), whole).tolist() == [[[0, 1, 0]], [[1, 0, 0]]]


def test_a_prediction_depends_on_its_belief_and_the_actions_up_to_its_target_only() -> None:
    """Changing one entry after another of random data changes exactly the logits that should know of it."""
    torch.manual_seed(0)
    network = ActionConditionedPredictor(action_layout(BOX), 5, 6)
    pairs = sample_pairs(mask(True), mask(False), STEPS + 1, FORWARD, 6, 2, torch.Generator().manual_seed(1))
    beliefs, features = torch.randn(STEPS + 1, ROWS, 5), torch.randn(STEPS + 1, ROWS, 6)
    actions = torch.randn(STEPS, ROWS, 2)
    positives, negatives = network(beliefs, features, actions, pairs)
    assert positives.shape == (2, 6, ROWS) and negatives.shape == (2, 6, ROWS, 20)
    own = torch.arange(ROWS)
    starts = pairs.starts.expand_as(pairs.aheads)
    targets = pairs.starts + pairs.aheads
    for time, row in [(t, b) for t in range(0, STEPS, 3) for b in range(ROWS)]:
        for kind in range(3):
            inputs = [beliefs.clone(), features.clone(), actions.clone()]
            inputs[kind][time, row] += 1.0
            changed, changed_negatives = network(*inputs, pairs)
            knows = [starts == time, targets == time, (starts <= time) & (time < targets)][kind] & (own == row)
            assert torch.equal(changed != positives, knows)
            other = pairs.negatives == time * ROWS + row if kind == 1 else knows[..., None].expand_as(negatives)
            assert torch.equal(changed_negatives != negatives, other)


@pytest.mark.parametrize("options", [{"use_rnn": False}, {"rnn_type": "lstm"}, {"actor_critic_share_weights": False}])
@pytest.mark.parametrize("actions", [DISCRETE, BOX])
def test_gradients_reach_encoders_and_cores_but_no_head(options: dict[str, Any], actions: gym.Space[Any]) -> None:
    torch.manual_seed(0)
    keys = observation_keys(gym.spaces.Box(-1, 1, (7,), np.float32))
    layout = action_layout(actions)
    model = make_actor_critic(keys, layout, replace(SmallModelOptions(), **{"encoder_type": "mlp", **options}))
    obs = {"obs": torch.randn(STEPS + 1, ROWS, 7)}
    found = model.evaluate_with_features(obs, model.initial_state(ROWS), mask(False))
    assert found.features.shape[2] == model.feature_size and found.core_out.shape[2] == model.core_size
    params, values = model.evaluate(obs, model.initial_state(ROWS), mask(False))
    assert torch.equal(params, found.params) and torch.equal(values, found.values)

    network = ActionConditionedPredictor(layout, model.core_size, model.feature_size)
    taken = torch.ones(STEPS, ROWS, layout.num_actions, dtype=params.dtype)
    pairs = sample_pairs(mask(True), mask(False), STEPS + 1, FORWARD, 6, 2, torch.Generator().manual_seed(1))
    torch.autograd.backward(cpc_loss(*network(found.core_out, found.features, taken, pairs), pairs.unbroken))
    for name, parameter in [*model.named_parameters(), *network.named_parameters()]:
        reached = parameter.grad is not None and bool(parameter.grad.any())
        assert reached != ("head" in name), name


def counting(num_states: int, actions: Tensor) -> Tensor:
    """One-hot [T + 1, B, num_states]: a counter that goes on by one more than the action."""
    first = torch.arange(actions.shape[1])[None] % num_states
    states = torch.cat([first, first + (actions[..., 0] + 1).cumsum(0)]) % num_states
    return torch.nn.functional.one_hot(states, num_states).float()


def trained_loss(knows_actions: bool) -> tuple[float, float]:
    """Loss before and after training to predict a counter of 12 states that obeys the actions."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(2)
    network = ActionConditionedPredictor(action_layout(DISCRETE), 12, 12)
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    losses = []
    for _ in range(150):
        actions = torch.randint(3, (STEPS, 16, 1), generator=generator)
        states = counting(12, actions)
        pairs = sample_pairs(mask(True, rows=16), mask(False, rows=16), STEPS + 1, FORWARD, 6, 2, generator)
        loss = cpc_loss(*network(states, states, actions if knows_actions else actions * 0, pairs), pairs.unbroken)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses[0], sum(losses[-10:]) / 10


def test_it_learns_what_follows_from_belief_and_actions() -> None:
    chance = 2 * math.log(2)
    first, last = trained_loss(knows_actions=True)
    assert first > 0.9 * chance
    assert last < 0.5 * chance  # 0.21 at best: one negative in 12 is the state that followed
    assert trained_loss(knows_actions=False)[1] > 1.3 * last
