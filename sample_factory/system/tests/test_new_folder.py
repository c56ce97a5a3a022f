"""A folder that is there with everything in it, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from sample_factory.system.new_folder import new_folder


def test_the_folder_appears_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "folder"
    with new_folder(target) as partial:
        (partial / "file").write_text("text")
        assert not target.exists()
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["folder"]
    assert (target / "file").read_text() == "text"


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError), new_folder(tmp_path / "folder") as partial:
        (partial / "file").write_text("text")
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / ".folder.partial").mkdir()
    (tmp_path / ".folder.partial" / "old").write_text("half")
    with new_folder(tmp_path / "folder") as partial:
        assert not list(partial.iterdir())
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_what_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match=r"folder already exists: move it away"), new_folder(tmp_path / "folder"):
        raise AssertionError
    (tmp_path / "file").write_text("text")
    with pytest.raises(ValueError, match=r"cannot write .*file.folder: "), new_folder(tmp_path / "file" / "folder"):
        raise AssertionError
