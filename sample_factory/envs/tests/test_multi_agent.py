"""Multi-agent environments of both generations keep the contract. Knows no sampler."""

from __future__ import annotations

import numpy as np
import pytest

from sample_factory.envs.multi_agent import MultiAgentList, reset_agents, step_agents
from sample_factory.envs.tests.envs_for_tests import Duel, Runner


def of(num_envs=1, **kwargs):
    return Runner(MultiAgentList("duel", lambda _: Duel(**kwargs), num_envs))


def test_rows_are_the_agents_of_each_environment_in_order():
    runner = of(num_envs=2)
    assert runner.env.num_rows == 4
    assert runner.reset(seed=1)["obs"].ravel().tolist() == [0, 100, 0, 100]
    runner.step([0, 1, 2, 0])
    assert [env.actions for env in runner.env.envs] == [[[0, 1]], [[2, 0]]]


def test_inactive_agents_are_invalid_and_count_no_frames():
    runner = of()
    runner.reset()
    assert runner.step([0, 0])[1].valid.tolist() == [True, True]
    _, result, _ = runner.step([0, 0])
    assert result.valid.tolist() == [True, False] and result.frames.tolist() == [2, 0]
    assert result.rewards.tolist() == [1, 0] and not result.resets.any()


def test_done_is_a_termination_whose_observation_is_the_next_first_one():
    runner = of(length=3)
    runner.reset()
    runner.step([0, 0])
    runner.step([0, 0])
    out, result, episodes = runner.step([0, 0])
    assert result.terminated.all() and not result.truncated.any() and result.resets.all() and result.valid.all()
    assert out["obs"].ravel().tolist() == [0, 100] and result.rewards.tolist() == [1, 2]
    assert [e.row for e in episodes] == [0, 1] and episodes[0].info["true_objective"] == 5.0


def test_truncated_last_step_is_invalid_and_its_reward_is_handed_over():
    runner = of(length=1, has_five=True)
    runner.reset()
    _, result, episodes = runner.step([0, 0])
    assert result.truncated.all() and result.resets.all() and not result.valid.any()
    assert result.rewards.tolist() == [0, 0] and result.frames.tolist() == [2, 2]
    assert [e.lost_reward for e in episodes] == [1, 2]


def test_an_inactive_agent_whose_episode_ends_is_reset_but_invalid():
    runner = of(length=2)
    runner.reset()
    runner.step([0, 0])
    _, result, episodes = runner.step([0, 0])
    assert result.terminated.all() and result.resets.all() and result.valid.tolist() == [True, False]
    assert [e.row for e in episodes] == [0, 1]


def test_an_environment_that_raises_is_rebuilt_with_all_its_agents():
    made: list[Duel] = []

    def make(_):
        made.append(Duel(length=9, raise_at=2 if len(made) == 1 else None))
        return made[-1]

    runner = Runner(MultiAgentList("duel", make, 2))
    runner.reset()
    runner.step([0] * 4)
    out, result, episodes = runner.step([0] * 4)
    assert result.resets.tolist() == [False, False, True, True] and not result.valid[2:].any() and result.valid[0]
    assert out["obs"].ravel().tolist() == [2, 102, 0, 100] and result.frames.tolist() == [2, 0, 0, 0] and not episodes
    assert runner.env.num_failures == 1 and made[1].closed == 1


def test_time_limits_of_the_first_generation_are_truncations():
    class Limited(Duel):
        def step(self, actions):
            observations, rewards, dones, infos = super().step(actions)
            infos[0]["TimeLimit.truncated"] = True
            return observations, rewards, dones, infos

    outcome = step_agents(Limited(length=1), [0, 0])
    assert outcome.terminated == [False, True] and outcome.truncated == [True, False]


@pytest.mark.parametrize("with_infos", [False, True])
def test_reset_with_and_without_infos_and_seed(with_infos):
    class Seeded(Duel):
        def reset(self, *, seed=None):
            observations = [np.array([seed]), np.array([seed + 1])]
            return (observations, [{}, {}]) if with_infos else tuple(observations)

    assert [int(o[0]) for o in reset_agents(Seeded(), 7)] == [7, 8]
    assert len(reset_agents(Duel(), 7)) == 2
