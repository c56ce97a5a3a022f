"""All summaries of an experiment, which may still grow. Does not know what they are for."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from sample_factory.dashboard.contained import Contained
from sample_factory.dashboard.event_tail import EventTail
from sample_factory.runner.results.experiments import Points, join

_FOLDER = ".summary"
_MOST_POLICIES = 1000


class Summaries:
    """What has been read of the event files of all policies."""

    def __init__(self, folder: Path, files: Contained) -> None:
        self._folder = folder / _FOLDER
        self._files = files
        self._tails: dict[int, dict[Path, EventTail]] = {}
        self.written: float | None = None
        """When one of the files was last written to, seconds since the epoch."""

    @property
    def version(self) -> tuple[tuple[Path, int], ...]:
        """Another one whenever there is something new."""
        return tuple((path, tail.version) for tails in self._tails.values() for path, tail in tails.items())

    def read(self, is_over: Callable[[], bool]) -> bool:
        """Read what is new until the time `is_over`; returns whether that is all."""
        found = self._look()
        self._tails = {
            policy: {path: self._tails.get(policy, {}).get(path) or EventTail(path) for path in paths}
            for policy, paths in found.items()
        }
        return all([self._read(tails, is_over) for tails in self._tails.values()])

    def policies(self) -> dict[int, dict[str, Points]]:
        """What there is of each policy, by tag."""
        return {policy: join([tail.events() for tail in tails.values()]) for policy, tails in self._tails.items()}

    @staticmethod
    def _read(tails: dict[Path, EventTail], is_over: Callable[[], bool]) -> bool:
        is_all = True
        for tail in tails.values():
            with contextlib.suppress(OSError):  # it has gone, or may not be read: there is nothing more to have
                is_all &= tail.read(is_over)
        return is_all

    def _look(self) -> dict[int, list[Path]]:
        try:
            numbers = sorted(int(path.name) for path in self._folder.iterdir() if path.name.isdecimal())
        except OSError:
            numbers = []
        found: dict[int, list[Path]] = {}
        written = []
        for number in numbers[:_MOST_POLICIES]:
            for path in sorted((self._folder / str(number)).glob("*tfevents*")):
                if (status := self._files.file(path)) is not None:
                    found.setdefault(number, []).append(path)
                    written.append(status.st_mtime)
        self.written = max(written, default=None)
        return found
