"""The batched-row contract: the one way in which the sampler talks to environments. Knows no adapter and no family.

A batched environment is a fixed number of rows; a row is one agent of one environment. Observations are written into
arrays that the caller owns (rows of a trajectory block in shared memory), so a native batched environment costs one
call for hundreds of rows and a Python environment loses nothing.

A step that terminates an episode starts the next one within itself: nothing is learnt from the last observation, so the
first one of the next episode takes its place. A step that truncates one writes the true last observation, which is
worth something; the next step of that row ignores its action, resets, and is marked invalid and resetting. Native
batches that always reset in the next step (Gymnasium's default) keep to that, with one more step that only resets;
those that always reset within the same step mark a truncated last step invalid, because its observation is lost.
"""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from sample_factory.rl.spaces import ActionLayout, KeySpec


class StepArrays(NamedTuple):
    """Where a step writes its outcome; every array is [num_rows] and is filled completely at each step."""

    rewards: np.ndarray  # float32, in the environment's own units; 0 on invalid steps
    terminated: np.ndarray  # bool, the episode ended and has no future
    truncated: np.ndarray  # bool, the episode was cut; the written observation still has a value
    valid: np.ndarray  # bool, the action mattered: False on reset steps, inactive agents and rebuilt environments
    resets: np.ndarray  # bool, the written observation is the first one of a new episode
    frames: np.ndarray  # int32, simulator ticks of this step (0 on reset steps)


def new_step_arrays(num_rows: int) -> StepArrays:
    """Step arrays of one's own, for tests and for single environments."""
    dtypes = (np.float32, np.bool_, np.bool_, np.bool_, np.bool_, np.int32)
    return StepArrays(*(np.zeros(num_rows, dtype) for dtype in dtypes))


class EpisodeInfo(NamedTuple):
    """What an environment had to say when the episode of a row ended."""

    row: int
    info: Mapping[str, Any]  # Gymnasium's info of the last step
    lost_reward: float = 0.0  # reward of a last step that is marked invalid: for statistics, not for learning

    @property
    def true_objective(self) -> float | None:
        """What the episode is judged by, if that is not the sum of rewards: `true_objective` or `true_reward`."""
        objective = self.info.get("true_objective", self.info.get("true_reward"))
        return None if objective is None else float(objective)

    @property
    def extra(self) -> dict[str, float]:
        """The numbers of `episode_extra_stats`; environments put anything there, and the rest is left out."""
        return {
            str(name): float(value)
            for name, value in self.info.get("episode_extra_stats", {}).items()
            if isinstance(value, (numbers.Real, np.bool_))
        }


class BatchedEnv(Protocol):
    """A fixed number of rows stepped together.

    It may have more: `warm_up` and `use_players` (see `GymnasiumList`), and `set_reward_shaping(reward_shaping, row)`
    with the attribute `reward_shaping` (see `sample_factory.envs.reward_shaping`). With a `shows_last` that is set, an
    episode that terminates is ended like one that is truncated, for those who want to look at its end.
    """

    num_rows: int
    keys: dict[str, KeySpec]
    actions: ActionLayout

    def reset(self, seed: int | None, out: Mapping[str, np.ndarray]) -> None:
        """Start an episode in every row; `out[key]` is [num_rows, *keys[key].shape]."""
        ...

    # hot path
    def step(self, actions: np.ndarray, out: Mapping[str, np.ndarray], result: StepArrays) -> Sequence[EpisodeInfo]:
        """Step every row with flat `actions` [num_rows, actions.num_actions].

        Returns one entry per episode that ended.
        """
        ...

    def close(self) -> None:
        """Release everything; must be safe to call twice."""
        ...


class RowEnv(Protocol):
    """

    A single-agent Gymnasium environment that can also write its observation in place (the fast path of a list of
    environments).

    It is an ordinary `gymnasium.Env` as well; `reset` and `step` do the same as these, with an array of their own.
    """

    def reset_into(self, seed: int | None, out: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Start an episode; `out[key]` is one stored row [*keys[key].shape] (images height-width-channel)."""
        ...

    # hot path
    def step_into(self, action: Any, out: Mapping[str, np.ndarray]) -> tuple[float, bool, bool, dict[str, Any]]:
        """Step with a member of the action space; returns reward, terminated, truncated and info."""
        ...
