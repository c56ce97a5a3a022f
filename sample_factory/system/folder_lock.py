"""One run at a time in a folder. Does not know what the folder is for.

The lock is on the folder itself, not on a file in it: it follows a renamed folder, and leaves nothing behind. The
kernel drops it when its holder ends, however that happens.
"""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path


class FolderLock:
    """Held until `close`; children do not inherit it."""

    def __init__(self, folder: Path) -> None:
        """
        Raises:
            ValueError: another run holds the lock.
        """
        self._fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            # Some network file systems cannot lock a folder: no reason not to train.
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                self.close()
                raise ValueError(
                    f"{folder} is in use by another run; wait for its end or choose another name"
                ) from None

    def is_on(self, folder: Path) -> bool:
        """Whether it is this folder that is locked, and not one that used to have the name."""
        return os.path.samestat(os.fstat(self._fd), folder.stat())

    def __enter__(self) -> FolderLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let others in."""
        os.close(self._fd)
