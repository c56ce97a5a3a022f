"""A folder that appears with everything in it, or not at all. Does not know what is in it."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder to fill; it gets the name `path` at the end of the block, and is deleted if that fails.

    Raises:
        ValueError: one line: there is something at `path`, or its folder cannot be written to.
    """
    if path.exists():
        raise ValueError(f"{path} already exists: move it away or choose another name")
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(partial, ignore_errors=True)  # what a killed process left
        partial.mkdir()
    except OSError as error:
        raise _cannot_write(path, error) from None
    try:
        yield partial
        try:
            partial.rename(path)
        except OSError as error:
            raise _cannot_write(path, error) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _cannot_write(path: Path, error: OSError) -> ValueError:
    return ValueError(f"cannot write {path}: {error.strerror or error}")
