"""One holder at a time, gone with its process. Knows no experiment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sample_factory.system.folder_lock import FolderLock


def test_a_second_holder_is_refused_until_the_first_lets_go(tmp_path: Path) -> None:
    first = FolderLock(tmp_path)
    with pytest.raises(ValueError, match="is in use by another run"):
        FolderLock(tmp_path)
    first.close()
    FolderLock(tmp_path).close()
    assert list(tmp_path.iterdir()) == []


def test_the_lock_follows_a_renamed_folder(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    lock = FolderLock(folder)
    folder.rename(tmp_path / "b")
    folder.mkdir()
    assert not lock.is_on(folder)
    assert lock.is_on(tmp_path / "b")
    lock.close()


def test_a_killed_holder_does_not_lock_the_folder_for_ever(tmp_path: Path) -> None:
    script = (
        "import os, sys, pathlib\n"
        "from sample_factory.system.folder_lock import FolderLock\n"
        "lock = FolderLock(pathlib.Path(sys.argv[1]))\n"
        "print('locked', flush=True)\n"
        "sys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None and holder.stdin is not None
    assert holder.stdout.readline() == "locked\n"
    with pytest.raises(ValueError):
        FolderLock(tmp_path)
    holder.kill()
    holder.wait(30)
    holder.stdout.close()
    holder.stdin.close()
    FolderLock(tmp_path).close()
