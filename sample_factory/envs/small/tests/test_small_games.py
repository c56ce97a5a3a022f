"""What holds for all small games: the contract, seeds, one game to look at, names. Knows no rules."""

from __future__ import annotations

from types import SimpleNamespace

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st

from sample_factory.envs.registry import create_env, make_batched
from sample_factory.envs.small.bandit import PULLS, Bandit
from sample_factory.envs.small.game import OneGame
from sample_factory.envs.small.pennies import HEADS, TAILS
from sample_factory.envs.small.tmaze import FORWARD, LEFT, RIGHT
from sample_factory.envs.tests.envs_for_tests import Runner

CFG = SimpleNamespace()
ZERO_SUM = ("pennies_3", "pursuit_3")
NAMES = ("bandit_3", "meeting_3", "recall_2", "tmaze_2", *ZERO_SUM)


def play(name, seed, num_envs=6, steps=60, action_seed=5):
    """Observations and results of random play, which is the same for equal seeds."""
    runner = Runner(make_batched(name, CFG, num_envs))
    rng = np.random.default_rng(action_seed)
    seen, results = [runner.reset(seed)["obs"]], []
    for _ in range(steps):
        actions = rng.integers(runner.env.actions.parts[0].size, size=runner.env.num_rows)
        out, result, episodes = runner.step(actions)
        assert [e.row for e in episodes] == np.flatnonzero(result.terminated | result.truncated).tolist()
        seen.append(out["obs"])
        results.append(result)
    return np.array(seen), results


@pytest.mark.parametrize("name", NAMES)
def test_a_terminated_episode_is_followed_at_once_and_a_truncated_one_by_a_step_that_only_resets(name):
    seen, results = play(name, seed=0)
    late = np.zeros(seen.shape[1], bool)
    for result in results:
        np.testing.assert_array_equal(result.resets, late | result.terminated)
        np.testing.assert_array_equal(result.valid, ~late)
        np.testing.assert_array_equal(result.frames, ~late)
        assert not (result.rewards[late].any() or result.terminated[late].any() or result.truncated[late].any())
        assert not (result.terminated & result.truncated).any()
        late = result.truncated
    assert sum(result.resets.sum() for result in results) > 6


@pytest.mark.parametrize("name", NAMES)
def test_first_observations_are_those_of_a_reset_whichever_way_an_episode_ended(name):
    seen, results = play(name, seed=0, num_envs=50)
    firsts = {observation.tobytes() for seed in range(40) for observation in play(name, seed, 50, steps=0)[0][0]}
    begun = [observation for result, out in zip(results, seen[1:], strict=True) for observation in out[result.resets]]
    assert len(begun) > 50 and all(observation.tobytes() in firsts for observation in begun)


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_gives_the_same_episodes_again(name):
    (seen, results), (again, results_again) = play(name, seed=1), play(name, seed=1)
    np.testing.assert_array_equal(seen, again)
    np.testing.assert_array_equal(results, results_again)
    if name == "pennies_3":
        return  # nothing in it is random
    other_seen, other_results = play(name, seed=2)
    rewards, other_rewards = ([result.rewards for result in r] for r in (results, other_results))
    assert not (np.array_equal(seen, other_seen) and np.array_equal(rewards, other_rewards))


@pytest.mark.parametrize("name", NAMES)
def test_observations_are_those_that_are_declared(name):
    space = make_batched(name, CFG, 1).observation_space
    assert all(observation in space for observation in play(name, seed=0)[0].reshape(-1, *space.shape))


@pytest.mark.parametrize("name", ZERO_SUM)
@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1))
def test_what_one_agent_gets_the_other_one_loses_at_every_step(name, seed):
    rewards = np.array([result.rewards for result in play(name, seed, action_seed=seed)[1]]).reshape(-1, 2)
    assert (rewards[:, 0] == -rewards[:, 1]).all() and set(np.abs(rewards).flat) <= {0, 1} and rewards.any()


@pytest.mark.parametrize("name", ["bandit_3", "recall_2", "tmaze_2"])
def test_one_game_is_a_gymnasium_environment(name):
    env = create_env(name, CFG, None)
    assert isinstance(env, gym.Env)
    check_env(env, skip_render_check=True)


def test_one_game_can_be_looked_at():
    env = create_env("tmaze_2", CFG, None, "ansi")
    observation, _ = env.reset(seed=1)
    goal = RIGHT if observation[1] else LEFT
    assert env.render() == f"corridor, goal {'right' if goal == RIGHT else 'left'}"
    outcomes = [env.step(action) for action in (FORWARD, FORWARD, goal)]
    assert [outcome[1:4] for outcome in outcomes] == [(0.0, False, False), (0.0, False, False), (4.0, True, False)]


def test_one_game_tells_what_there_is_to_know_at_the_end_of_an_episode():
    class Telling(Bandit):
        def _info(self, row):
            return {"episode_extra_stats": {"pulls": PULLS}}

    env = OneGame(Telling(1, 2))
    env.reset(seed=0)
    infos = [env.step(0)[4] for _ in range(PULLS)]
    assert infos == [{}] * (PULLS - 1) + [{"episode_extra_stats": {"pulls": PULLS}}]


def test_one_game_for_two_can_be_looked_at():
    runner = Runner(create_env("meeting_2", CFG, None, "ansi"))
    out = runner.reset(seed=0)["obs"]
    lines = runner.env.render().splitlines()
    for agent, (column, row) in enumerate(out[:, :2].astype(int).tolist()):
        assert lines[row][column] == str(agent)
    assert sorted("".join(lines)) == [".", ".", "0", "1"]


def test_a_pursuit_can_be_looked_at():
    runner = Runner(create_env("pursuit_3", CFG, None, "ansi"))
    out = runner.reset(seed=0)["obs"]
    *lines, time = runner.env.render().splitlines()
    assert [lines[row][column] for column, row in (2 * out[:, :2]).astype(int).tolist()] == ["P", "E"]
    assert len(lines) == 3 and time == "3 steps left"


def test_pennies_can_be_looked_at():
    runner = Runner(create_env("pennies_3", CFG, None, "ansi"))
    runner.reset(seed=0)
    assert runner.env.render() == "round 0 of 3: - -"
    runner.step([HEADS, TAILS])
    assert runner.env.render() == "round 1 of 3: H T"


@pytest.mark.parametrize(
    ("name", "use"),
    [
        ("tmaze_", "tmaze_<number from 1>, such as tmaze_10"),
        ("tmaze_0", "tmaze_<number from 1>"),
        ("tmaze_ten", "tmaze_<number from 1>, such as tmaze_10"),
        ("bandit_1", "bandit_<number from 2>, such as bandit_4"),
        ("meeting_1", "meeting_<number from 2>"),
        ("recall_0", "recall_<number from 1>"),
        ("pennies_0", "pennies_<number from 1>, such as pennies_10"),
        ("pursuit_1", "pursuit_<number from 2>, such as pursuit_4"),
    ],
)
def test_a_wrong_size_is_refused(name, use):
    with pytest.raises(ValueError, match=f"unknown environment '{name}'; use {use}"):
        create_env(name, CFG)


def test_a_picture_shows_what_the_agent_sees():
    env = create_env("recall_2", CFG, None, "rgb_array")
    observation, _ = env.reset(seed=1)
    picture = env.render()
    assert picture.dtype == np.uint8 and picture.shape == (96, 320, 3)
    squares = picture[-20, 28::48][: len(observation)]  # the middle of each
    assert (squares[:, 0] / 255 == observation).all()
    for _ in range(2):
        observation, *_ = env.step(0)
    assert not (env.render() == picture).all()
