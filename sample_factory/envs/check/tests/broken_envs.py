"""Environments that each break one rule. Knows no test."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from sample_factory.envs.contract import EpisodeInfo
from sample_factory.envs.tests.envs_for_tests import Duel
from sample_factory.rl.spaces import action_layout, observation_keys


class Sound(gym.Env):
    """Random numbers to see, a continuous action, episodes of five to nine steps."""

    observation_space: Any = gym.spaces.Box(0, 1, (4,), np.float32)
    action_space: Any = gym.spaces.Box(-1, 1, (2,), np.float32)

    def __init__(self, number: int = 0) -> None:
        self.number = number
        self.steps, self.length = 0, 5

    def observe(self) -> Any:
        return self.np_random.random(4, np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps, self.length = 0, int(self.np_random.integers(5, 10))
        return self.observe(), {}

    def step(self, action):
        assert self.action_space.contains(action)
        self.steps += 1
        return self.observe(), 1.0, self.steps >= self.length, False, {}


class WrongDtype(Sound):
    observation_space = gym.spaces.Box(0, 255, (4,), np.uint8)


class WrongShape(Sound):
    def observe(self):
        return super().observe()[:3]


class OutOfBounds(Sound):
    def observe(self):
        return 2 * super().observe()


class NotFinite(Sound):
    def observe(self):
        return np.where(self.steps == 3, np.float32(np.nan), super().observe())


class LacksAKey(Sound):
    observation_space = gym.spaces.Dict({"a": Sound.observation_space, "b": Sound.observation_space})

    def observe(self):
        return {"a": super().observe()}


class NanReward(Sound):
    def step(self, action):
        observation, _, *rest = super().step(action)
        return observation, np.nan, *rest


class ArrayReward(Sound):
    def step(self, action):
        observation, _, *rest = super().step(action)
        return observation, np.ones(1), *rest


class ReusesBuffer(Sound):
    def __init__(self, number=0):
        super().__init__(number)
        self.buffer = np.zeros(4, np.float32)

    def observe(self):
        self.buffer[:] = super().observe()
        return self.buffer


class SharesRows(Sound):
    buffer = np.zeros(4, np.float32)

    def observe(self):
        self.buffer[:] = super().observe()
        return self.buffer


class IgnoresReset(Sound):
    def reset(self, *, seed=None, options=None):
        steps = self.steps
        observation, info = super().reset(seed=seed)
        self.steps = steps
        return observation, info


class SpacesDiffer(Sound):
    def __init__(self, number=0):
        super().__init__(number)
        self.action_space = gym.spaces.Box(-1 - number, 1, (2,), np.float32)


class SpacesChange(Sound):
    def step(self, action):
        outcome = super().step(action)
        self.observation_space = gym.spaces.Box(0, 2, (4,), np.float32)
        return outcome


class IgnoresSeed(Sound):
    def observe(self):
        return np.random.default_rng().random(4, np.float32)


class SaysItIgnoresSeed(IgnoresSeed):
    nondeterministic = True


class SameForEverySeed(Sound):
    def reset(self, *, seed=None, options=None):
        return super().reset(seed=7)


class Raises(Sound):
    def step(self, action):
        if self.steps == 4:
            raise RuntimeError("no more")
        return super().step(action)


class RejectsActions(Sound):
    action_space = gym.spaces.Discrete(4)

    def step(self, action):
        return super().step(action) if action != 3 else {}[action]


class RejectsEveryAction(Sound):
    def step(self, action):
        raise ValueError("invalid action")


class RaisesWhenMade(Sound):
    def __init__(self, number=0):
        raise RuntimeError("no display")


class ResetReturnsNoTuple(Sound):
    def reset(self, *, seed=None, options=None):
        return super().reset(seed=seed)[0]


class StepOfFour(Sound):
    def step(self, action):
        observation, reward, terminated, _, info = super().step(action)
        return observation, reward, terminated, info


class InfoIsNone(Sound):
    def step(self, action):
        return *super().step(action)[:4], None


class FlagsAreInts(Sound):
    def step(self, action):
        observation, reward, terminated, truncated, info = super().step(action)
        return observation, reward, int(terminated), truncated, info


class MutatesActions(Sound):
    def step(self, action):
        outcome = super().step(action)
        action *= 0.5
        return outcome


class UnsupportedSpace(Sound):
    action_space = gym.spaces.MultiBinary(2)


class AgentVanishes(Duel):
    """Agents are two, and one after some steps."""

    def reset(self, seed=None):
        self.rng = np.random.default_rng(seed)
        return super().reset()

    def _observe(self):
        return [self.rng.random(1, np.float32) for _ in range(2)]

    def step(self, actions):
        outcome = super().step(actions)
        return tuple(part[:1] for part in outcome) if self.steps == 2 else outcome


class NeverResets(AgentVanishes):
    """Ends again and again."""

    def step(self, actions):
        self.steps += 1
        ended = self.steps >= 3
        return self._observe(), [1.0, 1.0], [ended, ended], [{}, {}]


class WithoutSeed(Duel):
    """Sound, but nothing can be repeated."""


class Liar(gym.vector.VectorEnv):
    """Says that it resets in another way than it does."""

    def __init__(self, num_envs: int, real: AutoresetMode, declared: AutoresetMode, finals: bool = True) -> None:
        self.inner = SyncVectorEnv([Sound] * num_envs, autoreset_mode=real)
        self.metadata = {"autoreset_mode": declared}
        self.finals = finals
        self.num_envs = num_envs
        self.single_observation_space = self.inner.single_observation_space
        self.single_action_space = self.inner.single_action_space
        self.observation_space = self.inner.observation_space
        self.action_space = self.inner.action_space

    def reset(self, *, seed=None, options=None):
        return self.inner.reset(seed=seed)

    def step(self, actions):
        *outcome, infos = self.inner.step(actions)
        return *outcome, infos if self.finals else {}


class OneRowForAll(Liar):
    """A batch whose rows are one array."""

    def __init__(self, num_envs: int) -> None:
        super().__init__(num_envs, AutoresetMode.NEXT_STEP, AutoresetMode.NEXT_STEP)

    def step(self, actions):
        observations, *rest = super().step(actions)
        return np.broadcast_to(observations[0], observations.shape), *rest


class Batch:
    """A sound native batch: random numbers, episodes of five steps, the action is not used."""

    def __init__(self, num_envs: int) -> None:
        self.num_rows = num_envs
        self.keys = observation_keys(Sound.observation_space)
        self.actions = action_layout(Sound.action_space)

    def reset(self, seed, out):
        self.rng = np.random.default_rng(seed)
        self.steps = np.arange(self.num_rows) % 5
        self.write(out["obs"])

    def write(self, rows):
        rows[:] = self.rng.random(rows.shape, np.float32)

    def step(self, actions, out, result):
        resets = self.steps == 5
        self.steps = np.where(resets, 0, self.steps + 1)
        result.rewards[:] = ~resets
        result.terminated[:] = self.steps == 5
        result.truncated[:] = False
        result.valid[:] = ~resets
        result.resets[:] = resets
        result.frames[:] = ~resets
        self.write(out["obs"])
        return [EpisodeInfo(row, {}) for row in np.flatnonzero(self.steps == 5).tolist()]

    def close(self):
        pass


class BatchOfOthers(Batch):
    """Two observations where a single environment has one."""

    def __init__(self, num_envs: int) -> None:
        super().__init__(num_envs)
        self.keys = observation_keys(gym.spaces.Box(0, 1, (2,), np.float32))


class BatchForgetsRows(Batch):
    def step(self, actions, out, result):
        before = out["obs"][1].copy()
        outcome = super().step(actions, out, result)
        if result.resets[1]:
            out["obs"][1] = before
        return outcome


class BatchForgetsFlags(Batch):
    def step(self, actions, out, result):
        return super().step(actions, out, result._replace(truncated=result.truncated.copy()))


class BatchIsValidOnReset(Batch):
    def step(self, actions, out, result):
        outcome = super().step(actions, out, result)
        result.valid[:] = True
        return outcome


class BatchLosesObservations(Batch):
    """Truncates and resets in one step, and calls that valid."""

    def step(self, actions, out, result):
        self.steps += 1
        ended = self.steps == 5
        self.steps[ended] = 0
        result.rewards[:], result.terminated[:], result.truncated[:] = 1, False, ended
        result.valid[:], result.resets[:], result.frames[:] = True, ended, 1
        self.write(out["obs"])
        return [EpisodeInfo(row, {}) for row in np.flatnonzero(ended).tolist()]


class BatchNeverResets(Batch):
    def step(self, actions, out, result):
        outcome = super().step(actions, out, result)
        result.resets[:] = False
        return outcome


class BatchRewardsResets(Batch):
    def step(self, actions, out, result):
        outcome = super().step(actions, out, result)
        result.rewards[:] = 1
        return outcome


class BatchCountsResets(Batch):
    def step(self, actions, out, result):
        outcome = super().step(actions, out, result)
        result.frames[:] = 1
        return outcome


class BatchForgetsEpisodes(Batch):
    def step(self, actions, out, result):
        return super().step(actions, out, result)[1:]


class BatchMutatesActions(Batch):
    def step(self, actions, out, result):
        actions *= 0.5
        return super().step(actions, out, result)


class Crashes(Sound):
    def step(self, action):
        if self.steps == 3:
            os.kill(os.getpid(), signal.SIGSEGV)
        return super().step(action)


class Hangs(Sound):
    def step(self, action):
        if self.steps == 3:
            os.write(2, b"hanging\n")
            time.sleep(10_000)
        return super().step(action)


def make_by_name(full_env_name: str, cfg: Any, env_config: Any) -> Any:
    """`broken_<class>`: a class above."""
    cls = globals()[full_env_name.removeprefix("broken_")]
    if issubclass(cls, Sound):
        return cls(env_config.env_id)
    return cls(env_config.num_envs) if issubclass(cls, Batch | OneRowForAll) else cls()
