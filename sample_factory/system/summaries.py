"""Scalars in TensorBoard's event file format, without torch or TensorFlow. Does not know what the scalars mean."""

from __future__ import annotations

import io
import logging
import os
import socket
import time
from pathlib import Path

log = logging.getLogger(__name__)

_MAX_UNWRITTEN_BYTES = 1 << 20


class SummaryWriter:
    """One event file in `directory`. Scalars are collected in memory and appended to the file by `flush`.

    A file that cannot be written is reported once and never raises: a full disk must not end a run. What was collected
    is kept (up to 1 MB) and written when there is room again.
    """

    def __init__(self, directory: Path) -> None:
        # Imported here: 0.15 s, and processes that write no summaries load this package too.
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.record_writer import RecordWriter

        now = time.time()
        self._path = directory / f"events.out.tfevents.{int(now):010d}.{socket.gethostname()}.{os.getpid()}"
        self._event, self._summary = Event, Summary
        self._unwritten = io.BytesIO()
        self._records = RecordWriter(self._unwritten)
        self._has_failed = False
        self._records.write(Event(wall_time=now, file_version="brain.Event:2").SerializeToString())

    def scalar(self, tag: str, value: float, step: int) -> None:
        """Add one point; nothing reaches the disk before `flush`."""
        summary = self._summary(value=[self._summary.Value(tag=tag, simple_value=float(value))])
        event = self._event(wall_time=time.time(), step=int(step), summary=summary)
        self._records.write(event.SerializeToString())

    def flush(self) -> None:
        """Append what was collected to the file."""
        data = self._unwritten.getvalue()
        if not data:
            return
        try:
            self._append(data)
        except OSError as error:
            if not self._has_failed:
                log.error("cannot write summaries to %s: %s; training goes on", self._path, error.strerror or error)
            self._has_failed = True
            if len(data) < _MAX_UNWRITTEN_BYTES:
                return
        self._unwritten.seek(0)
        self._unwritten.truncate()

    def close(self) -> None:
        """Flush; the writer can still be used afterwards."""
        self.flush()

    def _append(self, data: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab", buffering=0) as file:
            start = file.tell()
            try:
                written = file.write(data)
                if written < len(data):  # a disk that fills up takes a part first and fails next
                    file.write(data[written:])
            except OSError:
                # A torn record would make readers ignore everything after it.
                file.truncate(start)
                raise
