"""A store for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sample_factory.envs.dmlab.level_cache.store import LevelStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LevelStore]:
    """Empty; its folder does not exist yet."""
    store = LevelStore(tmp_path / "cache")
    yield store
    store.close()
