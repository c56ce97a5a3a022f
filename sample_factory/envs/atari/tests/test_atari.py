"""What a user of `atari_<game>` relies on, with both backends. Knows no sampler."""

from __future__ import annotations

import itertools
import sys
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("ale_py")
pytest.importorskip("cv2")

from sample_factory.envs import registry
from sample_factory.envs.atari import games
from sample_factory.envs.atari.batch import AtariBatch
from sample_factory.envs.atari.family import make_ale_vector, make_envpool_vector
from sample_factory.envs.atari.rules import Rules, make_rules
from sample_factory.envs.registry import create_env, make_batched
from sample_factory.envs.tests.envs_for_tests import Runner

VECTORS = {"gymnasium": make_ale_vector, "envpool": make_envpool_vector}
ALIGNED = Rules(4, 4, 108_000, fires_at_start=True, pools=True)
"""Games with a FIRE button start alike with both backends."""
OLD_NAMES = (
    "atari_montezuma",
    "atari_pong",
    "atari_qbert",
    "atari_breakout",
    "atari_spaceinvaders",
    "atari_asteroids",
    "atari_gravitar",
    "atari_mspacman",
    "atari_seaquest",
)


@pytest.fixture(params=["gymnasium", "envpool"])
def backend(request):
    if request.param == "envpool":
        pytest.importorskip("envpool", reason="EnvPool has no wheel for this Python")
    return request.param


def options(**given):
    defaults = {"env_backend": "auto", "env_frameskip": None, "env_framestack": 4, "atari_preset": "v1"}
    return SimpleNamespace(**defaults | given)


def standard(backend, **given):
    return options(env_backend=backend, atari_preset="standard", **given)


def game(name, rules, num_envs=2, backend="gymnasium"):
    return Runner(AtariBatch(VECTORS[backend](name, num_envs, rules), rules))


def play(runner, steps, seed=0):
    """Observations, outcomes and episodes of random play."""
    rng = np.random.default_rng(seed)
    num_actions = runner.env.actions.parts[0].size
    return [runner.step(rng.integers(0, num_actions, runner.env.num_rows)) for _ in range(steps)]


def test_names_of_the_first_sample_factory_are_games():
    assert len(games.list_games()) > 100
    assert {games.find_game(name) for name in OLD_NAMES} <= set(games.list_games())
    assert set(OLD_NAMES) <= set(registry.known_names())
    assert games.find_game("atari_montezuma") == games.find_game("atari_montezuma_revenge") == "montezuma_revenge"


def test_games_that_would_end_the_process_are_not_offered():
    assert not {"atari_combat", "atari_joust", "atari_maze_craze", "atari_warlords"} & set(games.env_names())


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("atari_space_invader", {}, "there is no Atari game 'atari_space_invader'; did you mean atari_space_invaders"),
        ("atari_pong", {"env_backend": "envpool"}, "--atari_preset=v1.*use --env_backend=gymnasium or --atari_preset"),
        ("atari_pong", {"env_framestack": 17}, "--env_framestack=17 is more than the 16"),
    ],
)
def test_says_in_one_line_what_is_wrong(name, given, message):
    with pytest.raises(ValueError, match=message) as error:
        make_batched(name, options(**given), 2)
    assert "\n" not in str(error.value)


def test_asks_for_the_package_of_the_backend(monkeypatch):
    monkeypatch.setitem(sys.modules, "envpool", None)
    with pytest.raises(ValueError, match=r"'envpool': pip install 'sample-factory\[envpool\]'"):
        make_batched("atari_pong", standard("envpool"), 2)


def test_images_of_a_step_are_those_of_the_last_four_steps():
    runner = game("breakout", ALIGNED)
    first = runner.reset(seed=0)["obs"]
    assert first.shape == (2, 84, 84, 4) and first.any()
    assert (first == first[..., :1]).all()
    seen = [first, *(out["obs"] for out, _, _ in play(runner, 6))]
    for earlier, later in itertools.pairwise(seen):
        np.testing.assert_array_equal(later[..., :3], earlier[..., 1:])
    assert (seen[-1][..., 3] != seen[-1][..., 2]).any()


