"""Bare loops count the frames of what they step."""

from __future__ import annotations

import itertools

import gymnasium as gym

from benchmarks.cases.work import Backend
from benchmarks.environments import make_env
from benchmarks.loops import frames_of_steps
from sample_factory.envs.gymnasium_list import GymnasiumList


def test_a_native_batch_is_stepped_as_it_is():
    frames = itertools.islice(frames_of_steps(make_env(Backend("meeting_3"), 4), seed=0), 200)
    counted = list(frames)
    assert max(counted) == 8  # two agents each
    assert sum(counted) < 8 * 200  # steps that only reset are no frames


class _InPlace(gym.Env):
    observation_space = gym.spaces.Box(-1, 1, (2,))
    action_space = gym.spaces.Discrete(2)
    frames_per_step = 4

    def __init__(self):
        self.steps = self.resets = 0

    def reset_into(self, seed, out):
        self.resets += 1
        return {}

    def step_into(self, action, out):
        self.steps += 1
        out["obs"][:] = self.steps
        return 0.0, self.steps % 3 == 0, False, {}


def test_single_environments_write_into_rows_and_are_reset_in_the_same_step():
    envs = GymnasiumList("fake", lambda i: _InPlace(), 2)
    assert list(itertools.islice(frames_of_steps(envs, seed=0), 6)) == [8] * 6
    assert [(env.steps, env.resets) for env in envs.envs] == [(6, 3)] * 2
