"""The code of docs/extending.md is one script that runs, and what its text says of it is so."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import sample_factory
from sample_factory.config.config import Config
from sample_factory.config.values import options
from sample_factory.system import registrations, summary_hooks

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
SHORT = [
    "--device=cpu",
    "--num_workers=1",
    "--num_envs_per_worker=2",
    "--rollout=8",
    "--recurrence=8",
    "--batch_size=64",
    "--hidden_size=16",
    "--train_for_env_steps=2000",
    "--seed=1",
    "--train_for_seconds=10000",
    "--serial_mode=True",
]
OWN = ["--encoder_custom=two_layers", "--core_custom=leaky", "--action_distribution_custom=bounded_logistic"]
USUAL = ["--encoder_custom=None", "--core_custom=None", "--action_distribution_custom=None", "--encoder_type=mlp"]


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("extending") / "extending.py"
    path.write_text("\n".join(re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)), encoding="utf-8")
    return path


def run(script: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(script), *SHORT, *flags]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=script.parent, env=environment, capture_output=True, text=True, timeout=250, check=False
    )


def tags(folder: Path) -> set[str]:
    found: set[str] = set()
    for path in folder.glob(".summary/0/events*"):
        accumulator = EventAccumulator(str(path))
        accumulator.Reload()
        found |= set(accumulator.Tags()["scalars"])
    return found


@pytest.mark.parametrize("flags", [[], ["--serial_mode=False"]])
def test_everything_on_the_page_at_once(script: Path, flags: list[str]) -> None:
    experiment = f"--experiment=own{len(flags)}"
    shaping = '--reward_shaping={"cost": {"distance": 0.2}}'
    result = run(script, *OWN, experiment, shaping, "--goal_size=0.3", *flags)
    assert result.returncode == 0, result.stdout + result.stderr
    written = tags(script.parent / "train_dir" / f"own{len(flags)}")
    assert {"0_aux/avg_distance", "0_aux/avg_reward", "mine/solved"} <= written


@pytest.mark.parametrize("env", ["my_batch", "my_meeting"])
def test_other_kinds_of_environments(script: Path, env: str) -> None:
    result = run(script, *USUAL, f"--env={env}", f"--experiment={env}")
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_distribution_is_the_one_that_its_samples_have(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registrations, "_registered", defaultdict(dict))
    monkeypatch.setattr(summary_hooks, "_registered", [])
    make = runpy.run_path(str(script), run_name="page")["BoundedLogistic"]
    distribution = make(gym.spaces.Box(np.array([1.0, -2.0], np.float32), np.array([2.0, 3.0], np.float32)))
    p, q = torch.tensor([[0.5, -1.0]]), torch.tensor([[0.0, 1.0]])
    actions = distribution.sample(p.expand(50_000, -1), torch.Generator().manual_seed(0))
    log_p, log_q = (distribution.log_prob(params, actions) for params in (p, q))
    torch.testing.assert_close(distribution.entropy(p)[0], -log_p.mean(), rtol=0, atol=0.05)
    torch.testing.assert_close(distribution.kl(p, q)[0], (log_p - log_q).mean(), rtol=0, atol=0.03)
    assert 0 < float(distribution.kl(p, p + 1e-3)) < 1e-6


def test_every_flag_and_every_call_exists() -> None:
    flags = set(re.findall(r"--([a-z_]\w*)", PAGE)) - {"goal_size"}
    assert len(flags) > 5 and flags <= options(Config, None).keys()
    calls = set(re.findall(r"`(register_\w+)\(", PAGE))
    assert calls == {name for name in sample_factory.__all__ if name.startswith("register_")}


def test_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\((\.\./[^)#]+)\)", PAGE):
        assert (ROOT / "docs" / link).exists(), link
