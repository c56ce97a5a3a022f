"""A collection to break. Knows no assertion."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sample_factory.trained_policies.index import INDEX_FILE, read_index, write_index
from sample_factory.trained_policies.table import BEGIN, END

ROOT = Path(__file__).parents[3] / "trained_policies"
NAME = "tmaze_10"


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """A copy of a part of the real one."""
    folder = tmp_path / "collection"
    shutil.copytree(ROOT / NAME, folder / NAME)
    entries = [entry for entry in read_index((ROOT / INDEX_FILE).read_bytes(), "it") if entry.name == NAME]
    (folder / INDEX_FILE).write_text(write_index(entries))
    (folder / "README.md").write_text(f"before\n{BEGIN}\n{END}\nafter\n")
    return folder
