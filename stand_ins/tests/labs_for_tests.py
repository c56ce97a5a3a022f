"""What the tests of the stand-in share: levels, actions, and a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np

import deepmind_lab

DESCRIBED = "contributed/dmlab30/language_select_described_object"
SMALL = {"width": "32", "height": "24", "logLevel": "WARN"}

STAND = np.zeros(7, dtype=np.intc)
AHEAD = np.array([0, 0, 0, 1, 0, 0, 0], dtype=np.intc)

MakeLab = Callable[..., deepmind_lab.Lab]
SetSwitches = Callable[..., None]


def wander(lab: deepmind_lab.Lab, random: Random) -> float:
    """Walk a little way in a random direction, finding things now and then; returns the reward."""
    action = AHEAD.copy()
    action[0] = random.choice((-100, -50, 0, 50, 100))
    reward = lab.step(action, num_steps=4)
    return reward + sum(lab.step(AHEAD, num_steps=4) for _ in range(4) if lab.is_running())


def run_python(program: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own that can import the stand-in; what it leaves behind is removed."""
    path = {"PYTHONPATH": str(Path(deepmind_lab.__file__).parents[1]), "PATH": os.environ["PATH"]}
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(
            [sys.executable, "-c", program, *arguments],
            env={**path, "TEST_TMPDIR": folder, "OMP_NUM_THREADS": "1", **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
