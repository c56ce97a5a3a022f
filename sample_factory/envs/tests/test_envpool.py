"""EnvPool's batches keep the contract and Gymnasium's rules. Knows no sampler."""

from __future__ import annotations

from types import SimpleNamespace

import gymnasium as gym
import numpy as np
import pytest

from sample_factory.envs.envpool_vector import EnvPoolVector
from sample_factory.envs.registry import make_batched
from sample_factory.envs.tests.envs_for_tests import Runner
from sample_factory.envs.vector_env import VectorEnvAdapter

pytest.importorskip("envpool", reason="EnvPool has no wheel for this Python")


def options(**given):
    return SimpleNamespace(**{"env_backend": "auto", "env_kwargs": "{}", "env_frameskip": None} | given)


def cartpole(num_envs=3):
    return Runner(VectorEnvAdapter("cartpole", EnvPoolVector("CartPole-v1", num_envs)))


def test_a_seed_gives_the_same_episodes_again_and_each_environment_its_own():
    runner = cartpole()
    first = {name: array.copy() for name, array in runner.reset(seed=7).items()}
    runner.step([0, 1, 0])
    again = runner.reset(seed=7)
    np.testing.assert_array_equal(first["obs"], again["obs"])
    assert len(np.unique(again["obs"], axis=0)) == 3
    shifted = runner.reset(seed=8)
    np.testing.assert_array_equal(shifted["obs"][:2], first["obs"][1:])
    runner.env.close()


def test_the_step_after_the_end_only_resets():
    runner = cartpole()
    runner.reset(seed=0)
    ended = np.zeros(3, bool)
    num_ends = 0
    for _ in range(60):
        out, result, episodes = runner.step([1, 1, 0])
        np.testing.assert_array_equal(result.resets, ended)
        np.testing.assert_array_equal(result.valid, ~ended)
        assert (np.abs(out["obs"][ended]) <= 0.05).all()  # CartPole starts there
        assert (result.rewards[ended] == 0).all()
        ended = result.terminated | result.truncated
        assert [episode.row for episode in episodes] == np.flatnonzero(ended).tolist()
        num_ends += int(ended.sum())
    assert num_ends > 3
    runner.env.close()


def test_follows_the_same_dynamics_as_gymnasium():
    ours, reference = cartpole(1), gym.make("CartPole-v1").unwrapped
    start = ours.reset(seed=1)["obs"][0]
    reference.reset()
    reference.state = start.astype(np.float64)
    for action in (0, 1, 1, 0, 1):
        out, result, _ = ours.step([action])
        expected, reward, *_ = reference.step(action)
        np.testing.assert_allclose(out["obs"][0], expected, atol=1e-5)
        assert result.rewards[0] == reward
    ours.env.close()


def test_limits_of_time_truncate():
    runner = Runner(VectorEnvAdapter("pendulum", EnvPoolVector("Pendulum-v1", 1, {"max_episode_steps": 5})))
    runner.reset(seed=0)
    results = [runner.step([[0.0]])[1] for _ in range(6)]
    assert [bool(result.truncated[0]) for result in results] == [False, False, False, False, True, False]
    assert not any(result.terminated[0] for result in results)
    runner.env.close()


def test_frameskip_is_the_tasks_own_and_counts_as_frames():
    env = make_batched("envpool_Pong-v5", options(env_frameskip=2), 2)
    runner = Runner(env)
    runner.reset(seed=0)
    _, result, _ = runner.step([0, 0])
    assert result.frames.tolist() == [2, 2]
    assert env.keys["obs"].shape == (84, 84, 4)
    env.close()


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("envpool_Ponk-v5", {}, "no environment 'Ponk-v5'; did you mean Pong-v5"),
        ("envpool_Pong-v5", {"env_kwargs": '{"stack": 3}'}, "no setting 'stack'; did you mean stack_num"),
        ("envpool_CartPole-v1", {"env_frameskip": 4}, "--env_frameskip=4 is not available"),
        ("envpool_CartPole-v1", {"env_backend": "gymnasium"}, "use auto or envpool"),
    ],
)
def test_says_in_one_line_what_is_wrong(name, given, message):
    with pytest.raises(ValueError, match=message) as error:
        make_batched(name, options(**given), 2)
    assert "\n" not in str(error.value)
