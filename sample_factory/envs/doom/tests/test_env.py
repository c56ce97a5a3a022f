"""Frames, rewards and episode ends of Doom environments, on the real engine."""

import time
from contextlib import closing
from typing import Any

import numpy as np
import pytest

pytest.importorskip("vizdoom", reason="needs the vizdoom package")

import cv2
import vizdoom

from sample_factory.envs.doom.env import DoomEnv
from sample_factory.envs.doom.options import DoomOptions
from sample_factory.envs.doom.scenarios import find_scenario
from sample_factory.envs.doom.specs import SPECS, DoomSpec


def _make(name: str = "doom_basic", **arguments: Any) -> "closing[DoomEnv]":
    return closing(DoomEnv(SPECS[name], **arguments))


def _play(env: DoomEnv, seed: int, num_steps: int) -> tuple[np.ndarray, list[tuple[float, bool, bool]]]:
    """Frames, rewards and ends of seeded random play, over episode ends."""
    actions = np.random.default_rng(seed)
    frames, outcomes = [_image(env.reset(seed=seed)[0])], []
    for _ in range(num_steps):
        observation, reward, terminated, truncated, _ = env.step(_random_action(env, actions))
        assert env.observation_space.contains(observation)
        frames.append(_image(observation))
        outcomes.append((reward, terminated, truncated))
        if terminated or truncated:
            frames.append(_image(env.reset()[0]))
    return np.stack(frames), outcomes


def _image(observation: Any) -> np.ndarray:
    image = observation["obs"] if isinstance(observation, dict) else observation
    assert isinstance(image, np.ndarray)
    return image


def _random_action(env: DoomEnv, rng: np.random.Generator) -> Any:
    sizes = env._table.sizes
    return int(rng.integers(sizes[0])) if len(sizes) == 1 else tuple(int(rng.integers(size)) for size in sizes)


def _game(env: DoomEnv) -> vizdoom.DoomGame:
    assert env._game is not None
    return env._game.api


def _screen(env: DoomEnv) -> np.ndarray:
    screen = env.render()
    assert screen is not None
    return screen


_OF_ONE_AGENT = sorted(
    name for name, spec in SPECS.items() if spec.scenario and (spec.match is None or spec.match.num_agents == 1)
)


@pytest.mark.parametrize("name", _OF_ONE_AGENT)
def test_every_environment_plays(name):
    with _make(name) as env:
        frames, outcomes = _play(env, seed=0, num_steps=30)
        assert frames.shape[1:] == (3, 72, 128) and frames.dtype == np.uint8
        assert len(np.unique(frames.reshape(len(frames), -1), axis=0)) > 3  # the picture moves
        assert np.isfinite([reward for reward, _, _ in outcomes]).all()


def test_no_engine_starts_before_the_first_reset():
    with _make() as env:
        assert env.instance_id is None
        env.reset(seed=0)
        assert env.instance_id


@pytest.mark.parametrize("name", ["doom_basic", "doom_defend_the_center"])
def test_same_seed_and_actions_give_the_same_episodes(name):
    with _make(name) as first, _make(name) as second:
        frames, outcomes = _play(first, seed=3, num_steps=150)
        for again in (_play(second, seed=3, num_steps=150), _play(first, seed=3, num_steps=150)):
            np.testing.assert_array_equal(again[0], frames)
            assert again[1] == outcomes
        assert not np.array_equal(_play(first, seed=4, num_steps=150)[0], frames)
    assert any(terminated or truncated for _, terminated, truncated in outcomes)


def test_writing_in_place_equals_reset_and_step():
    with _make("doom_health_gathering") as plain, _make("doom_health_gathering") as in_place:
        rows = np.full((4, 72, 128, 3), 7, np.uint8)
        observation, info = plain.reset(seed=5)
        assert in_place.reset_into(5, {"obs": rows[1]}) == info
        np.testing.assert_array_equal(rows[1].transpose(2, 0, 1), observation)
        for step in range(200):
            row = rows[1 + step % 2]
            observation, *outcome = plain.step(step % 5)
            assert list(in_place.step_into(step % 5, {"obs": row})) == outcome
            np.testing.assert_array_equal(row.transpose(2, 0, 1), observation)
            if outcome[1] or outcome[2]:
                break
        assert outcome[1]
        assert (rows[0] == 7).all() and (rows[3] == 7).all()


