"""The examples run, with flags for a short run. Does not look at what they learn."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHORT = ["--device=cpu", "--num_workers=1", "--rollout=8", "--recurrence=8", "--batch_size=64", "--hidden_size=16"]


@pytest.mark.parametrize(
    ("name", "flags"),
    [("train_custom_env", []), ("train_custom_env", ["--serial_mode=True"]), ("train_custom_encoder", [])],
)
def test_example_trains(name: str, flags: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", f"sample_factory_examples.{name}", *SHORT, *flags, f"--train_dir={tmp_path}"]
    # An end by frames: the same however busy the machine is.
    run = [*command, "--experiment=short", "--train_for_env_steps=500"]
    result = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Collected" in result.stdout
    assert list((tmp_path / "short" / "checkpoint_p0").glob("checkpoint_*.pth"))
