"""What is said under each frame of a video: the environment's own words, the policy's, the reward. Draws nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sample_factory.envs.contract import StepArrays


class Captions:
    """Follows one evaluation step by step."""

    def __init__(self, num_rows: int) -> None:
        self._rewards = np.zeros(num_rows)
        self._actions, self._values = [""] * num_rows, [""] * num_rows

    def decide(self, actions: np.ndarray, values: np.ndarray) -> None:
        """The policy has chosen flat actions [num_rows, num_actions] and expects values [num_rows]."""
        self._actions = [" ".join(f"{part:g}" for part in row) for row in actions.tolist()]
        self._values = [f"{value:.2f}" for value in values.tolist()]

    def step(self, result: StepArrays) -> None:
        """The environment has taken a step."""
        self._rewards += result.rewards
        self._rewards[result.resets] = 0

    def texts(self, overlays: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
        """Of each row; the environment may know a better text for the action."""
        return [
            {**overlay, "reward": f"{reward:.2f}", "value": value, "action": overlay.get("action", action)}
            for action, value, reward, overlay in zip(
                self._actions, self._values, self._rewards.tolist(), overlays, strict=True
            )
        ]