@pytest.mark.parametrize("framestack", [1, 2, 5])
def test_framestack_is_the_number_of_images(framestack):
    runner = Runner(make_batched("atari_pong", options(env_framestack=framestack), 2))
    whole = game("pong", Rules(4, 5, 400_000))
    assert runner.reset(seed=0)["obs"].shape == (2, 84, 84, framestack)
    whole.reset(seed=0)
    for (out, _, _), (reference, _, _) in zip(play(runner, 7), play(whole, 7), strict=True):
        np.testing.assert_array_equal(out["obs"], reference["obs"][..., -framestack:])


def test_a_step_counts_the_frames_that_it_skips_and_a_reset_none():
    runner = Runner(make_batched("atari_pong", options(env_frameskip=3), 2))
    runner.reset(seed=0)
    _, result, _ = runner.step([0, 0])
    assert result.frames.tolist() == [3, 3] and result.valid.all()


def test_the_limit_of_frames_truncates_and_the_next_step_only_resets(backend):
    rules = Rules(4, 4, 22, fires_at_start=True, pools=True)
    runner = game("pong", rules, backend=backend)
    first = runner.reset(seed=0)["obs"]
    steps = play(runner, 8)
    assert [bool(result.truncated.all()) for _, result, _ in steps] == [False] * 5 + [True] + [False] * 2
    assert not any(result.terminated.any() for _, result, _ in steps)
    assert [[episode.row for episode in episodes] for _, _, episodes in steps[4:7]] == [[], [0, 1], []]
    out, result, _ = steps[6]
    assert result.resets.all() and not result.valid.any() and not result.frames.any() and not result.rewards.any()
    np.testing.assert_array_equal(out["obs"], first)
    assert not steps[5][1].resets.any() and steps[7][1].valid.all() and (steps[7][1].frames == 4).all()


def test_limits_are_those_of_the_presets():
    def limits(preset):
        names = ("montezuma_revenge", "space_invaders", "pong")
        return [make_rules(preset, name, 4, 4, False).max_frames for name in names]

    assert limits("v1") == [18_000, 300_000, 400_000]
    assert limits("standard") == [108_000] * 3


def test_v1_starts_every_episode_alike_and_standard_does_not(backend):
    plain = Runner(make_batched("atari_space_invaders", options(), 4)).reset(seed=3)["obs"]
    assert (plain == plain[:1]).all()
    delayed = Runner(make_batched("atari_space_invaders", standard(backend), 4)).reset(seed=3)["obs"]
    assert len(np.unique(delayed.reshape(4, -1), axis=0)) > 1


def test_only_standard_sees_two_frames():
    """With pooling an image is nowhere darker, in a game where single frames leave things out."""
    single, pooled = (game("space_invaders", Rules(4, 1, 108_000, pools=pools), 1) for pools in (False, True))
    single.reset(seed=0), pooled.reset(seed=0)
    pairs = [
        (one["obs"].astype(int), two["obs"])
        for (one, *_), (two, *_) in zip(play(single, 60), play(pooled, 60), strict=True)
    ]
    assert all((two >= one).all() for one, two in pairs)
    assert any((two > one).any() for one, two in pairs)
    assert make_rules("standard", "pong", 4, 4, True).pools and not make_rules("v1", "pong", 4, 4, True).pools


def test_a_seed_gives_the_same_play_again_and_each_environment_its_own(backend):
    runner = Runner(make_batched("atari_space_invaders", standard(backend), 4))
    first = [runner.reset(seed=11)["obs"], *(out["obs"] for out, _, _ in play(runner, 20))]
    again = [runner.reset(seed=11)["obs"], *(out["obs"] for out, _, _ in play(runner, 20))]
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)
    shifted = runner.reset(seed=12)["obs"]
    np.testing.assert_array_equal(shifted[:3], first[0][1:])


