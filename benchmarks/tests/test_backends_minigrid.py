"""EnvPool's MiniGrid plays by the package's rules. Knows no sampler."""

from __future__ import annotations

import pytest

pytest.importorskip("minigrid", reason="the extra minigrid is not installed")
pytest.importorskip("envpool", reason="EnvPool has no wheel for this Python")

from benchmarks.backends_minigrid import play_side_by_side


@pytest.mark.parametrize(
    "gym_id",
    ["MiniGrid-DoorKey-5x5-v0", "MiniGrid-Fetch-5x5-N2-v0", "MiniGrid-MemoryS7-v0", "BabyAI-GoToLocal-v0"],
)
def test_the_same_in_both(gym_id: str) -> None:
    assert "rewards" in play_side_by_side(gym_id, num_steps=130, num_envs=4)
