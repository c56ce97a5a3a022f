"""Seconds from the start of a training process to the end of the learner's first update. Knows no internals.

    python -m benchmarks.startup [options of the training]

The learner saves a checkpoint after its first update; its appearance is what is waited for.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import psutil

from sample_factory.algorithms.appo.tests.training_run import name_of, training

ROUNDS = 3


def measure(options: list[str]) -> dict[str, float]:
    """When each process was there, and when the first update was done, in seconds."""
    seen: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="sample_factory_startup_") as folder:
        started = time.monotonic()
        with training(Path(folder), *options) as run:
            while not list(run.folder.glob("checkpoint_p0/checkpoint_*.pth")):
                assert run.process.poll() is None, run.output
                for process in run.descendants():
                    name = name_of(process)
                    if name and name != psutil.Process(run.process.pid).name():
                        seen.setdefault(name, time.monotonic() - started)
                time.sleep(0.02)
            seen["first update"] = time.monotonic() - started
    return seen


def main() -> None:
    """Print the median of a few starts."""
    options = sys.argv[1:] or ["--env=gym_CartPole-v1"]
    rounds = [measure(options) for _ in range(ROUNDS)]
    for name in sorted(rounds[0], key=rounds[0].__getitem__):
        times = [seen[name] for seen in rounds if name in seen]
        print(f"{name:14} {statistics.median(times):5.2f} s  (of {', '.join(f'{value:.2f}' for value in times)})")


if __name__ == "__main__":
    main()
