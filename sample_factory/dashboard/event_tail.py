"""Scalars of an event file that grows: each look parses only what is new. Does not know what they mean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from google.protobuf.message import DecodeError

from sample_factory.runner.results.event_file import Events, scalars
from sample_factory.runner.results.event_records import read_records

_PIECE_BYTES = 4 << 20
"""Read at a time, to look at the time in between; twice as much where a record is longer."""


class EventTail:
    """What has been read of one event file, about 16 bytes a scalar."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._version = 0
        self._file: tuple[int, int] | None = None
        self._seen: tuple[int, int] | None = None
        self._end = 0
        self._parts = [scalars([])]

    @property
    def version(self) -> int:
        """Another one whenever there is something new."""
        return self._version

    def read(self, is_over: Callable[[], bool]) -> bool:
        """Read what is new until the time `is_over`; returns whether that is all.

        What is half written, or damaged, is left out until there is more behind it.

        Raises:
            OSError: it cannot be read.
        """
        status = self._path.stat()
        file_id = status.st_dev, status.st_ino
        if file_id != self._file or status.st_size < self._end:
            self._begin_anew(file_id)
        stamp = status.st_size, status.st_mtime_ns
        if stamp == self._seen:
            return True
        with self._path.open("rb") as file:
            size = _PIECE_BYTES
            while not is_over():
                file.seek(self._end)
                data = file.read(size)
                is_last = len(data) < size
                if not self._take(data):
                    size *= 2
                if is_last:
                    self._seen = stamp
                    return True
        return False

    def events(self) -> Events:
        """All scalars so far, in the order in which they were written."""
        if len(self._parts) > 1:
            self._parts = [_joined(self._parts)]
        return self._parts[0]

    def _take(self, data: bytes) -> bool:
        """Whether there was a whole record."""
        records = read_records(data)
        if not records.end:
            return False
        try:
            self._parts.append(scalars(records.data))
        except DecodeError:  # its checksum is right, but it is no event: somebody else's file
            return False
        self._end += records.end
        self._version += 1
        return True

    def _begin_anew(self, file: tuple[int, int]) -> None:
        self._version += 1
        self._file, self._seen, self._end = file, None, 0
        self._parts = [scalars([])]


def _joined(parts: list[Events]) -> Events:
    tags: dict[str, int] = {}
    tag = []
    for part in parts:
        numbers = [tags.setdefault(name, len(tags)) for name in part.tags]
        tag.append(np.array(numbers, np.int32)[part.tag])
    started = next((part.started for part in parts if part.started), 0.0)
    frames = np.concatenate([part.frames for part in parts])
    return Events(started, list(tags), np.concatenate(tag), frames, np.concatenate([part.values for part in parts]))
