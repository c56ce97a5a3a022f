"""Folders for the temporary files of DeepMind Lab, which a killed process leaves behind. Knows no level.

Each is locked by the process that uses it; the kernel drops the lock when that ends, however it ends, and so tells what
is left over.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from sample_factory.system.folder_lock import FolderLock

_HIDDEN = "."


class TemporaryFolder:
    """One folder, for one `deepmind_lab.Lab`: its files have the same names for every one."""

    def __init__(self, base: Path | None = None) -> None:
        """
        Args:
            base: where all of these folders are; None for the one of this user.
        """
        base = base or default_base()
        base.mkdir(mode=0o700, exist_ok=True)
        # Hidden until it is locked: what is not locked is swept away.
        hidden = Path(tempfile.mkdtemp(prefix=_HIDDEN, dir=base))
        self._lock = FolderLock(hidden)
        self.path = hidden.rename(base / hidden.name.removeprefix(_HIDDEN))

    def close(self) -> None:
        """Remove it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def default_base() -> Path:
    """The folder that all processes of this user on this machine share."""
    return Path(tempfile.gettempdir()) / f"sample_factory_dmlab_{os.getuid()}"


def sweep(base: Path | None = None) -> None:
    """Remove folders whose process has ended."""
    try:
        folders = [path for path in (base or default_base()).iterdir() if not path.name.startswith(_HIDDEN)]
    except OSError:
        return
    for folder in folders:
        with contextlib.suppress(OSError, ValueError), FolderLock(folder):
            shutil.rmtree(folder, ignore_errors=True)
