"""Peers play the same games as our engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sample_factory.envs.atari.rules import IMAGE_SIZE, make_rules
from sample_factory.envs.contract import new_step_arrays
from sample_factory.envs.observations import zero_rows
from sample_factory.envs.small.meeting import Meeting

PEERS = Path(__file__).parent.parent / "peers"


@pytest.fixture
def peers(monkeypatch):
    """By path, as the peers do: the folder is no package of ours."""
    monkeypatch.syspath_prepend(str(PEERS))


@pytest.fixture
def doom_env(peers):
    pytest.importorskip("vizdoom")
    pytest.importorskip("cv2")
    import doom_env

    return doom_env


def test_the_doom_of_peers_has_the_rules_of_ours(doom_env):
    specs = pytest.importorskip("sample_factory.envs.doom.specs")
    actions = pytest.importorskip("sample_factory.envs.doom.actions")
    options = pytest.importorskip("sample_factory.envs.doom.options")
    ours = specs.doom_spec("doom_benchmark")
    assert options.DoomOptions().doom_num_maps == doom_env.NUM_MAPS
    assert (ours.skill, ours.start_tic) == (doom_env.SKILL, doom_env.EPISODE_START_TIC)
    assert ours.timeout_tics == doom_env.EPISODE_TIMEOUT_TICS
    assert (ours.hud, ours.crosshair) == (doom_env.RENDER_HUD, doom_env.RENDER_CROSSHAIR)
    assert (ours.weapon, ours.screen_flashes, ours.living_reward, ours.death_penalty) == (True, True, 0.0, 0.0)
    assert ours.actions == actions.flat(*doom_env.BUTTONS)


def test_the_doom_of_peers_plays_an_episode(doom_env, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # VizDoom writes its files to the working folder
    monkeypatch.setattr(doom_env, "SCENARIO", tmp_path / "battle.wad")
    monkeypatch.setattr("sys.argv", ["doom_maps", str(doom_env.SCENARIO)])
    from benchmarks import doom_maps

    doom_maps.main()
    env = doom_env.DoomEnv()
    try:
        first, _ = env.reset(seed=1)
        for step in range(1 + doom_env.EPISODE_TIMEOUT_TICS // doom_env.FRAMESKIP):
            observation, _, terminated, truncated, _ = env.step(step % env.action_space.n)
            assert env.observation_space.contains(observation)
            if terminated or truncated:
                break
        assert terminated or truncated
        assert not np.array_equal(first, observation)
        assert env.observation_space.contains(env.reset()[0])
    finally:
        env.close()


def test_the_atari_of_peers_has_the_rules_of_ours(peers):
    import atari_rules

    ours = make_rules("standard", "breakout", atari_rules.FRAMESKIP, atari_rules.FRAMESTACK, is_training=True)
    assert (ours.max_noops, ours.max_frames) == (atari_rules.MAX_NOOPS, atari_rules.MAX_FRAMES)
    assert ours.fires_at_start and ours.pools and ours.ends_with_life
    assert atari_rules.IMAGE_SIZE == IMAGE_SIZE


def test_the_atari_of_peers_ends_with_a_life_and_goes_on_with_the_game(peers):
    pytest.importorskip("ale_py")
    pytest.importorskip("cv2")
    from atari_env import AtariEnv

    env = AtariEnv("breakout")
    observation, _ = env.reset(seed=1)
    assert env.observation_space.contains(observation)
    lives = []
    while len(lives) < 5:
        observation, _, terminated, truncated, info = env.step(0 if len(lives) % 2 else 1)
        assert info["num_frames"] == 4 and not truncated
        if terminated:
            lives.append(env._ale.lives())
            env.reset()
    assert lives == [4, 3, 2, 1, 0]
    assert env._ale.lives() == 5


def test_the_meeting_of_peers_is_ours(peers):
    from meeting_rows import MeetingRows

    ours, theirs = Meeting(50, 4), MeetingRows(50, 4)
    out, result = zero_rows(ours.keys, ours.num_rows), new_step_arrays(ours.num_rows)
    ours.reset(0, out)
    theirs.reset(0)
    assert theirs.observation_space == ours.observation_space and theirs.action_space == ours.action_space
    random = np.random.default_rng(0)
    has_met = has_been_late = False
    for _ in range(60):
        theirs._cells[:], theirs._ages[:] = ours._cells, ours._elapsed
        np.testing.assert_array_equal(theirs._observations(), out["obs"])
        actions = random.integers(5, size=ours.num_rows).astype(np.int32)
        ours.step(actions[:, None], out, result)
        observations, rewards, terminated, truncated = theirs.step(actions)
        playing = ~result.resets  # a game that has ended takes one more step of ours to start anew
        for mine, other in zip(result[:3], (rewards, terminated, truncated), strict=True):
            np.testing.assert_array_equal(mine[playing], other[playing])
        going_on = playing & ~terminated & ~truncated
        np.testing.assert_array_equal(observations[going_on], out["obs"][going_on])
        has_met |= bool(terminated.any())
        has_been_late |= bool(truncated.any())
    assert has_met and has_been_late


def test_games_of_peers_start_in_different_cells(peers):
    from meeting_rows import MeetingRows

    rows = MeetingRows(500, 3)
    rows.reset(seed=0)
    assert (rows._cells[:, 0] != rows._cells[:, 1]).any(1).all()
    assert rows._cells.min() == 0 and rows._cells.max() == 2
