"""Files that appear whole or not at all, on local disks and network file systems alike. Knows nothing about levels.

A file is written under a temporary name in its own folder, is on the disk before it gets its name, and so is the name
before anybody is told. Nothing here locks: locks of network file systems are not to be relied upon.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import time
from collections.abc import Iterator

_TEMPORARY_SUFFIX = ".tmp"
_STALE_SEC = 86400.0


def unique_name() -> str:
    """One that no other process on any machine has, after a fork either."""
    return f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{secrets.token_hex(8)}"


def temporary_path(folder: str) -> str:
    """Where to write a file that is not complete; hidden, so it is no key."""
    return os.path.join(folder, f".{unique_name()}{_TEMPORARY_SUFFIX}")


def is_temporary(name: str) -> bool:
    """Whether a file of this name is not, or was never, complete."""
    return name.startswith(".") and name.endswith(_TEMPORARY_SUFFIX)


def read_file(path: str, limit: int) -> bytes | None:
    """Contents up to `limit` bytes; None if there is no ordinary file.

    Raises:
        OSError: it is there and cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a named pipe would block for ever
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return None
        size = min(status.st_size, limit)
        contents = os.read(descriptor, size)
        while len(contents) < size and (more := os.read(descriptor, size - len(contents))):
            contents += more
        return contents
    finally:
        os.close(descriptor)


def write_file(path: str, contents: bytes) -> None:
    """Write a file, all of it or nothing, replacing what has its name; makes its folder.

    Raises:
        OSError: it could not be written; nothing is left.
    """
    folder = os.path.dirname(path)
    make_folder(folder)
    temporary = temporary_path(folder)
    try:
        with open(temporary, "xb") as file:
            file.write(contents)
        give_name(temporary, path)
    except OSError:
        remove(temporary)
        raise


def give_name(temporary: str, path: str) -> None:
    """Let a complete file take its place.

    Raises:
        OSError: it is not certain to be on the disk.
    """
    descriptor = os.open(temporary, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(temporary, path)
    _sync_folder(os.path.dirname(path))


def make_folder(folder: str) -> None:
    """Make a folder and those above it, names on the disk."""
    if os.path.isdir(folder):
        return
    above = os.path.dirname(folder)
    if above != folder:
        make_folder(above)
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder)
    _sync_folder(above)


def remove(path: str) -> None:
    """Delete a file if it is there and that is possible."""
    with contextlib.suppress(OSError):
        os.unlink(path)


def names_in(folder: str) -> list[str]:
    """Names of what is in a folder, in order, without temporary files; empty if there is no such folder."""
    try:
        return sorted(name for name in os.listdir(folder) if not is_temporary(name))
    except (FileNotFoundError, NotADirectoryError):
        return []


def remove_stale(folder: str) -> Iterator[str]:
    """Delete temporary files older than a day in a folder and all below; says which."""
    for place, _, names in os.walk(folder):
        for path in (os.path.join(place, name) for name in names if is_temporary(name)):
            with contextlib.suppress(OSError):
                if time.time() - os.lstat(path).st_mtime > _STALE_SEC:
                    os.unlink(path)
                    yield path


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder or ".", os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems cannot, and need not
            raise
    finally:
        os.close(descriptor)
