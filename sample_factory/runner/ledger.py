"""What has become of every experiment of a run: one SQLite file. Does not know how experiments are started or watched.

    pending --begin--> running --finish--> done | failed | pending (interrupted) | cancelled
    failed --retry--> pending            pending, running --cancel--> cancelled

Every arrow is one transaction, so a process that is killed at any instruction leaves one state or the other. Who starts
an experiment begins it first; the attempt (`attempt.py`) claims it before it runs anything, and only one claim per try
succeeds. So a runner that finds an experiment begun and not claimed takes it back, and an attempt that was on its way
ends without having run.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

FILE_NAME = "ledger.sqlite"
INTERRUPTED = 2
"""The exit status of an experiment that was asked to end, has saved, and can go on."""

State = Literal["pending", "running", "done", "failed", "cancelled"]
STATES: tuple[State, ...] = ("pending", "running", "done", "failed", "cancelled")

_BUSY_TIMEOUT_SEC = 30.0
_COUNT_OF_CHANGES = (4, 24)
"""Bytes, and where they are, in a file that is not in WAL mode (https://www.sqlite.org/fileformat.html)."""
_VERSION = 1
_SCHEMA = """
CREATE TABLE experiments (
    name TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    command TEXT NOT NULL,
    env_vars TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'running', 'done', 'failed', 'cancelled')),
    tries INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    stop TEXT CHECK (stop IN ('interrupt', 'cancel')),
    backend TEXT, host TEXT, pid INTEGER, process TEXT, job TEXT, gpu TEXT, cores TEXT,
    started REAL, ended REAL, exit_status INTEGER
)
"""
_JUDGEMENTS = """
CREATE TABLE IF NOT EXISTS judgements (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    tries INTEGER NOT NULL,
    frames INTEGER NOT NULL,
    value REAL NOT NULL,
    is_pruned INTEGER NOT NULL,
    UNIQUE (name, frames)
)
"""
"""A table of its own: ledgers that were written before there was any can be read, and the other way round."""


class LedgerError(ValueError):
    """The ledger could not be read or written. The message is one line."""


@dataclass(frozen=True)
class Task:
    """What is to be run."""

    name: str
    """The experiment's folder inside the run's folder; unique."""
    command: tuple[str, ...]
    env_vars: Mapping[str, str]


@dataclass(frozen=True)
class Place:
    """What of a machine an experiment has for itself; nothing at all if it is not divided."""

    gpu: str | None = None
    """Value of CUDA_VISIBLE_DEVICES."""
    cores: tuple[int, ...] = ()


@dataclass(frozen=True)
class Entry:
    """One experiment. What is said about an attempt is about the latest one."""

    task: Task
    state: State
    tries: int
    """How often it was begun."""
    failures: int
    """How often it has failed since a user last asked to try again."""
    stop: Literal["interrupt", "cancel"] | None
    """It was asked to end: to go on later, or for good."""
    backend: str | None
    host: str | None
    pid: int | None
    process: str | None
    """Tells the process from a later one with the same pid."""
    job: str | None
    """The backend's own name for the attempt."""
    place: Place
    started: float | None
    """Seconds since the epoch, as `ended`."""
    ended: float | None
    exit_status: int | None
    """Negative: the signal that ended it. None: it has not ended, or nobody saw how."""

    @property
    def name(self) -> str:
        """The experiment's folder inside the run's folder."""
        return self.task.name


@dataclass(frozen=True)
class Judgement:
    """How an experiment compares with others at a number of frames; never made twice at the same one."""

    name: str
    tries: int
    """The latest try at that time."""
    frames: int
    value: float
    """What was compared: of its own, or the mean of several seeds."""
    is_pruned: bool
    """It was not worth going on: cancelled for that reason, unless it had ended already."""


def pruned(entries: Iterable[Entry], judgements: Iterable[Judgement]) -> set[str]:
    """Names of those that were not worth going on, and that nobody has started again since."""
    latest = {judgement.name: judgement for judgement in judgements}
    found = ((entry, latest.get(entry.name)) for entry in entries)
    return {entry.name for entry, last in found if last and last.is_pruned and last.tries == entry.tries}


def log_path(folder: Path, name: str) -> Path:
    """Where everything goes that an experiment prints, in all of its tries."""
    return folder / "logs" / f"{name}.log"


class Ledger:
    """Any number of processes may use it at the same time."""

    def __init__(self, folder: Path, is_read_only: bool = False) -> None:
        """The ledger of a run's folder.

        Args:
            folder: of the run.
            is_read_only: never write to the file, not even to take back what a killed process has begun.

        Raises:
            LedgerError: there is none.
        """
        self.folder = folder
        self._mode = "ro" if is_read_only else "rw"
        self._path = folder / FILE_NAME
        if not self._path.is_file():
            raise LedgerError(f"{folder} has no {FILE_NAME}: it is not the folder of a run")

    @classmethod
    def create(cls, folder: Path) -> Ledger:
        """The ledger of a folder, which may not have one yet."""
        path = folder / FILE_NAME
        path.touch()
        ledger = cls(folder)
        with ledger._transaction() as database:
            version = database.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                database.execute(_SCHEMA)
                database.execute(f"PRAGMA user_version = {_VERSION}")
            database.execute(_JUDGEMENTS)
        return ledger

    def enter(self, tasks: Sequence[Task]) -> list[str]:
        """Make these the experiments of the run; returns the names of earlier ones that are no longer among them.

        A command that has changed makes a done or failed experiment pending again; a running one keeps the old command,
        and those that are no longer wanted stay as they are.
        """
        with self._transaction() as database:
            known = {entry.name: entry for entry in _entries(database)}
            for position, task in enumerate(tasks):
                values = (position, json.dumps(task.command), json.dumps(dict(task.env_vars)), task.name)
                entry = known.get(task.name)
                if entry is None:
                    database.execute(
                        "INSERT INTO experiments (position, command, env_vars, name) VALUES (?, ?, ?, ?)", values
                    )
                elif entry.task == task:
                    database.execute("UPDATE experiments SET position = ? WHERE name = ?", (position, task.name))
                elif entry.state != "running":
                    database.execute(
                        "UPDATE experiments SET position = ?, command = ?, env_vars = ? WHERE name = ?", values
                    )
                    _make_pending(database, task.name, ("done", "failed"))
        return [name for name in known if name not in {task.name for task in tasks}]

    def entries(self) -> list[Entry]:
        """All experiments in the order of the run description."""
        with self._transaction("DEFERRED") as database:
            return _entries(database)

    def entry(self, name: str) -> Entry | None:
        """One experiment; None if there is none of that name."""
        with self._transaction("DEFERRED") as database:
            return _entry(database, name)

    def fingerprint(self) -> tuple[int, ...]:
        """Different after every change; so cheap that it may be asked all the time.

        Raises:
            LedgerError: the ledger is gone.
        """
        # The file's own count of transactions. Closing the file lets go of all locks that this process has on it; no
        # thread of a runner can be in a transaction at that moment, because it has but one.
        try:
            with self._path.open("rb", buffering=0) as file:
                about = os.fstat(file.fileno())
                count = int.from_bytes(os.pread(file.fileno(), *_COUNT_OF_CHANGES), "big")
                return count, about.st_mtime_ns, about.st_ino
        except OSError as error:
            raise LedgerError(f"{self._path}: {error.strerror or error}") from error

    def begin(self, name: str, backend: str, host: str, place: Place, job: str | None = None) -> Entry | None:
        """Pending to running, before anything is started; None if it is not pending."""
        with self._transaction() as database:
            if _state(database, name) != "pending":
                return None
            database.execute(
                "UPDATE experiments SET state = 'running', tries = tries + 1, stop = NULL, backend = ?, host = ?, "
                "pid = NULL, process = NULL, job = ?, gpu = ?, cores = ?, started = ?, ended = NULL, "
                "exit_status = NULL WHERE name = ?",
                (backend, host, job, place.gpu, json.dumps(place.cores), time.time(), name),
            )
            return _entry(database, name)

    def claim(self, name: str, number: int, host: str, pid: int, process: str) -> Entry | None:
        """The attempt for try `number` takes the experiment; None if it must not run.

        It must not if the try was taken back, has another attempt, or was stopped before it began.
        """
        with self._transaction() as database:
            entry = _entry(database, name)
            if entry is None or not _is_at(entry, number) or entry.pid is not None:
                return None
            if entry.stop is not None:
                _end(database, name, "cancelled" if entry.stop == "cancel" else "pending", INTERRUPTED)
                return None
            # Not since it was begun: it may have waited in a queue.
            database.execute(
                "UPDATE experiments SET host = ?, pid = ?, process = ?, started = ? WHERE name = ?",
                (host, pid, process, time.time(), name),
            )
            return entry

    def set_job(self, name: str, number: int, job: str) -> None:
        """The backend's own name for the attempt of try `number`."""
        with self._transaction() as database:
            database.execute("UPDATE experiments SET job = ? WHERE name = ? AND tries = ?", (job, name, number))

    def finish(self, name: str, number: int, exit_status: int | None, was_interrupted: bool = False) -> bool:
        """Try `number` has ended: done with exit status 0, cancelled or pending again if it was stopped, else failed.

        Args:
            name: of the experiment.
            number: of the try; the end of an earlier one says nothing about the experiment.
            exit_status: None if nobody saw it.
            was_interrupted: somebody asked it to end, though not through the ledger.

        Returns:
            Whether this try was running.
        """
        with self._transaction() as database:
            entry = _entry(database, name)
            if entry is None or not _is_at(entry, number):
                return False
            if exit_status == 0:
                _end(database, name, "done", exit_status)
            elif entry.stop == "cancel":
                _end(database, name, "cancelled", exit_status)
            elif was_interrupted or entry.stop == "interrupt" or exit_status == INTERRUPTED:
                _end(database, name, "pending", exit_status)
            else:
                database.execute("UPDATE experiments SET failures = failures + 1 WHERE name = ?", (name,))
                _end(database, name, "failed", exit_status)
            return True

    def stop(self, names: Iterable[str]) -> list[Entry]:
        """Note that these are asked to end and to go on later; returns those that have not been asked before."""
        with self._transaction() as database:
            asked = [entry for name in names if (entry := _entry(database, name)) and entry.state == "running"]
            asked = [entry for entry in asked if entry.stop is None]
            for entry in asked:
                database.execute("UPDATE experiments SET stop = 'interrupt' WHERE name = ?", (entry.name,))
            return asked

    def cancel(self, names: Iterable[str]) -> list[Entry]:
        """Pending ones are cancelled; returns the running ones, which are noted and have to be ended."""
        with self._transaction() as database:
            running = []
            for name in names:
                entry = _entry(database, name)
                if entry is not None and entry.state == "pending":
                    database.execute("UPDATE experiments SET state = 'cancelled' WHERE name = ?", (name,))
                elif entry is not None and entry.state == "running":
                    database.execute("UPDATE experiments SET stop = 'cancel' WHERE name = ?", (name,))
                    running.append(entry)
            return running

    def judge(self, judgements: Iterable[Judgement]) -> None:
        """Write down how experiments compare, all or none; pruned ones are cancelled, and running ones noted as such.

        Whoever calls this has to end those that run. `tries` is filled in here.
        """
        with self._transaction() as database:
            for one in judgements:
                database.execute(
                    "INSERT INTO judgements (name, tries, frames, value, is_pruned) "
                    "SELECT name, tries, ?, ?, ? FROM experiments WHERE name = ?",
                    (one.frames, one.value, one.is_pruned, one.name),
                )
                if one.is_pruned:
                    # One that has failed meanwhile would be tried again.
                    database.execute(
                        "UPDATE experiments SET state = 'cancelled' WHERE name = ? AND state IN ('pending', 'failed')",
                        (one.name,),
                    )
                    database.execute(
                        "UPDATE experiments SET stop = 'cancel' WHERE name = ? AND state = 'running'", (one.name,)
                    )

    def judgements(self) -> list[Judgement]:
        """All of them, in the order in which they were made."""
        with self._transaction("DEFERRED") as database:
            if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'judgements'").fetchone():
                return []
            rows = database.execute(
                "SELECT name, tries, frames, value, is_pruned FROM judgements ORDER BY number"
            ).fetchall()
        return [Judgement(**{**row, "is_pruned": bool(row["is_pruned"])}) for row in rows]

    def retry(self, names: Iterable[str], states: Sequence[State] = ("failed", "cancelled")) -> list[str]:
        """Those in these states are pending again, with all their tries before them; returns their names."""
        with self._transaction() as database:
            return [name for name in names if _make_pending(database, name, states)]

    def retry_failed(self, names: Iterable[str], max_failures: int) -> list[str]:
        """Of these, the failed ones that have not failed more often than that are pending again."""
        with self._transaction() as database:
            again = []
            for name in names:
                entry = _entry(database, name)
                if entry is not None and entry.state == "failed" and entry.failures <= max_failures:
                    database.execute("UPDATE experiments SET state = 'pending' WHERE name = ?", (name,))
                    again.append(name)
            return again

    @contextlib.contextmanager
    def _transaction(self, kind: str = "IMMEDIATE") -> Iterator[sqlite3.Connection]:
        """All or nothing. A connection for each: they are rare, and none is there for a fork to inherit."""
        # rw and ro: a ledger that was deleted is not replaced by an empty one.
        address = f"file:{quote(os.fspath(self._path.absolute()))}?mode={self._mode}"
        try:
            with contextlib.closing(
                sqlite3.connect(address, uri=True, timeout=_BUSY_TIMEOUT_SEC, isolation_level=None)
            ) as database:
                database.row_factory = sqlite3.Row
                database.execute(f"BEGIN {kind}")
                _check_version(database, self._path)
                yield database
                database.execute("COMMIT")
        except sqlite3.Error as error:
            raise LedgerError(f"{self._path}: {error}") from error


def _check_version(database: sqlite3.Connection, path: Path) -> None:
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version not in (0, _VERSION):
        raise LedgerError(f"{path} was written by another version of this program (format {version})")


def _entries(database: sqlite3.Connection) -> list[Entry]:
    rows = database.execute("SELECT * FROM experiments ORDER BY position, name").fetchall()
    return [_from_row(row) for row in rows]


def _entry(database: sqlite3.Connection, name: str) -> Entry | None:
    row = database.execute("SELECT * FROM experiments WHERE name = ?", (name,)).fetchone()
    return None if row is None else _from_row(row)


def _from_row(row: sqlite3.Row) -> Entry:
    values: dict[str, Any] = dict(row)
    task = Task(values.pop("name"), tuple(json.loads(values.pop("command"))), json.loads(values.pop("env_vars")))
    place = Place(values.pop("gpu"), tuple(json.loads(values.pop("cores") or "[]")))
    del values["position"]
    return Entry(task=task, place=place, **values)


def _state(database: sqlite3.Connection, name: str) -> str | None:
    row = database.execute("SELECT state FROM experiments WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def _is_at(entry: Entry, number: int) -> bool:
    return entry.state == "running" and entry.tries == number


def _end(database: sqlite3.Connection, name: str, state: State, exit_status: int | None) -> None:
    database.execute(
        "UPDATE experiments SET state = ?, stop = NULL, ended = ?, exit_status = ? WHERE name = ?",
        (state, time.time(), exit_status, name),
    )


def _make_pending(database: sqlite3.Connection, name: str, states: Sequence[State]) -> bool:
    marks = ", ".join("?" * len(states))
    cursor = database.execute(
        "UPDATE experiments SET state = 'pending', failures = 0, exit_status = NULL, ended = NULL "
        f"WHERE name = ? AND state IN ({marks})",
        (name, *states),
    )
    return cursor.rowcount == 1
