"""Which seeds of a level are stored, as far as that was written down: `seeds/<level>/<writer>.seeds`.

Each line is `<seed> <key>`. Each file has one writer, which appends whole lines, and a line that a crash has cut short
is passed over. What stands here is a hint: knows nothing of entries, and nobody relies on it.
"""

from __future__ import annotations

import os
import re
from urllib.parse import quote, unquote

from sample_factory.envs.dmlab.level_cache.entries import is_level
from sample_factory.envs.dmlab.level_cache.files import (
    is_temporary,
    make_folder,
    names_in,
    read_file,
    remove,
    unique_name,
    write_file,
)

_SUFFIX = ".seeds"
_LINE = re.compile(rb"(-?\d{1,18}) ([A-Za-z0-9_-][A-Za-z0-9_.-]{0,199})\n")
_MAX_BYTES = 2**30
_EMPTY = "%00"

Lines = set[tuple[int, str]]
"""Seed and key."""


def parse_lines(contents: bytes) -> Lines:
    """What the whole lines of a file say; all others are passed over."""
    matches = (_LINE.fullmatch(line) for line in contents.splitlines(keepends=True))
    return {(int(match[1]), match[2].decode()) for match in matches if match}


class SeedLists:
    """All files below `seeds`. An object is one writer in each process that has it."""

    def __init__(self, root: str) -> None:
        self._folder = os.path.join(root, "seeds")
        self._name, self._pid = "", 0

    def add(self, level: str, seed: int, key: str) -> None:
        """Append a line.

        Raises:
            OSError: it is not there, or not whole.
        """
        if self._pid != os.getpid():
            self._name, self._pid = unique_name() + _SUFFIX, os.getpid()
        folder = self._level_folder(level)
        make_folder(folder)
        line = f"{seed} {key}\n".encode()
        descriptor = os.open(
            os.path.join(folder, self._name), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666
        )
        try:
            written = os.write(descriptor, line)
        finally:
            os.close(descriptor)
        if written != len(line):
            self._pid = 0  # the next line must not continue this one
            raise OSError(f"the disk is full: only a part of a line was written in {folder}")

    def seeds(self, level: str) -> set[int]:
        """What is written down about a level.

        Raises:
            OSError: it cannot be read.
        """
        return {seed for lines in self._files(level).values() for seed, _ in lines}

    def lines(self, level: str) -> Lines:
        """The same, with keys."""
        return {line for lines in self._files(level).values() for line in lines}

    def levels(self) -> list[str]:
        """All levels that have a list."""
        found = []
        for folder, _, names in os.walk(self._folder):
            if any(name.endswith(_SUFFIX) and not is_temporary(name) for name in names):
                parts = os.path.relpath(folder, self._folder).split(os.sep)
                found.append("/".join(unquote(part).replace("\0", "") for part in parts))
        return sorted(filter(is_level, found))

    def merge(self, level: str, known: set[int]) -> None:
        """Turn the files of a level into one, without the seeds that are `known` from elsewhere.

        Raises:
            OSError: that was not possible; nothing is lost.
        """
        sizes = {path: _size(path) for path in self._paths(level)}
        files = self._files(level)
        lines = {line for found in files.values() for line in found if line[0] not in known}
        if len(files) == 1 and lines == next(iter(files.values())):
            return
        if lines:
            self.write(level, lines)
        for path in files:
            if _size(path) == sizes.get(path):  # else its writer has gone on meanwhile
                remove(path)

    def write(self, level: str, lines: Lines) -> None:
        """Write many lines at once, to a file of their own.

        Raises:
            OSError: it could not be written.
        """
        text = "".join(f"{seed} {key}\n" for seed, key in sorted(lines))
        write_file(os.path.join(self._level_folder(level), unique_name() + _SUFFIX), text.encode())

    def _files(self, level: str) -> dict[str, Lines]:
        return {path: parse_lines(read_file(path, _MAX_BYTES) or b"") for path in self._paths(level)}

    def _paths(self, level: str) -> list[str]:
        folder = self._level_folder(level)
        return [os.path.join(folder, name) for name in names_in(folder) if name.endswith(_SUFFIX)]

    def _level_folder(self, level: str) -> str:
        """A folder inside ours for any level, and another one for each."""
        return os.path.join(self._folder, *map(_folder_name, level.split("/")))


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:  # another compaction has merged it
        return 0


def _folder_name(part: str) -> str:
    name = quote(part, safe="")
    if name.startswith("."):
        name = f"%2E{name[1:]}"
    return name or _EMPTY
