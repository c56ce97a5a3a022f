"""All experiments below a folder, and what the ledgers of studies say about them. Knows nothing of pages."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from sample_factory.config.experiment import CFG
from sample_factory.dashboard.contained import Contained
from sample_factory.dashboard.experiment import Experiment
from sample_factory.dashboard.log_tail import LogTail
from sample_factory.dashboard.overview import Overview
from sample_factory.dashboard.state import judge, locked_folders
from sample_factory.runner.ledger import FILE_NAME as LEDGER
from sample_factory.runner.ledger import Entry, Ledger

_LOOK_FOR_FOLDERS_SEC = 5.0
_READ_SEC, _READ_ONE_SEC = 1.0, 10.0
"""How long reading summaries may keep a page waiting, of all and of one; the next look goes on from there."""


class Table(NamedTuple):
    """All experiments as of now."""

    rows: list[Overview]
    num_unread: int
    """Of how many there was no time to read all summaries yet."""
    notes: list[str]
    """What could not be read, in sentences."""


class TrainDir:
    """Keeps what has been read. Requests of several threads take turns."""

    def __init__(self, root: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        self.files = Contained(root)
        self.root = self.files.root
        self.turns = threading.RLock()
        self._clock = clock
        self._experiments: dict[str, Experiment] = {}
        self._ledgers: dict[Path, tuple[tuple[int, ...], list[Entry]]] = {}
        self._entries: dict[Path, Entry] = {}
        self._notes: list[str] = []
        self._looked: float | None = None

    def table(self) -> Table:
        """Look at all experiments, for a second or so where there is much to read."""
        with self.turns:
            self._look_for_folders()
            self._read_ledgers()
            locked, now = locked_folders(), time.time()
            is_over = self._timer(_READ_SEC)
            # Those first that have not been read: they are what somebody waits for.
            for experiment in sorted(self._experiments.values(), key=lambda one: one.is_read):
                experiment.look(is_over, now, locked, self.entry(experiment))
            rows = [experiment.overview for experiment in self._experiments.values()]
            rows += self._without_folder()
            return Table(rows, sum(not row.is_read for row in rows), list(self._notes))

    def experiment(self, name: str) -> Experiment | None:
        """One of them, as it is now; None if there is none of that name.

        The name is only ever compared, never made a path.
        """
        with self.turns:
            self._look_for_folders()
            self._read_ledgers()
            experiment = self._experiments.get(name)
            if experiment is not None:
                is_over = self._timer(_READ_ONE_SEC)
                experiment.look(is_over, time.time(), locked_folders(), self.entry(experiment))
            return experiment

    def entry(self, experiment: Experiment) -> Entry | None:
        """Of the study that it belongs to."""
        return self._entries.get(experiment.folder)

    def _timer(self, seconds: float) -> Callable[[], bool]:
        end = self._clock() + seconds
        return lambda: self._clock() >= end

    def _look_for_folders(self) -> None:
        now = self._clock()
        if self._looked is not None and now - self._looked < _LOOK_FOR_FOLDERS_SEC:
            return
        self._looked = now
        folders, ledgers = _walk(self.root)
        known = self._experiments
        names = [(_name(self.root, folder), folder) for folder in folders]
        self._experiments = {name: known.get(name) or Experiment(name, folder, self.files) for name, folder in names}
        self._ledgers = {folder: self._ledgers.get(folder, ((), [])) for folder in ledgers}

    def _read_ledgers(self) -> None:
        self._entries, self._notes = {}, []
        for folder, (version, entries) in self._ledgers.items():
            if self.files.file(folder / LEDGER) is None:
                continue
            try:
                ledger = Ledger(folder, is_read_only=True)
                if (now := ledger.fingerprint()) != version:
                    entries = ledger.entries()
                    self._ledgers[folder] = now, entries
            except (ValueError, TypeError, KeyError, RecursionError) as error:
                self._notes.append(f"cannot read the ledger of {_name(self.root, folder)}: {error}")
            self._entries |= {folder / entry.name: entry for entry in entries if _is_below(entry.name)}

    def _without_folder(self) -> list[Overview]:
        """Experiments of studies that have none: they wait, or failed before they made it."""
        begun = {experiment.folder for experiment in self._experiments.values()}
        return [
            _from_ledger(_name(self.root, folder), entry)
            for folder, entry in self._entries.items()
            if folder not in begun
        ]


def _from_ledger(name: str, entry: Entry) -> Overview:
    state, why = judge(False, entry.state == "done", LogTail(), entry, quiet_sec=float("inf"))
    return Overview(name, state, why, env=_env(entry), has_folder=False)


def _walk(root: Path) -> tuple[list[Path], list[Path]]:
    """Folders of experiments, and of studies; links are not followed, and an experiment has none in it."""
    experiments, studies = [], []
    for path, subfolders, names in os.walk(root):
        if LEDGER in names:
            studies.append(Path(path))
        if CFG in names:
            experiments.append(Path(path))
            subfolders.clear()
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
    return experiments, studies


def _name(root: Path, folder: Path) -> str:
    """Text that any page can hold, whatever bytes the name of the folder has."""
    text = str(folder.relative_to(root)) if folder != root else root.name
    return os.fsencode(text).decode(errors="replace")


def _is_below(name: str) -> bool:
    """Whether it is the name of a folder inside another one."""
    path = Path(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts


def _env(entry: Entry) -> str:
    flags = [argument for argument in entry.task.command if argument.startswith("--env=")]
    return flags[-1].removeprefix("--env=") if flags else ""