_SHIPPED = sorted(name for name in _OF_ONE_AGENT if find_scenario(SPECS[name], DoomOptions()).file is not None)


@pytest.mark.parametrize("name", _SHIPPED)
def test_frames_are_those_of_a_plain_game_resized_as_documented(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a bare engine litters
    rng = np.random.default_rng(1)
    with _make(name) as env:
        observation, _ = env.reset(seed=2)
        with closing(_plain_game(SPECS[name], env._table.buttons, _game(env).get_seed())) as game:
            for _ in range(60):
                np.testing.assert_array_equal(_image(observation), _resized(game.get_state().screen_buffer))
                action = _random_action(env, rng)
                observation, reward, terminated, truncated, _ = env.step(action)
                plain_reward = game.make_action(env._table.row(action), 4)
                assert game.is_episode_finished() == (terminated or truncated)
                if terminated or truncated:
                    break
                if not SPECS[name].rewards_health_gain:
                    assert reward == pytest.approx(plain_reward * SPECS[name].reward_scale)


def _plain_game(spec: DoomSpec, buttons: Any, seed: int) -> vizdoom.DoomGame:
    """The library used as its documentation shows, with three planes: red, green, blue."""
    game = vizdoom.DoomGame()
    game.set_doom_scenario_path(f"{vizdoom.scenarios_path}/{spec.scenario}.wad")
    game.set_doom_map("map01")
    game.set_doom_skill(spec.skill)
    game.set_episode_start_time(spec.start_tic)
    game.set_episode_timeout(spec.timeout_tics)
    game.set_living_reward(spec.living_reward)
    game.set_death_penalty(spec.death_penalty)
    game.set_available_buttons([getattr(vizdoom.Button, button) for button in buttons])
    game.set_screen_resolution(vizdoom.ScreenResolution.RES_160X120)
    game.set_screen_format(vizdoom.ScreenFormat.CRCGCB)
    game.set_render_hud(spec.hud)
    game.set_render_weapon(spec.weapon)
    game.set_render_crosshair(spec.crosshair)
    game.set_render_screen_flashes(spec.screen_flashes)
    game.set_render_decals(False)
    game.set_render_particles(False)
    game.set_window_visible(False)
    game.add_game_args(spec.game_args)
    game.set_seed(seed)
    game.init()
    return game


def _resized(planes: np.ndarray) -> np.ndarray:
    resized = cv2.resize(planes.transpose(1, 2, 0), (128, 72), interpolation=cv2.INTER_NEAREST)
    return np.asarray(resized.transpose(2, 0, 1))


def test_channels_last_and_wide_frames():
    with _make(options=DoomOptions(64, 36, True), channels_first=False, render_mode="rgb_array") as env:
        assert env.reset(seed=0)[0].shape == env.observation_space.shape == (36, 64, 3)
        assert _screen(env).shape == (144, 256, 3)


def test_rendered_frame_is_a_copy():
    with _make(render_mode="rgb_array") as env:
        assert env.render() is None
        env.reset(seed=0)
        first = _screen(env)
        assert first.shape == (120, 160, 3)
        first[:] = 0
        assert _screen(env).any()


def test_random_play_of_basic_scores_as_it_does_elsewhere():
    returns: list[float] = []
    total = 0.0
    rng = np.random.default_rng(0)
    with _make() as env:
        env.reset(seed=0)
        while len(returns) < 40:
            _, reward, terminated, truncated, _ = env.step(int(rng.integers(4)))
            total += reward
            if terminated or truncated:
                returns.append(total)
                total = 0.0
                env.reset()
    assert -1.46 - 0.9 < np.mean(returns) < -1.46 + 0.9  # 60 episodes: mean -1.46, standard deviation 1.96
    assert max(returns) <= 1.0


def test_time_limit_truncates_and_repeats_the_last_frame():
    with _make() as env:
        frame, _ = env.reset(seed=0)
        for step in range(1, 76):
            before, (frame, reward, terminated, truncated, info) = frame, env.step(0)
            assert reward == pytest.approx(-0.04)
            assert (terminated, truncated) == (False, step == 75)
        np.testing.assert_array_equal(frame, before)
        assert frame.any() and info == {}


def test_death_and_reached_goals_terminate():
    with _make("doom_health_gathering") as env:  # standing on acid
        env.reset(seed=0)
        ends = next(step[2:4] for step in iter(lambda: env.step(0), None) if step[2] or step[3])
        assert ends == (True, False)
    with _make() as env:  # the monster dies: the reward is that of a kill
        for seed in range(20):
            _, outcomes = _play(env, seed, num_steps=75)
            if kills := [outcome for outcome in outcomes if outcome[0] > 0.5]:
                break
        assert kills[0][1:] == (True, False)


def test_health_gathering_pays_for_medikits_but_counts_survival():
    gains = 0
    with _make("doom_health_gathering") as env:
        rng = np.random.default_rng(0)
        for episode in range(5):
            env.reset(seed=0 if episode == 0 else None)
            episode_gains, episode_return, health = 0, 0.0, 100.0
            ended = False
            while not ended:
                _, reward, terminated, truncated, info = env.step(int(rng.choice([1, 3, 3, 3, 3])))
                ended = terminated or truncated
                before, health = health, _game(env).get_game_variable(vizdoom.GameVariable.HEALTH)
                assert ended or reward == pytest.approx(1.04 if health > before else 0.04)
                assert ended == ("true_objective" in info)
                episode_gains += health > before
                episode_return += reward
            assert info["true_objective"] == pytest.approx(episode_return - episode_gains)
            gains += episode_gains
    assert gains > 0


def test_frameskip_repeats_the_action():
    # Without a HUD, whose face moves with every frame that is drawn.
    name = "doom_health_gathering"
    with _make(name, frameskip=1) as one, _make(name, frameskip=4) as four:
        one.reset(seed=9)
        four.reset(seed=9)
        for action in (1, 2, 3, 0, 1):
            rewards = [one.step(action) for _ in range(4)]
            frame, reward, *_ = four.step(action)
            np.testing.assert_array_equal(rewards[-1][0], frame)
            assert sum(outcome[1] for outcome in rewards) == pytest.approx(reward)


def test_a_row_that_cannot_be_written_in_place_is_refused():
    with _make() as env, pytest.raises(AssertionError):
        env.reset_into(0, {"obs": np.empty((3, 72, 128), np.uint8).transpose(1, 2, 0)})


def test_sampling_in_one_environment_leaves_the_others_alone():
    with _make() as first, _make() as second:
        first.action_space.seed(0)
        second.action_space.seed(0)
        drawn = [first.action_space.sample() for _ in range(20)]
        assert [second.action_space.sample() for _ in range(20)] == drawn


def test_closing_twice_and_playing_again():
    with _make() as env:
        frame, _ = env.reset(seed=1)
        env.close()
        env.close()
        np.testing.assert_array_equal(env.reset(seed=1)[0], frame)


def test_a_reset_replaces_an_engine_that_is_gone():
    with _make() as env:
        env.reset(seed=1)
        first = env.instance_id
        _game(env).close()
        assert env.reset()[0].any()
        assert env.instance_id != first
        env.step(0)


def test_window_plays_at_the_speed_of_people(monkeypatch):
    slept: list[float] = []
    monkeypatch.setattr(time, "monotonic", lambda: 100.0 + sum(slept))
    monkeypatch.setattr(time, "sleep", slept.append)
    name = "doom_health_gathering"
    with _make(name, fps=35, render_mode="human") as env, _make(name) as fast:
        env.render_mode = None  # no display here: the game itself is the same
        env.reset(seed=6)
        fast.reset(seed=6)
        now_frame, *outcome = env.step(1)
        fast_frame, *expected = fast.step(1)
        np.testing.assert_array_equal(now_frame, fast_frame)
        assert outcome[0] == pytest.approx(expected[0]) and outcome[1:] == expected[1:]
        assert env.render() is None
    assert slept[1:] == pytest.approx([1 / 35] * 3)


def test_unknown_render_mode_is_refused():
    with pytest.raises(ValueError, match="ansi"):
        DoomEnv(SPECS["doom_basic"], render_mode="ansi")
