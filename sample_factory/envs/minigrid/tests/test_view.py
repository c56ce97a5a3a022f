"""The quick view is the package's, cell by cell. Knows no family."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from sample_factory.envs.minigrid.view import View

pytest.importorskip("minigrid", reason="the extra minigrid is not installed")


@pytest.mark.parametrize(
    ("name", "kwargs"),
    [
        ("MiniGrid-KeyCorridorS3R3-v0", {}),
        ("MiniGrid-LavaCrossingS9N2-v0", {}),
        ("MiniGrid-Fetch-8x8-N3-v0", {}),  # sees through walls
        ("MiniGrid-Playground-v0", {"agent_view_size": 5}),
        ("BabyAI-UnlockToUnlock-v0", {"agent_view_size": 9}),
    ],
)
def test_equals_the_packages_view(name, kwargs):
    env = gym.make(name, disable_env_checker=True, **kwargs).unwrapped
    env.reset(seed=1)
    rng, view, num_carrying = np.random.default_rng(0), View(env), 0
    for _ in range(200):
        # Anywhere, in any direction, with any door open and anything in hand: more than a random walk would meet.
        env.agent_pos = tuple(rng.integers(1, (env.width - 1, env.height - 1)).tolist())
        env.agent_dir = int(rng.integers(4))
        cells = [cell for cell in env.grid.grid if cell is not None]
        env.carrying = cells[rng.integers(len(cells))] if rng.random() < 0.3 else None
        num_carrying += env.carrying is not None
        for cell in cells:
            if cell.type == "door":
                cell.is_open, cell.is_locked = bool(rng.random() < 0.5), bool(rng.random() < 0.5)
        np.testing.assert_array_equal(view.image(), env.gen_obs()["image"])
    assert num_carrying > 20


def test_objects_of_the_last_episode_are_let_go():
    env = gym.make("MiniGrid-Empty-5x5-v0", disable_env_checker=True).unwrapped
    env.reset(seed=0)
    view = View(env)
    view.image()
    before = len(view._codes)
    for _ in range(5):
        env.reset()
        view.forget()
        view.image()
    assert len(view._codes) == before
