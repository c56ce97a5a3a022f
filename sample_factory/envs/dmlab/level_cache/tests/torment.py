"""Processes that use one store in every way and are killed at any instruction. Knows what each level must be.

A payload follows from its key, so whatever is read can be checked. A level is *committed* when `write` has returned
True; each process notes that in a file of its own. `Torment` starts, kills and replaces processes; afterwards `losses`
says what is not as it must be.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from sample_factory.envs.dmlab.level_cache.compaction import compact
from sample_factory.envs.dmlab.level_cache.entries import shard
from sample_factory.envs.dmlab.level_cache.files import is_temporary
from sample_factory.envs.dmlab.level_cache.store import LevelStore
from sample_factory.envs.dmlab.level_cache.tests.levels import entry_of, key_of, payload_of
from sample_factory.envs.dmlab.level_cache.verification import verify

_NEW_PER_SEC = 20
_ENOUGH = 20
_KEEPER_SHARE = 25  # of so many processes one compacts and one verifies
_KEY = r"[a-z_]+_[0-9a-f]{32}"
_NAME = r"\d{8}T\d{6}-[0-9a-f]{16}"
_EXPECTED = re.compile(
    rf"objects/[0-9a-f]{{2}}/{_KEY}|packs/{_NAME}\.sqlite|seeds/[\w/]+/{_NAME}\.seeds"
    rf"|quarantine/({_KEY}|{_KEY}@{_NAME}\.sqlite|{_NAME}\.sqlite)"
)


class Torment:
    """A store, and processes that do everything to it."""

    def __init__(self, folder: Path, processes: int, seed: int) -> None:
        """Begin. The store is `folder/store`, what the processes note is in `folder/notes`."""
        self.store_path = folder / "store"
        self.kills = 0
        self._notes = folder / "notes"
        self._notes.mkdir(parents=True)
        self._generator = random.Random(seed)
        self._started = time.monotonic()
        self._roles: dict[int, int] = {}
        for role in range(processes):
            self._start(role)

    def run(self, seconds: float, kills_per_sec: float) -> None:
        """Kill and replace processes at random."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(self._generator.expovariate(kills_per_sec))
            pid = self._generator.choice(list(self._roles))
            self._start(self._kill(pid))

    def end(self) -> None:
        """Kill all that are left."""
        for pid in self._roles:
            os.kill(pid, signal.SIGKILL)
        for pid in list(self._roles):
            self._kill(pid)

    def committed(self) -> set[int]:
        """Numbers of all committed levels."""
        return {int(line) for line in self._noted("committed")}

    def counts(self) -> dict[str, int]:
        """How often what was done."""
        kinds = ("committed", "hit", "compacted", "verified", "planted")
        return {"killed": self.kills} | {kind: sum(1 for _ in self._noted(kind)) for kind in kinds}

    def losses(self) -> list[str]:
        """What is not as it must be: levels that were wrong or are lost, failures, files that nobody expects."""
        found = [f"level {line} was handed over wrong" for line in self._noted("wrong")]
        found += [f"a process failed: {line}" for line in self._noted("failed")]
        verify(LevelStore(self.store_path))
        found += [f"level {number} is lost" for number in self._lost()]
        compact(LevelStore(self.store_path))
        found += [f"level {number} is lost after compaction" for number in self._lost()]
        again = verify(LevelStore(self.store_path))
        found += [f"damaged after all was verified: {again}"] * bool(again.damaged or again.unread)
        return found + [f"unexpected file {path}" for path in self._unexpected()]

    def _lost(self) -> list[int]:
        store = LevelStore(self.store_path)
        return [number for number in sorted(self.committed()) if store.read(key_of(number)) != payload_of(number)]

    def _unexpected(self) -> list[str]:
        files = (path for path in self.store_path.rglob("*") if path.is_file() and not is_temporary(path.name))
        names = (str(path.relative_to(self.store_path)) for path in files)
        return [name for name in names if not _EXPECTED.fullmatch(name)]

    def _noted(self, kind: str) -> Iterator[str]:
        for path in self._notes.glob(f"*.{kind}"):
            lines = path.read_text().splitlines(keepends=True)
            yield from (line.strip() for line in lines if line.endswith("\n"))

    def _start(self, role: int) -> None:
        seed = self._generator.getrandbits(32)
        pid = os.fork()
        if pid == 0:
            with contextlib.suppress(OSError):
                os.nice(5)  # or who kills has to wait for a core
            os._exit(self._be(role, seed))
        self._roles[pid] = role

    def _kill(self, pid: int) -> int:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        self.kills += 1
        return self._roles.pop(pid)

    def _be(self, role: int, seed: int) -> int:
        notes = _Notes(self._notes / f"{role}-{os.getpid()}-{seed}")
        # What the store says about planted files is what it should say.
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
            process = _Process(self.store_path, notes, random.Random(seed), self._started)
            try:
                while True:
                    process.act(role)
            except BaseException as error:
                notes.add("failed", f"{type(error).__name__}: {error}")
        return 1


class _Notes:
    """Files of one process; a line that was begun when it was killed does not count."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)

    def add(self, kind: str, text: object) -> None:
        descriptor = os.open(f"{self._path}.{kind}", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        os.write(descriptor, f"{text}\n".replace("\n", " ", str(text).count("\n")).encode())
        os.close(descriptor)


class _Process:
    def __init__(self, path: Path, notes: _Notes, generator: random.Random, started: float) -> None:
        self._store = LevelStore(path)
        self._notes = notes
        self._generator = generator
        self._started = started

    def act(self, role: int) -> None:
        """Do one thing."""
        if role % _KEEPER_SHARE == 0:
            compact(self._store)
            self._notes.add("compacted", "")
        elif role % _KEEPER_SHARE == 1:
            verify(self._store)
            self._notes.add("verified", "")
            time.sleep(1.0)
        elif self._generator.random() < 0.02:
            self._plant()
        else:
            self._fetch()

    def _fetch(self) -> None:
        """As an environment does: read, and where there is nothing, compile and write."""
        number = self._number()
        entry = entry_of(number)
        payload = self._store.read(entry.key)
        if payload is not None:
            self._notes.add("hit" if payload == entry.payload else "wrong", number)
        elif self._store.write(entry.key, entry.payload, entry.level, entry.seed):
            self._notes.add("committed", number)

    def _plant(self) -> None:
        """Leave a torn file where a level should be, unless there is one: what older programs have done."""
        key = key_of(self._number())
        path = self._store.path / "objects" / shard(key) / key
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            os.write(descriptor, b'{"key": "torn')
            os.close(descriptor)
            self._notes.add("planted", key)

    def _number(self) -> int:
        seconds = time.monotonic() - self._started
        return self._generator.randrange(50 + int(_NEW_PER_SEC * seconds))


def main() -> int:
    """Torment a store for some seconds or more: `<folder> <processes> <seconds> <kills per second> <seed>`."""
    folder, processes, seconds, kills_per_sec, seed = sys.argv[1:]
    torment = Torment(Path(folder), int(processes), int(seed))
    torment.run(float(seconds), float(kills_per_sec))
    while min(torment.counts()[kind] for kind in ("killed", "committed", "hit")) <= _ENOUGH:  # on a busy machine
        torment.run(1.0, float(kills_per_sec))
    torment.end()
    losses = torment.losses()
    print(torment.counts())
    print("\n".join(losses))
    return 1 if losses else 0


if __name__ == "__main__":
    sys.exit(main())
