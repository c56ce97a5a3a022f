"""Ways to store compiled levels, compared: why the level cache has loose files and packs. Knows none of them by name.

    python -m benchmarks.level_stores --out level_stores.json            # 1 M entries of 1 to 2 KB, 20 k of 25 to 30 KB
    python -m benchmarks.level_stores --entries 0 --large_entries 1000000 --kinds packs        # writes 28 GB
    python -m benchmarks.level_stores --entries 20000 --seconds 5        # a quick look

For each kind: lookups of one process for each second of a core, everything in memory; lookups/s, writes/s and the
longest wait of 100 readers and 4 writers together, while ten times a second a random one of them is killed with -9 and
replaced; bytes on the disk beyond the payloads, and inodes. LMDB is measured if the package `lmdb` is installed, which
nothing else needs: a virtual environment of its own will do. `--pages` compares page sizes of packs instead.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import mmap
import os
import random
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.level_store_kinds import KINDS, Kind
from sample_factory.envs.dmlab.level_cache.entries import Entry
from sample_factory.envs.dmlab.level_cache.pack import Pack, PackWriter

_LEVELS = tuple(f"contributed/dmlab30/explore_goal_locations_{name}" for name in ("small", "large"))
_SAMPLE = 100_000
_PASSES = 3
_COUNTERS = 4  # lookups, writes, failures, longest wait in microseconds
_PAGE_SIZES = (512, 1024, 2048, 4096, 8192, 16384, 65536)


@dataclass(frozen=True)
class Sizes:
    """Entries to store."""

    entries: int
    smallest: int
    largest: int
    """Bytes of a payload."""

    def entry(self, number: int) -> Entry:
        """Everything follows from the number."""
        name = hashlib.md5(str(number).encode()).hexdigest()
        size = self.smallest + int(name[:8], 16) % (self.largest - self.smallest)
        payload = hashlib.shake_128(name.encode()).digest(size)
        return Entry(f"explore_maze_noaas_{name}", _LEVELS[number % 2], number, payload)

    def keys(self) -> list[str]:
        """In the order of numbers."""
        return [f"explore_maze_noaas_{hashlib.md5(str(number).encode()).hexdigest()}" for number in range(self.entries)]

    def in_order_of_keys(self) -> Iterator[Entry]:
        """All of them."""
        keys = self.keys()
        yield from (self.entry(number) for number in sorted(range(self.entries), key=keys.__getitem__))


@dataclass
class Outcome:
    """One kind."""

    kind: str
    sizes: Sizes
    build_sec: float
    overhead: float
    """Bytes on the disk beyond the payloads, over those of the payloads."""
    inodes: int
    lookups_per_sec: float
    """Of one process, for each second of a core, everything in memory."""
    crowd: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def line(self) -> str:
        """For people."""
        crowd = self.crowd
        shown = (
            f"{self.kind:20} {self.lookups_per_sec:10,.0f} {self.overhead:9.1%} {self.inodes:10,} {self.build_sec:8.0f}"
        )
        if crowd:
            shown += (
                f" {crowd['lookups_per_sec']:10,.0f} {crowd['writes_per_sec']:8,.1f} {crowd['longest_wait_ms']:10,.0f}"
            )
            shown += f" {crowd['failures']:8.0f} {crowd['kills']:6.0f}"
        return shown + "".join(f"\n    {problem}" for problem in self.problems)


_TITLE = (
    f"{'':20} {'lookups/s':>10} {'overhead':>9} {'inodes':>10} {'build s':>8}"
    f" {'crowd: l/s':>10} {'writes/s':>8} {'longest ms':>10} {'failures':>8} {'kills':>6}"
)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=1_000_000, help="small ones; none with 0")
    parser.add_argument("--large_entries", type=int, default=None, help="by default a fiftieth of the small ones")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long all processes use each kind")
    parser.add_argument("--readers", type=int, default=100)
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--kills_per_second", type=float, default=10.0)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--folder", type=Path, default=None, help="where to write; needs about 10 GB")
    parser.add_argument("--out", type=Path, default=None, help="JSON file")
    parser.add_argument("--pages", action="store_true", help="compare page sizes of packs")
    arguments = parser.parse_args()
    small = Sizes(arguments.entries, 1000, 2000)
    num_large = arguments.large_entries
    large = Sizes(max(arguments.entries // 50, 1) if num_large is None else num_large, 25_000, 30_000)
    print(f"load average before: {os.getloadavg()[0]:.2f}, {os.cpu_count()} cores", flush=True)
    if arguments.pages:
        compare_pages(large, arguments.folder)
        return 0
    outcomes = []
    for sizes, is_crowded in ((small, True), (large, False)):
        if not sizes.entries:
            continue
        print(f"\n{sizes.entries:,} entries of {sizes.smallest:,} to {sizes.largest:,} bytes\n{_TITLE}", flush=True)
        for name in arguments.kinds:
            outcome = _measured(name, sizes, arguments, is_crowded)
            if outcome is not None:
                outcomes.append(outcome)
                print(outcome.line(), flush=True)
    if arguments.out is not None:
        settings = {"load_average": os.getloadavg(), "cores": os.cpu_count(), "python": sys.version}
        arguments.out.write_text(json.dumps({**settings, "outcomes": [asdict(one) for one in outcomes]}, indent=1))
    return 0


def _measured(name: str, sizes: Sizes, arguments: argparse.Namespace, is_crowded: bool) -> Outcome | None:
    kind = KINDS[name]
    folder = Path(tempfile.mkdtemp(prefix="sample_factory_level_stores_", dir=arguments.folder))
    try:
        started = time.monotonic()
        kind.build(folder, sizes.in_order_of_keys())
        build_sec = time.monotonic() - started
        overhead, inodes = _on_disk(folder, sizes)
        outcome = Outcome(name, sizes, build_sec, overhead, inodes, _lookups_per_sec(kind, folder, sizes))
        if is_crowded:
            crowd = Crowd(kind, folder, sizes, arguments.readers, arguments.writers)
            outcome.crowd = crowd.run(arguments.seconds, arguments.kills_per_second)
            outcome.problems = kind.problems(folder)
        return outcome
    except ModuleNotFoundError as error:
        print(f"{name:20} not measured: {error}", flush=True)
        return None
    finally:
        shutil.rmtree(folder)


def _on_disk(folder: Path, sizes: Sizes) -> tuple[float, int]:
    """Overhead and inodes; blocks count, so that sparse files are not too large and small ones not too small."""
    os.sync()
    used, inodes = 0, 0
    for place, folders, files in os.walk(folder):
        inodes += len(folders) + len(files)
        used += sum(os.lstat(os.path.join(place, name)).st_blocks * 512 for name in files + folders)
    payload = sum(len(sizes.entry(number).payload) for number in range(sizes.entries))
    return used / payload - 1, inodes


def _lookups_per_sec(kind: Kind, folder: Path, sizes: Sizes) -> float:
    """Median of a few passes over a random sample of keys, after one that is not counted; in a process of its own.

    Seconds are those in which it had the core: nothing is waited for, and others may use the machine.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        store = kind.open(folder)
        keys = sizes.keys()
        sample = random.Random(0).sample(keys, min(_SAMPLE, len(keys)))
        speeds = []
        for _ in range(_PASSES + 1):
            started = time.process_time()
            found = sum(store.get(key) is not None for key in sample)
            speeds.append(found / (time.process_time() - started))
        os.write(writing, f"{statistics.median(speeds[1:])}".encode())
        os._exit(0)
    os.close(writing)
    with open(reading) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return float(text or "nan")


