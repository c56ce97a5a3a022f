"""Reading of files that really are below one folder, whatever links lead elsewhere. Does not know what is in them."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

_LARGEST = 16 << 20
"""Bytes of a file that is read as a whole."""


class Contained:
    """Files below `root`. Everybody who reads asks here for the path first."""

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.realpath(root))

    def file(self, path: Path) -> os.stat_result | None:
        """What is known of it; None if it is no plain file, or not below the root."""
        try:
            status = path.stat()
            is_ours = stat.S_ISREG(status.st_mode) and Path(os.path.realpath(path)).is_relative_to(self.root)
        except (OSError, ValueError):
            return None
        return status if is_ours else None

    def tail(self, path: Path, size_bytes: int) -> str:
        """The end of a text file; empty if there is none."""
        if self.file(path) is None:
            return ""
        try:
            with path.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - size_bytes))
                return file.read(size_bytes).decode(errors="replace")
        except OSError:
            return ""

    def json(self, path: Path) -> Any:
        """Contents of a JSON file; None if there is none.

        Raises:
            ValueError: it cannot be read, or is no JSON; one line.
        """
        status = self.file(path)
        if status is None:
            return None
        if status.st_size > _LARGEST:
            raise ValueError(f"{path.name} has {status.st_size:,} bytes, which is too much to show")
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ValueError(f"cannot read {path.name}: {error.strerror or error}") from None
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path.name} is not valid JSON: {error}") from None
