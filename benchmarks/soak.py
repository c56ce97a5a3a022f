"""Runs a training and does to it what happens in long runs, then says whether it held. Knows no internals.

    python -m benchmarks.soak kill --minutes 5 --inference policy_workers     # kills a random component every 5 s
    python -m benchmarks.soak idle --minutes 10                               # watches memory and file descriptors
    python -m benchmarks.soak kill --minutes 30 --interval 10 --env doom_battle --victims vizdoom rollout \
        --num_workers 2 --num_envs_per_worker 16                              # kills games and their workers

The last line is the verdict; the exit status is 0 if it held and 1 if not.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import re
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import psutil

from benchmarks.process_tree import end_when_terminated
from sample_factory.algorithms.appo.tests.training_run import (
    TrainingRun,
    name_of,
    still_alive,
    training,
    unused_shared_memory,
)

COMPONENTS = ("learner", "policy", "rollout")
_START_SEC = 90.0
_END_SEC = 10.0
_NO_FRAMES_SEC = 60.0
_WARM_UP_SEC = 60.0  # allocators and caches fill up first
# What counts as a slope: per minute, over the second part of the run.
_MAX_MIB_PER_MIN = 1.0
_MAX_FDS_PER_MIN = 0.2
_KILLED_TREE_ALLOWANCE = 5  # the sum of dozens of processes that start anew is noisier than one that stays


class Broken(Exception):  # noqa: N818 (a verdict, not an error of this program)
    """The run did not hold; the text says why."""


def kill(
    run: TrainingRun, minutes: float, interval_sec: float, generator: random.Random, victims: Sequence[str] = COMPONENTS
) -> str:
    """Kill a random component again and again.

    Args:
        victims: beginnings of names of processes; one of each in turn.

    Raises:
        Broken: frames stopped growing, the run ended, or the memory of all its processes together grew.
    """
    killed: Counter[str] = Counter()
    memory: list[tuple[float, float]] = []  # minutes and MiB
    begin = time.monotonic()
    end = time.monotonic() + minutes * 60
    frames, frames_at = run.frames, time.monotonic()
    next_kill = time.monotonic()
    kinds: list[str] = []
    while time.monotonic() < end:
        time.sleep(0.2)
        if run.process.poll() is not None:
            raise Broken(f"the run ended with status {run.process.poll()}")
        if run.frames > frames:
            frames, frames_at = run.frames, time.monotonic()
        if time.monotonic() - frames_at > _NO_FRAMES_SEC:
            raise Broken(f"no new frames for {_NO_FRAMES_SEC:.0f} s")
        if time.monotonic() >= next_kill:
            next_kill += interval_sec
            # All kinds in turn, in a random order each time.
            kinds = kinds or generator.sample(victims, len(victims))
            while not (candidates := run.components(kinds.pop())):
                kinds = kinds or generator.sample(victims, len(victims))
            memory.append(((time.monotonic() - begin) / 60, _memory_mib(run)))
            for victim in generator.sample(candidates, 1):
                with contextlib.suppress(psutil.Error):
                    killed[name_of(victim)] += 1
                    victim.kill()
    before = run.frames
    deadline = time.monotonic() + _NO_FRAMES_SEC
    while run.frames <= before:
        if time.monotonic() > deadline or run.process.poll() is not None:
            raise Broken(f"no new frames within {_NO_FRAMES_SEC:.0f} s of the last kill")
        time.sleep(0.2)
    slope = _memory_slope(memory)
    if slope > _MAX_MIB_PER_MIN * _KILLED_TREE_ALLOWANCE:
        raise Broken(f"memory grew by {slope:.2f} MiB/min")
    kills = ", ".join(f"{name} {count}" for name, count in sorted(killed.items()))
    return f"{killed.total()} kills ({kills}), memory of all processes {slope:+.2f} MiB/min"


def _memory_mib(run: TrainingRun) -> float:
    total = 0.0
    for process in [psutil.Process(run.process.pid), *run.descendants()]:
        with contextlib.suppress(psutil.Error):
            total += process.memory_info().rss / 2**20
    return total


def _memory_slope(memory: Sequence[tuple[float, float]]) -> float:
    """MiB per minute in the second half, when caches are full; 0 if there is too little to say."""
    settled = np.array(memory[len(memory) // 2 :])
    return float(np.polyfit(settled[:, 0], settled[:, 1], 1)[0]) if len(settled) >= 20 else 0.0


def watch(run: TrainingRun, minutes: float) -> str:
    """Watch memory and file descriptors of every process.

    Raises:
        Broken: one of them grows.
    """
    samples: dict[str, list[tuple[float, float, int]]] = defaultdict(list)
    begin = time.monotonic()
    while (now := time.monotonic()) < begin + minutes * 60:
        processes = [psutil.Process(run.process.pid), *run.descendants()]
        for process in processes:
            with contextlib.suppress(psutil.Error):
                name = "supervisor" if process.pid == run.process.pid else f"{process.name()} ({process.pid})"
                samples[name].append(((now - begin) / 60, process.memory_info().rss / 2**20, process.num_fds()))
        time.sleep(1.0)
        if run.process.poll() is not None:
            raise Broken(f"the run ended with status {run.process.poll()}")
    grown = []
    for name, rows in samples.items():
        minute, mebibytes, descriptors = (np.array(column) for column in zip(*rows, strict=True))
        settled = minute >= min(_WARM_UP_SEC / 60, minutes / 2)
        if settled.sum() < 10:
            continue
        memory_slope = float(np.polyfit(minute[settled], mebibytes[settled], 1)[0])
        descriptor_slope = float(np.polyfit(minute[settled], descriptors[settled], 1)[0])
        print(
            f"{name:24} RSS {mebibytes[0]:7.1f} -> {mebibytes[-1]:7.1f} MiB ({memory_slope:+.2f} MiB/min), "
            f"descriptors {descriptors[0]} -> {descriptors[-1]} ({descriptor_slope:+.2f}/min)"
        )
        if memory_slope > _MAX_MIB_PER_MIN or descriptor_slope > _MAX_FDS_PER_MIN:
            grown.append(name)
    if grown:
        raise Broken(f"{', '.join(grown)} grew")
    return f"{len(samples)} processes watched"


def end(run: TrainingRun, objects_before: set[str]) -> str:
    """End the run and look for what it left.

    Raises:
        Broken: it did not end as it should, lost blocks, or left something behind.
    """
    processes = [psutil.Process(run.process.pid), *run.descendants()]
    run.signal(signal.SIGTERM)
    started = time.monotonic()
    try:
        status = run.process.wait(_END_SEC)
    except Exception:
        raise Broken(f"did not end within {_END_SEC:.0f} s of SIGTERM") from None
    if status != 2:
        raise Broken(f"exit status {status} instead of 2")
    if left := still_alive(processes, 2.0):
        raise Broken(f"processes left: {left}")
    if files := unused_shared_memory() - objects_before:
        raise Broken(f"shared memory left: {sorted(files)}")
    ledger = re.search(r"(\d+) blocks: FREE (\d+), FILLING (\d+), READY (\d+), LEARNING (\d+)", run.output)
    if ledger is None or "ledger is inconsistent" in run.output:
        raise Broken("blocks were not conserved")
    total, *parts = map(int, ledger.groups())
    if total != sum(parts):
        raise Broken(f"{total} blocks, but {parts}")
    if not list(run.folder.glob("checkpoint_p0/checkpoint_*.pth")):
        raise Broken("no checkpoint")
    return f"ended in {time.monotonic() - started:.1f} s, {ledger.group(0)}"


def main() -> int:
    """Run the soak that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("kill", "idle"))
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--interval", type=float, default=5.0, help="seconds between kills")
    parser.add_argument("--victims", nargs="+", default=COMPONENTS, help="beginnings of names of processes to kill")
    parser.add_argument("--env", default="gym_CartPole-v1")
    parser.add_argument("--inference", choices=("inline", "policy_workers"), default="inline")
    parser.add_argument("--seed", type=int, default=None, help="of the choice of victims")
    parser.add_argument("--verbose", action="store_true", help="show the output of the run")
    arguments, options = parser.parse_known_args()
    end_when_terminated()
    objects_before = unused_shared_memory()
    with (
        tempfile.TemporaryDirectory(prefix="sample_factory_soak_") as folder,
        training(Path(folder), f"--env={arguments.env}", f"--inference={arguments.inference}", *options) as run,
    ):
        try:
            run.wait_for_frames(1, _START_SEC)
            if arguments.what == "kill":
                found = kill(
                    run, arguments.minutes, arguments.interval, random.Random(arguments.seed), arguments.victims
                )
            else:
                found = watch(run, arguments.minutes)
            frames = run.frames
            ending = end(run, objects_before)
        except (Broken, AssertionError) as problem:
            print(run.output)
            print(f"soak {arguments.what} {arguments.env} {arguments.inference}: FAILED: {problem}")
            return 1
        if arguments.verbose:
            print(run.output)
    print(f"soak {arguments.what} {arguments.env} {arguments.inference}: ok: {found}, {frames} frames, {ending}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
