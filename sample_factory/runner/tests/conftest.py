"""Fixtures of the runner's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sample_factory.runner.tests.study import Study


@pytest.fixture
def make_study(tmp_path: Path) -> Iterator[Callable[..., Study]]:
    """Makes a study of experiments, given as calls in Python; it is gone afterwards."""
    made: list[Study] = []

    def make(*experiments: str) -> Study:
        made.append(Study(tmp_path, *experiments))
        return made[-1]

    yield make
    for study in made:
        study.destroy()