def test_a_training_episode_of_standard_ends_with_a_life_but_is_reported_as_a_whole_game(backend):
    runner = Runner(make_batched("atari_breakout", standard(backend), 4))
    reference = Runner(make_batched("atari_breakout", standard(backend), 4, is_training=False))
    runner.reset(seed=0), reference.reset(seed=0)
    num_lost = num_games = 0
    returns, reported = np.zeros(4), []
    for (out, result, episodes), (plain, expected, ends) in zip(play(runner, 500), play(reference, 500), strict=True):
        np.testing.assert_array_equal(out["obs"], plain["obs"])
        np.testing.assert_array_equal(result.rewards, expected.rewards)
        np.testing.assert_array_equal(result.valid, expected.valid)
        assert episodes == ends
        lost = result.terminated & ~expected.terminated
        np.testing.assert_array_equal(result.resets, expected.resets | lost)
        assert result.valid[lost].all() and (result.frames[lost] == 4).all()
        np.testing.assert_array_equal(expected.resets, ~expected.valid)  # evaluation has no other ends
        num_lost += int(lost.sum())
        returns += result.rewards
        for episode in episodes:
            reported.append(returns[episode.row])
            returns[episode.row] = 0
            num_games += 1
    assert num_games > 4
    assert num_lost >= 4 * num_games  # five lives, the last of which ends the game
    assert max(reported) >= 1


def test_v1_never_ends_with_a_life():
    runner = Runner(make_batched("atari_breakout", options(), 2))
    runner.reset(seed=0)
    steps = play(runner, 400)
    assert any(result.terminated.any() for _, result, _ in steps)
    for _, result, _ in steps:
        np.testing.assert_array_equal(result.resets, ~result.valid)


def test_rewards_are_those_of_the_game(backend):
    runner = Runner(make_batched("atari_space_invaders", standard(backend), 2))
    runner.reset(seed=0)
    rewards = {float(reward) for _, result, _ in play(runner, 300) for reward in result.rewards}
    assert len(rewards - {0.0, 1.0, -1.0}) >= 2


@pytest.mark.parametrize("name", ["pong", "breakout"])
def test_both_backends_play_the_same_game(name):
    pytest.importorskip("envpool", reason="EnvPool has no wheel for this Python")
    ours, theirs = (game(name, ALIGNED, 1, backend) for backend in ("gymnasium", "envpool"))
    np.testing.assert_array_equal(ours.reset(seed=0)["obs"], theirs.reset(seed=0)["obs"])
    for (out, result, _), (other, expected, _) in zip(play(ours, 150), play(theirs, 150), strict=True):
        if not result.terminated.any():  # one shows the frame before
            np.testing.assert_array_equal(out["obs"][..., -1], other["obs"][..., -1])
        for one, two in zip(result, expected, strict=True):
            np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("pools", [False, True])
def test_what_is_looked_at_is_what_is_learned_from(pools):
    from sample_factory.envs.atari.single import AtariGame

    rules = Rules(4, 4, 80, fires_at_start=pools, pools=pools)
    batch, single = game("breakout", rules, 1), AtariGame("breakout", rules)
    np.testing.assert_array_equal(batch.reset(seed=0)["obs"][0], single.reset(seed=0)[0])
    rng = np.random.default_rng(0)
    for step in range(1, 21):
        action = int(rng.integers(4))
        out, result, _ = batch.step([action])
        observation, reward, terminated, truncated, _ = single.step(action)
        assert (reward, terminated, truncated) == (result.rewards[0], result.terminated[0], result.truncated[0])
        assert truncated == (step == 20)
        if not truncated:
            np.testing.assert_array_equal(out["obs"][0], observation)


@pytest.mark.parametrize("preset", ["v1", "standard"])
def test_shows_the_game_in_colour(preset):
    env = create_env("atari_pong", options(atari_preset=preset), None, render_mode="rgb_array")
    env.reset(seed=0)
    for _ in range(3):
        env.step(env.action_space.sample())
    picture = env.render()
    assert picture.shape == (210, 160, 3) and (picture[..., 0] != picture[..., 1]).any()
    assert env.metadata["render_fps"] == 15 and env.frames_per_step == 4
    env.close()


def test_no_ops_of_the_single_game_are_drawn_anew():
    env = create_env("atari_space_invaders", options(atari_preset="standard"), None)
    starts = [env.reset(seed=seed)[0] for seed in range(4)]
    assert any((start != starts[0]).any() for start in starts[1:])
    np.testing.assert_array_equal(env.reset(seed=0)[0], starts[0])


def test_closing_twice_is_harmless(backend):
    env = make_batched("atari_pong", standard(backend), 2)
    Runner(env).reset(seed=0)
    env.close()
    env.close()
