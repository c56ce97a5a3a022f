"""Multi-agent environments (lists in, lists out) as batched environments. Knows no family.

The interface: attributes `num_agents` and `is_multiagent`, spaces of one agent, `reset` that returns a list of
observations (or that and infos), `step(actions)` that returns lists (observations, rewards, dones, infos), or with
terminated and truncated instead of dones. An info with `is_active` False says that the agent did not take part in this
step.

An agent whose episode has ended is reset by the environment itself within that step, so a truncated last step has lost
its final observation and is marked invalid. An environment with the `autoreset_mode` NEXT_STEP in its metadata keeps
it: it returns the final observation, and an info with `is_reset` at the later step that starts the next episode.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from gymnasium.vector import AutoresetMode

from sample_factory.envs.actions import action_decoder
from sample_factory.envs.contract import EpisodeInfo, StepArrays
from sample_factory.envs.failures import FailureBudget, close_quietly
from sample_factory.envs.observations import ObservationWriter
from sample_factory.envs.reward_shaping import RewardShaping, set_reward_shaping
from sample_factory.envs.seeding import env_seed
from sample_factory.rl.spaces import action_layout
from sample_factory.system import liveness


class AgentsOutcome(NamedTuple):
    """What one multi-agent step returned, one entry per agent."""

    observations: Sequence[Any]
    rewards: Sequence[float]
    terminated: Sequence[bool]
    truncated: Sequence[bool]
    infos: Sequence[Mapping[str, Any]]


class MultiAgentList:
    """Steps multi-agent environments one after another; row = environment * num_agents + agent."""

    def __init__(self, name: str, make_member: Callable[[int], Any], num_envs: int, first: Any = None) -> None:
        self._make_member = make_member
        self._budget = FailureBudget(name, num_envs)
        self.envs = [first if i == 0 and first is not None else make_member(i) for i in range(num_envs)]
        self.num_agents = int(env_attribute(self.envs[0], "num_agents", 1))
        self.num_rows = num_envs * self.num_agents
        self._writer = ObservationWriter(self.envs[0].observation_space)
        self.keys = self._writer.keys
        self.actions = action_layout(self.envs[0].action_space)
        self._decode = action_decoder(self.actions)
        self._frames = int(env_attribute(self.envs[0], "frames_per_step", 1))
        mode = env_attribute(self.envs[0], "metadata", {}).get("autoreset_mode", AutoresetMode.SAME_STEP)
        self._same_step = mode == AutoresetMode.SAME_STEP
        self._seed: int | None = None
        self._step_count = 0
        self._shaping: dict[int, RewardShaping] = {}  # of rows for which it was changed

    @property
    def num_failures(self) -> int:
        """How often an environment was rebuilt because it raised."""
        return self._budget.num_failures

    def reset(self, seed: int | None, out: Mapping[str, np.ndarray]) -> None:
        """Start an episode everywhere; environment i gets seed + i."""
        self._seed = seed
        observations: list[Any] = []
        for i, env in enumerate(self.envs):
            try:
                observations += reset_agents(env, env_seed(seed, i))
            except Exception:
                observations += self._rebuild(i)
            liveness.moved()
        self._writer.write(observations, out)

    # hot path
    def step(self, actions: np.ndarray, out: Mapping[str, np.ndarray], result: StepArrays) -> Sequence[EpisodeInfo]:
        """Step every environment once."""
        self._step_count += 1
        members, rebuilt = self._decode(actions), []
        outcomes: list[AgentsOutcome] = []
        for i, env in enumerate(self.envs):
            try:
                outcomes.append(step_agents(env, members[i * self.num_agents : (i + 1) * self.num_agents]))
            except Exception:  # noqa: PERF203
                rebuilt.append(i)
                none = [False] * self.num_agents
                outcomes.append(
                    AgentsOutcome(self._rebuild(i), [0.0] * self.num_agents, none, none, [{}] * self.num_agents)
                )
        self._writer.write([observation for outcome in outcomes for observation in outcome.observations], out)
        return self._finish(outcomes, rebuilt, result)

    def set_reward_shaping(self, reward_shaping: RewardShaping, row: int) -> None:
        """Let the agent of a row use other values from now on, also in environments that replace its own."""
        self._shaping[row] = reward_shaping
        env, agent = divmod(row, self.num_agents)
        set_reward_shaping(self.envs[env], reward_shaping, agent)

    def close(self) -> None:
        """Close every environment."""
        envs, self.envs = self.envs, []
        for env in envs:
            close_quietly(env)

    def _finish(self, outcomes: list[AgentsOutcome], rebuilt: list[int], result: StepArrays) -> list[EpisodeInfo]:
        infos = [info for outcome in outcomes for info in outcome.infos]
        rewards = np.array([reward for outcome in outcomes for reward in outcome.rewards], np.float32)
        active = np.array([info.get("is_active", True) for info in infos], np.bool_)
        result.terminated[:] = [end for outcome in outcomes for end in outcome.terminated]
        result.truncated[:] = [end for outcome in outcomes for end in outcome.truncated]
        result.frames[:] = [info.get("num_frames", self._frames) for info in infos]
        if self._same_step:
            result.resets[:] = result.terminated | result.truncated
            result.valid[:] = active & (result.terminated | ~result.truncated)
        else:
            result.resets[:] = [info.get("is_reset", False) for info in infos]
            result.valid[:] = active & ~result.resets
            active &= ~result.resets
        result.frames[~active] = 0
        for i in rebuilt:
            rows = slice(i * self.num_agents, (i + 1) * self.num_agents)
            result.valid[rows], result.resets[rows], result.frames[rows] = False, True, 0
        result.rewards[:] = np.where(result.valid, rewards, 0)
        ended = np.flatnonzero(result.terminated | result.truncated).tolist()
        return [EpisodeInfo(row, infos[row], float(rewards[row] - result.rewards[row])) for row in ended]

    def _rebuild(self, i: int) -> Sequence[Any]:
        def restart(seed: int | None) -> Sequence[Any]:
            self.envs[i] = self._make_member(i)
            for agent in range(self.num_agents):
                if (shaping := self._shaping.get(i * self.num_agents + agent)) is not None:
                    set_reward_shaping(self.envs[i], shaping, agent)
            return reset_agents(self.envs[i], seed)

        return self._budget.recover(i, self._step_count, self._seed, lambda: close_quietly(self.envs[i]), restart)


def env_attribute(env: Any, name: str, default: Any) -> Any:
    """An attribute of an environment or of one that it wraps."""
    if hasattr(env, "has_wrapper_attr"):
        return env.get_wrapper_attr(name) if env.has_wrapper_attr(name) else default
    return getattr(env, name, default)


def takes_seed(env: Any) -> bool:
    """Whether `reset` has a place for a seed."""
    parameters = inspect.signature(env.reset).parameters
    return "seed" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def reset_agents(env: Any, seed: int | None) -> Sequence[Any]:
    """Reset a multi-agent environment, with a seed if it takes one; the observations of its agents."""
    outcome = env.reset(seed=seed) if takes_seed(env) else env.reset()
    has_infos = (
        isinstance(outcome, tuple)
        and len(outcome) == 2
        and isinstance(outcome[0], list | tuple | np.ndarray)
        and isinstance(outcome[1], list | dict)
    )
    observations: Sequence[Any] = outcome[0] if has_infos else outcome
    return observations


# hot path
def step_agents(env: Any, actions: Sequence[Any]) -> AgentsOutcome:
    """Step a multi-agent environment of either generation; dones are terminations unless the info says otherwise."""
    return read_outcome(env.step(list(actions)))


# hot path
def read_outcome(outcome: Any) -> AgentsOutcome:
    """What `step` of either generation returned, by name."""
    if len(outcome) == 5:
        return AgentsOutcome(*outcome)
    observations, rewards, dones, infos = outcome
    truncated = [bool(done and info.get("TimeLimit.truncated", False)) for done, info in zip(dones, infos, strict=True)]
    terminated = [bool(done and not cut) for done, cut in zip(dones, truncated, strict=True)]
    return AgentsOutcome(observations, rewards, terminated, truncated, infos)
