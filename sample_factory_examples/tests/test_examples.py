"""The examples run, with flags for a short run, and what they trained can be watched. Does not look at what they learn.

They run as their users run them: all processes find what the scripts define.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch

from sample_factory_examples.gym_env import SquashedGaussian

ROOT = Path(__file__).parents[2]
SHORT = ["--device=cpu", "--num_workers=1", "--rollout=8", "--recurrence=8", "--batch_size=64", "--hidden_size=16"]


def run(name: str, *arguments: str) -> str:
    command = [sys.executable, "-m", f"sample_factory_examples.{name}", *arguments]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=250, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def train(name: str, folder: Path, *flags: str) -> None:
    # An end by frames: the same however busy the machine is.
    names = [f"--train_dir={folder}", "--experiment=short", "--train_for_env_steps=500", "--train_for_seconds=10000"]
    assert "Collected" in run(name, *SHORT, *names, *flags)
    assert list((folder / "short" / "checkpoint_p0").glob("checkpoint_*.pth"))


@pytest.mark.parametrize(
    ("name", "flags"),
    [("train_custom_env", []), ("train_custom_env", ["--serial_mode=True"]), ("train_custom_encoder", [])],
)
def test_example_trains(name: str, flags: list[str], tmp_path: Path) -> None:
    train(name, tmp_path, *flags)


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("custom_env_custom_model", ["--custom_env_episode_len=20", '--reward_shaping={"wrong": -0.5}']),
        ("custom_multi_agent", ["--inactive_segment_prob=0.2", "--inactive_segment_max_len=5"]),
        ("gym_env", []),
        ("custom_doom", ["--my_custom_doom_arg=100"]),
        ("custom_doom_cfg", []),
    ],
)
def test_example_trains_and_can_be_watched(name: str, flags: list[str], tmp_path: Path) -> None:
    if name.startswith("custom_doom"):
        pytest.importorskip("vizdoom", reason="needs the vizdoom package")
    train(name, tmp_path, *flags)
    watch = ["--no_render", "--max_num_episodes=1", f"--train_dir={tmp_path}", "--experiment=short"]
    assert "episode 0" in run(name, "enjoy", *watch)


def test_the_squashed_gaussian_is_the_distribution_that_its_samples_have() -> None:
    space = gym.spaces.Box(np.array([-2.0, 0.0], np.float32), np.array([2.0, 5.0], np.float32))
    distribution = SquashedGaussian(space)
    p, q = torch.tensor([[0.3, -0.5, 0.2, -1.0]]), torch.tensor([[0.0, 0.1, 0.0, -0.5]])
    actions = distribution.sample(p.expand(40_000, -1), torch.Generator().manual_seed(0))
    assert space.contains(actions[0].numpy()) and bool((actions >= torch.from_numpy(space.low)).all())
    log_p, log_q = (distribution.log_prob(params, actions) for params in (p, q))
    torch.testing.assert_close(distribution.entropy(p)[0], -log_p.mean(), rtol=0, atol=0.02)
    torch.testing.assert_close(distribution.kl(p, q)[0], (log_p - log_q).mean(), rtol=0, atol=0.02)
    # A density: its mean over the box, times the volume, is 1.
    uniform = torch.rand(200_000, 2, generator=torch.Generator().manual_seed(1)) * torch.tensor([4.0, 5.0])
    density = distribution.log_prob(p, uniform + torch.tensor([-2.0, 0.0])).exp()
    torch.testing.assert_close(density.mean() * 20, torch.tensor(1.0), rtol=0, atol=0.02)
