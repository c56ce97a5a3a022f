"""Scalars of one event file of TensorBoard, kept in a file that is faster to read. Does not know what they mean.

A file that is still being written is read up to its last complete record. What was read is kept with the size and the
time of the event file, and read again when these have changed.
"""

from __future__ import annotations

import contextlib
import os
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sample_factory.runner.results.event_records import read_records


class Events(NamedTuple):
    """Scalars in the order in which they were written."""

    started: float
    """When the file was begun, seconds since the epoch; 0 if it does not say."""
    tags: list[str]
    tag: np.ndarray
    """int32 [n], which of `tags`."""
    frames: np.ndarray
    """int64 [n]"""
    values: np.ndarray
    """float32 [n], as they are in the file."""


def read_events(path: Path, kept: Path) -> Events:
    """Scalars of the event file `path`, from `kept` if that is not out of date.

    Raises:
        OSError: it cannot be read.
    """
    # Before reading: what is appended meanwhile must make the kept file look old.
    status = path.stat()
    stamp = np.array([status.st_size, status.st_mtime_ns])
    events = _load(kept, stamp)
    if events is None:
        events = parse_events(path)
        _save(kept, stamp, events)
    return events


def parse_events(path: Path) -> Events:
    """Scalars of an event file up to the first record that is not complete or not sound.

    Raises:
        OSError: it cannot be read.
    """
    # Imported here: results that are kept do without.
    from tensorboard.compat.proto.event_pb2 import Event

    known: dict[str, int] = {}
    tag: list[int] = []
    frames: list[int] = []
    values: list[float] = []
    started = 0.0
    for record in read_records(path.read_bytes()):
        event = Event.FromString(record)
        started = started or event.wall_time
        for value in event.summary.value:
            if value.HasField("simple_value"):
                tag.append(known.setdefault(value.tag, len(known)))
                frames.append(event.step)
                values.append(value.simple_value)
    return Events(
        started, list(known), np.array(tag, np.int32), np.array(frames, np.int64), np.array(values, np.float32)
    )


def _load(kept: Path, stamp: np.ndarray) -> Events | None:
    try:
        with kept.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            if not np.array_equal(arrays["stamp"], stamp):
                return None
            events = Events(
                float(arrays["started"]), arrays["tags"].tolist(), arrays["tag"], arrays["frames"], arrays["values"]
            )
            return events if _is_consistent(events) else None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _is_consistent(events: Events) -> bool:
    """Whether it can be what was saved; a file that somebody else has written may have anything in it."""
    shapes = {array.shape for array in events[2:]}
    kinds = [array.dtype.kind for array in events[2:]]
    if len(shapes) != 1 or events.tag.ndim != 1 or kinds != ["i", "i", "f"]:
        return False
    return bool(((events.tag >= 0) & (events.tag < len(events.tags))).all())


def _save(kept: Path, stamp: np.ndarray, events: Events) -> None:
    """Nothing is lost if that is not possible: next time takes longer."""
    arrays: dict[str, Any] = events._asdict() | {"tags": np.array(events.tags, dtype=str), "stamp": stamp}
    partial = kept.with_name(f".{kept.name}.{os.getpid()}.partial")
    with contextlib.suppress(OSError):
        kept.parent.mkdir(exist_ok=True)
        try:
            with partial.open("wb") as file:
                np.savez(file, **arrays)
            os.replace(partial, kept)
        finally:
            partial.unlink(missing_ok=True)
