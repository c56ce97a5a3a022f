"""The list adapter behaves exactly like a plain loop over Gymnasium environments. Knows no sampler."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from sample_factory.envs.failures import MAX_FAILURES, EnvFailedError
from sample_factory.envs.gymnasium_list import GymnasiumList
from sample_factory.envs.registry import make_batched
from sample_factory.envs.tests.envs_for_tests import Counting, InPlace, Nested, Raising, Runner
from sample_factory.rl.spaces import flatten_observation
from sample_factory.system import liveness

CFG = SimpleNamespace()
pytestmark = pytest.mark.filterwarnings("ignore:.*:UserWarning", "ignore:.*:DeprecationWarning")


def of(env_type, num_envs=1, **kwargs):
    return Runner(GymnasiumList(env_type.__name__, lambda _: env_type(**kwargs), num_envs))


def test_a_terminated_episode_is_followed_by_the_next_one_at_once():
    runner = of(Counting, length=2)
    runner.reset()
    assert not runner.step([0])[1].resets[0]
    out, result, episodes = runner.step([0])
    assert out["obs"].tolist() == [[2, 0]] and result == (2, True, False, True, True, 1)
    assert [(e.row, e.info) for e in episodes] == [(0, {"true_objective": 10.0})]
    out, result, episodes = runner.step([0])
    assert out["obs"].tolist() == [[2, 1]] and result == (1, False, False, True, False, 1) and episodes == []


def test_the_last_observation_of_a_truncated_episode_is_kept_and_the_next_step_only_resets():
    runner = of(Counting, length=2, truncates=True)
    runner.reset()
    runner.step([0])
    out, result, episodes = runner.step([0])
    assert out["obs"].tolist() == [[1, 2]] and result == (2, False, True, True, False, 1)
    assert [(e.row, e.info) for e in episodes] == [(0, {"true_objective": 10.0})]
    out, result, episodes = runner.step([0])
    assert out["obs"].tolist() == [[2, 0]] and episodes == []
    assert result == (0, False, False, False, True, 0)
    out, result, _ = runner.step([0])
    assert out["obs"].tolist() == [[2, 1]] and result == (1, False, False, True, False, 1)


def test_truncation_by_the_environment_is_no_termination():
    runner = of(Counting, length=1, truncates=True)
    runner.reset()
    _, result, episodes = runner.step([0])
    assert result.truncated[0] and not result.terminated[0] and result.valid[0] and len(episodes) == 1


@pytest.mark.parametrize(
    "gym_id",
    [
        "CartPole-v1",
        "Pendulum-v1",
        "Blackjack-v1",
        "FrozenLake-v1",
        "Taxi-v4",
        "Acrobot-v1",
        "MountainCarContinuous-v0",
    ],
)
def test_same_outcome_as_a_plain_loop(gym_id):
    """Observations, rewards, ends and time limits equal those of gym.make with all its wrappers, for the same seeds."""
    num_envs, limit = 3, 30
    runner = Runner(
        GymnasiumList(gym_id, lambda _: gym.make(gym_id, max_episode_steps=limit, disable_env_checker=True), num_envs)
    )
    plain = [gym.make(gym_id, max_episode_steps=limit) for _ in range(num_envs)]
    space = plain[0].action_space
    space.seed(1)
    keys = runner.env.keys
    is_dict = isinstance(plain[0].observation_space, gym.spaces.Dict)
    late = [False] * num_envs  # truncated, and not yet started anew
    num_ends = 0

    def same(observation, out, row):
        for name, value in flatten_observation(observation, is_dict).items():
            stored = keys[name].row_view(out[name])[row]
            np.testing.assert_array_equal(stored, np.asarray(value).astype(stored.dtype))

    out = runner.reset(seed=5)
    for i, env in enumerate(plain):
        same(env.reset(seed=5 + i)[0], out, i)
    for _ in range(100):
        actions = [space.sample() for _ in plain]
        out, result, episodes = runner.step([runner.env.actions.encode(action) for action in actions])
        assert {e.row for e in episodes} == set(np.flatnonzero(result.terminated | result.truncated))
        for i, env in enumerate(plain):
            assert result.valid[i] == (not late[i]) and result.resets[i] == (late[i] or result.terminated[i])
            if late[i]:
                same(env.reset()[0], out, i)
                late[i] = False
                continue
            observation, reward, terminated, truncated, _ = env.step(actions[i])
            same(env.reset()[0] if terminated else observation, out, i)
            assert result.rewards[i] == np.float32(reward)
            assert (result.terminated[i], result.truncated[i]) == (terminated, truncated)
            late[i] = truncated and not terminated
            num_ends += terminated or truncated
    assert num_ends >= num_envs


def test_family_environments_end_at_the_time_limit_of_their_specification():
    runner = Runner(make_batched("gym_Pendulum-v1", CFG, 2))
    runner.reset(seed=0)
    ends = [step for step in range(1, 405) if runner.step([[0.0], [0.0]])[1].truncated.all()]
    assert ends == [200, 401]  # 200 steps, one that resets, 200 steps


def test_nested_observations_and_actions_arrive_as_declared():
    runner = of(Nested, num_envs=2)
    env, layout = runner.env.envs[0], runner.env.actions
    out = runner.reset(seed=3)
    twin = Nested()
    observation = twin.reset(seed=3)[0]
    assert out["level"][0, 0] == observation["level"] - 3
    np.testing.assert_array_equal(out["camera"][0], observation["camera"].transpose(1, 2, 0))
    np.testing.assert_allclose(out["sensors/speed"][0], observation["sensors"]["speed"].reshape(-1), rtol=1e-6)
    np.testing.assert_array_equal(out["counts"][0], observation["counts"])
    np.testing.assert_array_equal(out["flags"][0], observation["flags"])
    action = (-1, np.array([0.5, -0.25], np.float32), np.array([1, 4]))
    _, result, _ = runner.step([layout.encode(action)] * 2)
    assert (
        env.actions[0][0] == -1 and env.actions[0][1].tolist() == [0.5, -0.25] and env.actions[0][2].tolist() == [1, 4]
    )
    assert result.frames.tolist() == [4, 4]


def test_box_actions_are_clipped():
    class Recording(Counting):
        action_space: Any = gym.spaces.Box(-1, np.array([1, 2], np.float32), (2,), np.float32)

        def step(self, action):
            self.last = action
            return super().step(action)

    runner = of(Recording)
    runner.reset()
    runner.step([[-5.0, 5.0]])
    assert runner.env.envs[0].last.tolist() == [-1.0, 2.0] and runner.env.envs[0].last.dtype == np.float32


def test_each_environment_gets_its_own_seed_at_the_first_reset_only():
    seeds = []

    class Seeded(Counting):
        def reset(self, *, seed=None, options=None):
            seeds.append(seed)
            return super().reset(seed=seed)

    runner = of(Seeded, num_envs=2, length=1)
    runner.reset(seed=40)
    runner.step([0, 0])
    assert seeds == [40, 41, None, None]
    runner.reset(seed=2**32 - 1)
    assert seeds[-2:] == [2**31 - 1, 0]  # simulators may take no more than 31 bits


def test_an_environment_that_raises_is_rebuilt_and_the_others_go_on():
    made: list[Any] = []

    def make(i):
        made.append((i, Raising(when=2) if i == 1 and len(made) < 3 else Counting(length=50)))
        return made[-1][1]

    runner = Runner(GymnasiumList("raising", make, 3))
    runner.reset(seed=0)
    runner.step([0, 0, 0])
    out, result, episodes = runner.step([0, 0, 0])
    assert result.valid.tolist() == [True, False, True] and result.resets.tolist() == [False, True, False]
    assert result.rewards.tolist() == [2, 0, 2] and result.frames.tolist() == [1, 0, 1]
    assert out["obs"].tolist() == [[1, 2], [1, 0], [1, 2]] and episodes == []
    assert not result.terminated.any() and not result.truncated.any()
    assert runner.env.num_failures == 1 and [i for i, _ in made] == [0, 1, 2, 1] and made[1][1].closed == 1
    assert runner.step([0, 0, 0])[0]["obs"].tolist() == [[1, 3], [1, 1], [1, 3]]


def test_the_traceback_is_logged_once(caplog):
    runner = of(Raising, when=1)
    runner.reset()
    runner.step([0])
    runner.step([0])
    assert len(caplog.records) == 1 and "RuntimeError: the simulator crashed" in caplog.text


def test_an_environment_that_keeps_failing_ends_the_run_with_the_first_traceback():
    runner = of(Raising, when=1)
    runner.reset()
    for _ in range(MAX_FAILURES - 1):
        runner.step([0])
    with pytest.raises(EnvFailedError, match="the simulator crashed"):
        runner.step([0])


def test_failures_far_apart_are_forgiven():
    runner = of(Raising, when=101)
    runner.reset()
    for _ in range(101 * (MAX_FAILURES + 2)):
        runner.step([0])
    assert runner.env.num_failures > MAX_FAILURES


def test_errors_in_reset_use_the_same_budget():
    class Unstartable(Counting):
        def reset(self, *, seed=None, options=None):
            raise OSError("no such map")

    with pytest.raises(EnvFailedError, match="no such map"):
        of(Unstartable).reset()


@pytest.mark.parametrize("truncates", [False, True])
def test_an_error_at_autoreset_is_recovered(truncates):
    class FailsOnce(Counting):
        failed = False

        def reset(self, *, seed=None, options=None):
            if self.episode == 1 and not FailsOnce.failed:
                FailsOnce.failed = True
                raise OSError("port in use")
            return super().reset(seed=seed)

    runner = of(FailsOnce, length=1, truncates=truncates)
    runner.reset()
    if truncates:
        runner.step([0])
    out, result, _ = runner.step([0])
    assert result.resets[0] and result.valid[0] == (not truncates) and runner.env.num_failures == 1
    assert out["obs"].tolist() == [[1, 0]]  # of the new environment
    assert runner.step([0])[1].valid[0]


def test_row_environments_write_in_place_and_agree_with_step():
    direct, plain = of(InPlace, num_envs=2, length=2), of(Counting, num_envs=2, length=2)
    np.testing.assert_array_equal(direct.reset(seed=0)["obs"], plain.reset(seed=0)["obs"])
    for _ in range(7):
        (out_a, a, episodes_a), (out_b, b, episodes_b) = direct.step([0, 1]), plain.step([0, 1])
        np.testing.assert_array_equal(out_a["obs"], out_b["obs"])
        for name in ("rewards", "terminated", "truncated", "valid", "resets"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
        np.testing.assert_array_equal(a.frames, 4 * b.frames)
        assert episodes_a == episodes_b


def test_row_environments_that_raise_are_rebuilt():
    class RaisingInPlace(InPlace, Raising):
        pass

    runner = of(RaisingInPlace, num_envs=2, when=2)
    runner.reset()
    runner.step([0, 0])
    out, result, _ = runner.step([0, 0])
    assert not result.valid.any() and result.resets.all() and out["obs"].tolist() == [[1, 0], [1, 0]]


def test_semantic_wrappers_stay_on():
    runner = Runner(
        GymnasiumList(
            "doubled", lambda _: gym.wrappers.TransformReward(Counting(), lambda reward: 2 * float(reward)), 1
        )
    )
    runner.reset()
    assert runner.step([0])[1].rewards[0] == 2


def test_close_twice():
    runner = of(Counting)
    env = runner.env.envs[0]
    runner.env.close()
    runner.env.close()
    assert env.closed == 1


@pytest.mark.parametrize("kind", [Counting, InPlace])
@pytest.mark.parametrize("truncates", [False, True])
def test_warming_up_leads_each_row_a_number_of_steps_into_its_episodes(kind, truncates):
    runner = of(kind, num_envs=4, length=3, truncates=truncates)
    runner.reset(seed=0)
    runner.env.warm_up(np.array([0, 2, 3, 7]), np.random.default_rng(0), runner.out)
    # [episode, step]: three steps are a whole episode, after which the next one has begun.
    assert runner.out["obs"].tolist() == [[1, 0], [1, 2], [2, 0], [3, 1]]
    out, result, _ = runner.step([0] * 4)
    assert out["obs"].tolist() == [[1, 1], [1, 3] if truncates else [2, 0], [2, 1], [3, 2]]
    assert (result.terminated | result.truncated).tolist() == [False, True, False, False]


def test_warming_up_knows_time_limits_and_survives_failures():
    limited = Runner(GymnasiumList("limited", lambda _: gym.make("CartPole-v1", max_episode_steps=5), 1))
    limited.reset(seed=0)
    limited.env.warm_up(np.array([4]), np.random.default_rng(0), limited.out)
    assert limited.step([0])[1].truncated[0]
    failing = of(Raising, when=2)
    failing.reset()
    failing.env.warm_up(np.array([3]), np.random.default_rng(0), failing.out)
    assert failing.env.num_failures == 1 and failing.out["obs"].tolist() == [[1, 1]]


class Told(Counting):
    """Observes who plays."""

    def __init__(self, length: int = 1) -> None:
        super().__init__(length)
        self.policy_index = -1

    def reset(self, *, seed=None, options=None):
        observation, info = super().reset(seed=seed)
        observation[0] = self.policy_index
        return observation, info


def test_environments_that_ask_know_who_plays_before_they_reset():
    runner = of(Told, 2)
    next_players = np.array([1, 2])
    runner.env.use_players(next_players)
    out = runner.reset()
    assert out["obs"][:, 0].tolist() == [1, 2]
    runner.step([0, 0])
    next_players[:] = [3, 0]
    out, result, _ = runner.step([0, 0])
    assert result.resets.all() and out["obs"][:, 0].tolist() == [3, 0]


def test_every_environment_that_is_made_or_reset_is_a_sign_of_life():
    moves: list[str] = []
    liveness.listen(lambda: moves.append("alive"), lambda: moves.append("moved"))
    try:
        runner = Runner(
            make_batched("gym_CartPole-v1", SimpleNamespace(env_backend="gymnasium", env_frameskip=None), 1)
        )
        made = len(moves)
        assert made and moves == ["alive", "moved"] * (made // 2)
        of(Counting, 3).reset()
        assert len(moves) - made == 6
        runner.env.close()
    finally:
        liveness.listen(lambda: None, lambda: None)
