"""Peers play the same game as our engine."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("vizdoom")
pytest.importorskip("cv2")


@pytest.fixture(scope="module")
def doom_env():
    # By path, as the peers do: the folder is no package of ours.
    spec = importlib.util.spec_from_file_location(
        "peer_doom_env", Path(__file__).parent.parent / "peers" / "doom_env.py"
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_doom_of_peers_has_the_rules_of_ours(doom_env):
    specs = pytest.importorskip("sample_factory.envs.doom.specs")
    actions = pytest.importorskip("sample_factory.envs.doom.actions")
    ours = specs.doom_spec("doom_benchmark_shipped")
    assert f"{ours.scenario}.wad" == doom_env.SCENARIO
    assert (ours.skill, ours.start_tic) == (doom_env.SKILL, doom_env.EPISODE_START_TIC)
    assert ours.timeout_tics == doom_env.EPISODE_TIMEOUT_TICS
    assert (ours.hud, ours.crosshair) == (doom_env.RENDER_HUD, doom_env.RENDER_CROSSHAIR)
    assert (ours.weapon, ours.screen_flashes, ours.living_reward, ours.death_penalty) == (True, True, 0.0, 0.0)
    assert ours.actions == actions.flat(*doom_env.BUTTONS)


def test_the_doom_of_peers_plays_an_episode(doom_env, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # VizDoom writes its files to the working folder
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
