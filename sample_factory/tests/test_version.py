"""The version of the package and its changelog agree. Knows nothing about release tags."""

from __future__ import annotations

import re
from pathlib import Path

import sample_factory

CHANGELOG = Path(__file__).parents[2] / "CHANGELOG.md"


def test_version_is_the_newest_in_the_changelog() -> None:
    versions = re.findall(r"^## \[(\d+\.\d+\.\d+[^\]]*)\]", CHANGELOG.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert versions, "CHANGELOG.md has no heading such as '## [3.0.0] - 2030-01-31'"
    assert sample_factory.__version__ == versions[0]
