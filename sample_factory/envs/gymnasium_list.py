"""A list of single-agent Gymnasium environments as one batched environment. Knows no family.

The per-step loop only calls the environments and collects what they return; everything else is one array operation per
key. Wrappers that only check or count (order enforcing, passive checker, outermost time limit) are taken off, because
each costs as much as the whole adapter; the time limit is counted here instead, with the same outcome.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from sample_factory.envs.actions import action_decoder
from sample_factory.envs.contract import EpisodeInfo, StepArrays
from sample_factory.envs.failures import FailureBudget, close_quietly
from sample_factory.envs.observations import ObservationWriter
from sample_factory.envs.reward_shaping import RewardShaping, set_reward_shaping
from sample_factory.envs.seeding import env_seed
from sample_factory.rl.spaces import action_layout
from sample_factory.system import liveness

MakeMember = Callable[[int], gym.Env[Any, Any]]
_NO_LIMIT = np.iinfo(np.int32).max


class GymnasiumList:
    """Steps environments one after another.

    A terminated episode is followed by the next one at once; a truncated one in the next step, which only resets,
    because its last observation is still worth something.

    Args:
        name: full environment name, for messages.
        make_member: makes environment number i; called again when environment i has failed.
        num_envs: rows.
        first: environment 0, if it exists already.
    """

    def __init__(
        self, name: str, make_member: MakeMember, num_envs: int, first: gym.Env[Any, Any] | None = None
    ) -> None:
        self.num_rows = num_envs
        self._make_member = make_member
        self._budget = FailureBudget(name, num_envs)
        self.envs = [first if i == 0 and first is not None else make_member(i) for i in range(num_envs)]
        self._writer = ObservationWriter(self.envs[0].observation_space)
        self.keys = self._writer.keys
        self.actions = action_layout(self.envs[0].action_space)
        self._decode = action_decoder(self.actions)
        self._seed: int | None = None
        self._step_count = 0
        self._in_place = False
        self._members: list[Any] = [None] * num_envs
        self._steps: list[Callable[..., Any]] = [_not_reset] * num_envs
        self._limits = np.full(num_envs, _NO_LIMIT, np.int32)
        self._elapsed = np.zeros(num_envs, np.int32)
        self._frames = np.ones(num_envs, np.int32)
        self._resetting: list[int] = []  # rows whose last step truncated an episode
        self._rebuilt: list[int] = []  # rows whose environment failed in this step
        self._shaping: dict[int, RewardShaping] = {}  # of rows for which it was changed
        self._next_players: np.ndarray | None = None
        self.shows_last = False
        """Whether a terminated episode is treated like a truncated one: its end can be looked at."""
        for i in range(num_envs):
            self._adopt(i)

    @property
    def num_failures(self) -> int:
        """How often an environment was rebuilt because it raised."""
        return self._budget.num_failures

    def reset(self, seed: int | None, out: Mapping[str, np.ndarray]) -> None:
        """Start an episode everywhere; environment i gets seed + i."""
        self._seed = seed
        self._resetting = []
        rows = self._rows(out)
        observations = []
        for i in range(self.num_rows):
            observations.append(self._reset_member(i, env_seed(seed, i), rows[i]))
            liveness.moved()
        self._elapsed[:] = 0
        if not self._in_place:
            self._writer.write(observations, out)

    def warm_up(self, steps: np.ndarray, rng: np.random.Generator, out: Mapping[str, np.ndarray]) -> None:
        """Let environment i take `steps[i]` random actions, so that episodes do not end in step; comes after `reset`.

        Args:
            steps: [num_rows] int.
            rng: chooses the actions.
            out: where the observations that `reset` wrote are; those of the last steps replace them.
        """
        space = copy.deepcopy(self.actions.space)
        space.seed(int(rng.integers(2**31)))
        rows = self._rows(out)
        for i, count in enumerate(steps.tolist()):
            observation = self._warm_up_member(i, count, space, rows[i])
            liveness.moved()
            if count and not self._in_place:
                self._writer.write([observation], {name: array[i : i + 1] for name, array in out.items()})

    # hot path
    def step(self, actions: np.ndarray, out: Mapping[str, np.ndarray], result: StepArrays) -> Sequence[EpisodeInfo]:
        """Step every environment once; those whose episode was truncated are reset instead."""
        self._step_count += 1
        self._elapsed += 1
        self._rebuilt = []
        steps = self._steps
        for row in self._resetting:
            steps[row] = self._restart_step(row)
        if self._in_place:
            rewards, terminated, truncated, infos = self._step_rows(self._decode(actions), out)
        else:
            outcomes: list[tuple[Any, Any, bool, bool, dict[str, Any]]] = []
            # Nothing but the calls happens per environment; zip(*) turns outcomes into columns afterwards.
            # Measured by benchmarks/env_adapter.py.
            for step, action in zip(steps, self._decode(actions), strict=True):
                try:
                    outcomes.append(step(action))
                except Exception:  # noqa: PERF203 (free unless raised)
                    row = len(outcomes)
                    outcomes.append((self._rebuild(row, None), 0.0, False, False, {}))
            observations, rewards, terminated, truncated, infos = zip(*outcomes, strict=True)
            self._writer.write(observations, out)
        return self._finish(rewards, terminated, truncated, infos, result, out)

    def use_players(self, next_players: np.ndarray) -> None:
        """Tell environments that have a `policy_index`, before each reset, which policy will play the episode.

        Args:
            next_players: int [num_rows], read at every reset.
        """
        self._next_players = next_players

    def set_reward_shaping(self, reward_shaping: RewardShaping, row: int) -> None:
        """Let the environment of a row, and those that replace it, use other values from now on."""
        self._shaping[row] = reward_shaping
        set_reward_shaping(self.envs[row], reward_shaping, 0)

    def close(self) -> None:
        """Close every environment."""
        envs, self.envs = self.envs, []
        for env in envs:
            close_quietly(env)

    def _warm_up_member(self, i: int, count: int, space: gym.Space[Any], place: Any) -> Any:
        """Returns the last observation; an episode that has ended is followed by the first one of the next."""
        observation = None
        for _ in range(count):
            flat = self.actions.encode(space.sample())[None]
            arguments = (*self._decode(flat), place) if self._in_place else self._decode(flat)
            self._elapsed[i] += 1
            try:
                outcome = self._steps[i](*arguments)
                terminated, truncated = outcome[-3], outcome[-2]
                observation = None if self._in_place else outcome[0]
                if terminated or truncated or self._elapsed[i] >= self._limits[i]:
                    observation = self._call_reset(i, None, place)
                    self._elapsed[i] = 0
            except Exception:
                observation = self._rebuild(i, place)
                self._elapsed[i] = 0
        return observation

    # hot path
    def _step_rows(self, actions: Sequence[Any], out: Mapping[str, np.ndarray]) -> Any:
        places = self._rows(out)
        outcomes: list[Any] = [None] * self.num_rows
        # To and fro: the environments that were stepped last are the ones that the caches still know.
        order = range(self.num_rows)
        for row in order if self._step_count % 2 else reversed(order):
            try:
                outcomes[row] = self._steps[row](actions[row], places[row])
            except Exception:  # noqa: PERF203
                self._rebuild(row, places[row])
                outcomes[row] = (0.0, False, False, {})
        return zip(*outcomes, strict=True)

    # hot path
    def _finish(
        self,
        rewards: Any,
        terminated: Any,
        truncated: Any,
        infos: Sequence[Mapping[str, Any]],
        result: StepArrays,
        out: Mapping[str, np.ndarray],
    ) -> list[EpisodeInfo]:
        result.rewards[:] = rewards
        result.terminated[:] = terminated
        result.truncated[:] = truncated
        result.valid.fill(True)
        result.resets.fill(False)
        result.frames[:] = self._frames
        for row, info in enumerate(infos):
            if info and "num_frames" in info:
                result.frames[row] = info["num_frames"]
        for row in self._resetting:
            self._steps[row] = self._own_step(row)
        for row in (*self._resetting, *self._rebuilt):
            self._elapsed[row] = 0
            result.valid[row], result.resets[row], result.frames[row] = False, True, 0
        np.logical_or(result.truncated, self._elapsed >= self._limits, out=result.truncated)
        ended = (result.terminated | result.truncated).nonzero()[0].tolist()
        self._resetting = [row for row in ended if self.shows_last or not result.terminated[row]]
        if len(ended) > len(self._resetting):
            self._restart_terminated(out, result)
        return [EpisodeInfo(row, infos[row]) for row in ended]

    def _restart_terminated(self, out: Mapping[str, np.ndarray], result: StepArrays) -> None:
        for row in result.terminated.nonzero()[0].tolist():
            place = {name: array[row] for name, array in out.items()} if self._in_place else None
            observation = self._reset_member(row, None, place)
            if place is None:
                self._writer.write([observation], {name: array[row : row + 1] for name, array in out.items()})
            result.resets[row] = True
            self._elapsed[row] = 0

    def _rows(self, out: Mapping[str, np.ndarray]) -> list[dict[str, np.ndarray] | None]:
        if not self._in_place:
            return [None] * self.num_rows
        return [{name: array[row] for name, array in out.items()} for row in range(self.num_rows)]

    def _adopt(self, i: int) -> None:
        env, limit = _peel(self.envs[i])
        self._members[i] = env
        self._in_place = hasattr(env, "step_into")
        self._limits[i] = _NO_LIMIT if limit is None else limit
        self._frames[i] = env.get_wrapper_attr("frames_per_step") if env.has_wrapper_attr("frames_per_step") else 1
        self._steps[i] = self._own_step(i)

    def _own_step(self, i: int) -> Callable[..., Any]:
        step: Callable[..., Any] = self._members[i].step_into if self._in_place else self._members[i].step
        return step

    def _restart_step(self, i: int) -> Callable[..., Any]:
        """What stands in for the environment's step once, after its episode has ended."""

        def restart_in_place(_: Any, place: Mapping[str, np.ndarray]) -> Any:
            self._call_reset(i, None, place)
            return 0.0, False, False, {}

        def restart(_: Any) -> Any:
            return self._call_reset(i, None, None), 0.0, False, False, {}

        return restart_in_place if self._in_place else restart

    def _call_reset(self, i: int, seed: int | None, place: Mapping[str, np.ndarray] | None) -> Any:
        member = self._members[i]
        if self._next_players is not None and hasattr(member, "policy_index"):
            member.policy_index = int(self._next_players[i])
        return member.reset(seed=seed)[0] if place is None else member.reset_into(seed, place)

    def _reset_member(self, i: int, seed: int | None, place: Mapping[str, np.ndarray] | None) -> Any:
        try:
            return self._call_reset(i, seed, place)
        except Exception:
            return self._rebuild(i, place)

    def _rebuild(self, i: int, place: Mapping[str, np.ndarray] | None) -> Any:
        """Replace environment i, which has just raised; returns the first observation of the new one."""
        self._rebuilt.append(i)

        def restart(seed: int | None) -> Any:
            self.envs[i] = self._make_member(i)
            self._adopt(i)
            if i in self._shaping:
                set_reward_shaping(self.envs[i], self._shaping[i], 0)
            return self._call_reset(i, seed, place)

        return self._budget.recover(i, self._step_count, self._seed, lambda: close_quietly(self.envs[i]), restart)


def _peel(env: gym.Env[Any, Any]) -> tuple[gym.Env[Any, Any], int | None]:
    """The environment without wrappers that change nothing, and the limit of the outermost time limit."""
    limit = None
    checks = (gym.wrappers.OrderEnforcing, gym.wrappers.PassiveEnvChecker)
    while True:
        if type(env) is gym.wrappers.TimeLimit and limit is None and env.spec is not None:
            limit = env.spec.max_episode_steps
        elif type(env) not in checks:
            return env, limit
        assert isinstance(env, gym.Wrapper)
        env = env.env


def _not_reset(*_: Any) -> Any:
    raise AssertionError("reset comes before step")