class Crowd:
    """Readers and writers of one store, which are killed and replaced."""

    def __init__(self, kind: Kind, folder: Path, sizes: Sizes, readers: int, writers: int) -> None:
        self._kind, self._folder, self._sizes = kind, folder, sizes
        self._readers, self._places = readers, readers + writers
        self._keys = sizes.keys()
        shared = mmap.mmap(-1, 8 * _COUNTERS * self._places)
        self._counters = memoryview(shared).cast("q")  # those of a place have one writer, its process
        self._generator = random.Random(0)
        self._processes: dict[int, int] = {}

    def run(self, seconds: float, kills_per_sec: float) -> dict[str, float]:
        """What all of them did together."""
        for place in range(self._places):
            self._start(place)
        kills, started = 0, time.monotonic()
        while time.monotonic() - started < seconds:
            time.sleep(self._generator.expovariate(kills_per_sec) if kills_per_sec else 0.1)
            if kills_per_sec:
                self._start(self._kill(self._generator.choice(list(self._processes))))
                kills += 1
        elapsed = time.monotonic() - started
        for pid in self._processes:
            os.kill(pid, signal.SIGKILL)
        for pid in list(self._processes):
            self._kill(pid)
        lookups, writes, failures, waits = (self._counters[which::_COUNTERS].tolist() for which in range(_COUNTERS))
        return {
            "lookups_per_sec": sum(lookups) / elapsed,
            "writes_per_sec": sum(writes) / elapsed,
            "longest_wait_ms": max(waits) / 1000,
            "failures": sum(failures),
            "kills": kills,
        }

    def _start(self, place: int) -> None:
        seed = self._generator.getrandbits(32)
        pid = os.fork()
        if pid == 0:
            os.nice(5)  # or who kills has to wait for a core
            with open(os.devnull, "w") as nowhere:
                sys.stderr = nowhere
                (self._read if place < self._readers else self._write)(place, random.Random(seed))
        self._processes[pid] = place

    def _kill(self, pid: int) -> int:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return self._processes.pop(pid)

    def _read(self, place: int, generator: random.Random) -> None:
        """Read random entries for ever."""
        store = self._kind.open(self._folder)
        while True:
            number = generator.randrange(self._sizes.entries)
            started = time.perf_counter()
            try:
                is_right = store.get(self._keys[number]) == self._sizes.entry(number).payload
            except Exception:  # whatever a kind does when others were killed is a failure
                is_right = False
            self._count(place, 0, is_right, started)

    def _write(self, place: int, generator: random.Random) -> None:
        """Add new entries for ever, at most a hundred a second: far more than any machine compiles."""
        store = self._kind.open(self._folder)
        while True:
            entry = self._sizes.entry(self._sizes.entries + generator.getrandbits(40))
            started = time.perf_counter()
            try:
                store.put(entry)
                is_right = True
            except Exception:
                is_right = False
            self._count(place, 1, is_right, started)
            time.sleep(0.01)

    def _count(self, place: int, which: int, is_right: bool, started: float) -> None:
        base = place * _COUNTERS
        self._counters[base + (which if is_right else 2)] += 1
        waited = int((time.perf_counter() - started) * 1e6)
        self._counters[base + 3] = max(self._counters[base + 3], waited)


def compare_pages(sizes: Sizes, parent: Path | None) -> None:
    """Overhead and speed of packs with pages of several sizes."""
    keys = sizes.keys()
    sample = random.Random(0).sample(keys, min(_SAMPLE, len(keys)))
    print(f"{sizes.entries:,} entries of {sizes.smallest:,} to {sizes.largest:,} bytes")
    for page_bytes in _PAGE_SIZES:
        with tempfile.TemporaryDirectory(dir=parent) as folder:
            writer = PackWriter(folder, page_bytes)
            for entry in sizes.in_order_of_keys():
                writer.add(entry)
            writer.finish()
            (path,) = Path(folder).iterdir()
            pack = Pack(str(path))
            for _ in range(2):
                started = time.process_time()
                found = sum(pack.read(key) is not None for key in sample)
                speed = found / (time.process_time() - started)
            overhead = path.stat().st_size / writer.size_bytes - 1
            print(f"pages of {page_bytes:6,}: overhead {overhead:6.2%}, {speed:9,.0f} lookups/s", flush=True)
            pack.close()


if __name__ == "__main__":
    sys.exit(main())
