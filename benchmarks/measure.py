"""One measured run of one training system. Does not know what the system is, only that it prints a frame counter."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.frame_counter import Reading, Window, counted_window, parse_frames
from benchmarks.process_tree import MemoryPeak, ProcessTree

_POLL_SEC = 0.05  # how late a line can be noticed; 0.1% of a minute


class RunError(Exception):
    """A system ended, or went silent, before there was enough to count."""


@dataclass(frozen=True)
class Timing:
    """How long to measure, in seconds."""

    seconds: float = 60.0
    """Time counted, at least."""
    warmup_sec: float = 20.0
    """Time not counted, from the first sign of training."""
    silence_limit_sec: float = 120.0
    """A system that reports no progress for so long has failed; starting up counts as silence too."""


@dataclass(frozen=True)
class Measurement:
    """What one run gave."""

    fps: float
    frames: int
    seconds: float
    load_average: float  # of the machine over the minute before the run
    peak_pss_bytes: int
    startup_seconds: float  # from the start of the process to the first line that shows frames
    command: list[str]
    log: str


def measure(command: Sequence[str], environ: Mapping[str, str], timing: Timing, log_path: Path) -> Measurement:
    """Run a command until enough is counted, then end it and everything it started.

    `{run_dir}` in the command becomes a folder that is removed afterwards; it is the working folder as well.
    """
    load_average = os.getloadavg()[0]
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="benchmark-", ignore_cleanup_errors=True) as run_dir:
        command = [part.replace("{run_dir}", run_dir) for part in command]
        started_sec = time.monotonic()
        tree = ProcessTree(command, {**environ, "PYTHONUNBUFFERED": "1"}, Path(run_dir), log_path)
        memory = MemoryPeak(tree)
        try:
            first, window = _watch(tree, memory, timing, log_path)
        finally:
            tree.end()
    return Measurement(
        fps=window.fps,
        frames=window.frames,
        seconds=window.seconds,
        load_average=load_average,
        peak_pss_bytes=memory.peak_bytes,
        startup_seconds=first.time_sec - started_sec,
        command=command,
        log=str(log_path),
    )


def _watch(tree: ProcessTree, memory: MemoryPeak, timing: Timing, log_path: Path) -> tuple[Reading, Window]:
    """The first reading that shows frames, and what counts."""
    readings: list[Reading] = []
    progress_sec = time.monotonic()
    with contextlib.closing(_Tail(log_path)) as tail:
        while True:
            has_ended = tree.exit_status is not None  # asked before reading, so that its last lines are read
            for frames in filter(None, map(parse_frames, tail.new_lines())):
                if not readings or frames > readings[-1].frames:
                    progress_sec = time.monotonic()
                readings.append(Reading(time.monotonic(), frames))
            window = counted_window(readings, timing.warmup_sec)
            if window is not None and window.seconds >= timing.seconds:
                return next(reading for reading in readings if reading.frames > 0), window
            if has_ended:
                raise RunError(f"ended by itself with status {tree.exit_status}{tail.last_words()}")
            if time.monotonic() > progress_sec + timing.silence_limit_sec:
                raise RunError(f"no progress for {timing.silence_limit_sec:.0f} s{tail.last_words()}")
            memory.update()
            time.sleep(_POLL_SEC)


class _Tail:
    """The lines of a growing file, as they are completed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("rb")
        self._unfinished = b""

    def new_lines(self) -> list[str]:
        *lines, self._unfinished = (self._unfinished + self._file.read()).split(b"\n")
        return [line.decode(errors="replace") for line in lines]

    def last_words(self, num_lines: int = 15) -> str:
        text = self._path.read_text(errors="replace").rstrip().splitlines()[-num_lines:]
        return "".join(f"\n    | {line}" for line in [*text, f"({self._path})"])

    def close(self) -> None:
        self._file.close()
