"""A short training with texts, and its video: commands as their user gives them. Knows no environment's inside."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("minigrid", reason="the extra minigrid is not installed")


def run(module, *arguments):
    done = subprocess.run(
        [sys.executable, "-m", f"sample_factory.algorithms.appo.{module}", *arguments],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def test_trains_and_is_shown(tmp_path):
    place = (f"--train_dir={tmp_path}", "--experiment=texts", "--device=cpu")
    run(
        "train_appo",
        "--env=BabyAI-GoToLocalS5N2-v0",
        "--serial_mode=True",
        "--num_workers=1",
        "--num_envs_per_worker=4",
        "--batch_size=128",
        "--train_for_env_steps=1000",
        "--normalize_input=True",
        "--decorrelate_experience_max_seconds=0",
        *place,
    )
    assert list((tmp_path / "texts" / "checkpoint_p0").glob("*.pth"))
    run("enjoy_appo", "--save_video=True", "--video_frames=20", "--max_num_episodes=1", *place)
    assert list(tmp_path.rglob("*.mp4"))
