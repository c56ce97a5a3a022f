"""Fixtures of the tests of stand-ins, which are imported by nothing else and so put on the path here."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from labs_for_tests import DESCRIBED, SMALL, MakeLab, SetSwitches

import deepmind_lab


@pytest.fixture(autouse=True)
def _no_switches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEEPMIND_LAB_STAND_IN", raising=False)


@pytest.fixture
def set_switches(monkeypatch: pytest.MonkeyPatch) -> SetSwitches:
    """Set the switches of every `Lab` that is made afterwards."""
    return lambda **switches: monkeypatch.setenv("DEEPMIND_LAB_STAND_IN", json.dumps(switches))


@pytest.fixture
def make_lab() -> Iterator[MakeLab]:
    """Make a `Lab` with a small picture; it is closed after the test."""
    made = []

    def make(level: str = DESCRIBED, observations: Any = None, config: Any = None, **others: Any) -> deepmind_lab.Lab:
        names = ["RGB_INTERLEAVED", "INSTR"] if observations is None else observations
        lab = deepmind_lab.Lab(level, names, {**SMALL, **(config or {})}, **others)
        made.append(lab)
        return lab

    yield make
    for lab in made:
        lab.close()
