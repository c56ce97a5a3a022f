"""What turned out to be damaged, kept apart for those who want to know why: `quarantine`. Judges nothing itself.

A damaged file is moved here under its own name. A pack is never changed, so a damaged entry of one is only noted, as
`<key>@<pack>`; that character is in no key.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

from sample_factory.envs.dmlab.level_cache.entries import DamagedError
from sample_factory.envs.dmlab.level_cache.files import make_folder, names_in, write_file


class Quarantine:
    """The folder; any number of processes move files into it."""

    def __init__(self, root: str) -> None:
        self._folder = os.path.join(root, "quarantine")

    def path(self, name: str) -> str:
        """Where a file is, once it is here."""
        return os.path.join(self._folder, name)

    def names(self) -> list[str]:
        """Of all files, in order."""
        return names_in(self._folder)

    def take(self, path: str, check: Callable[[str], object]) -> bool:
        """Move a file here; whether it is gone from its place for good.

        Another process may have put a sound one in its place meanwhile: that one goes back.

        Args:
            check: given the path of a file, raises DamagedError unless it is sound.

        Raises:
            OSError: it cannot be moved.
        """
        target = self.path(os.path.basename(path))
        make_folder(self._folder)
        try:
            os.replace(path, target)
        except FileNotFoundError:
            return False  # another process has moved it
        try:
            check(target)
        except DamagedError:
            return True
        os.replace(target, path)
        return False

    def keep(self, path: str) -> None:
        """Move a file here, whatever it is.

        Raises:
            OSError: it cannot be moved.
        """
        make_folder(self._folder)
        with contextlib.suppress(FileNotFoundError):
            os.replace(path, self.path(os.path.basename(path)))

    def note(self, key: str, pack: str, why: str) -> bool:
        """Note that an entry of a pack is damaged; whether that is news.

        Raises:
            OSError: it cannot be written down.
        """
        path = self.path(f"{key}@{pack}")
        if os.path.exists(path):
            return False
        write_file(path, f"{why}\n".encode())
        return True
