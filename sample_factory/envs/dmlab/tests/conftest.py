"""The stand-in for DeepMind Lab, which only tests import."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

STAND_INS = Path(__file__).resolve().parents[4] / "stand_ins"


@pytest.fixture
def deepmind_lab(monkeypatch):
    """The module, for this process and those it starts."""
    monkeypatch.syspath_prepend(str(STAND_INS))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(STAND_INS), *sys.path]))
    import deepmind_lab

    return deepmind_lab
