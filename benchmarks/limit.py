"""How fast a case could be if nothing but the necessary work took time. Knows no training system.

    python -m benchmarks.limit doom cartpole [--out limits.json]

The limit is cores / (environment + inference + training), in CPU seconds per sample, each stage alone on one core at
its best batch size and in its best number format, in plain PyTorch. `benchmarks.run --limit` measures it in its run.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.cases import Case, all_cases
from benchmarks.cases.work import Work

_TIMEOUT_SEC = 900


class LimitError(Exception):
    """A limit could not be measured."""


@dataclass(frozen=True)
class Limit:
    """What it is made of."""

    cores: int
    frames_per_sample: float
    seconds: Mapping[str, float]
    """Core-seconds per sample of each stage."""
    best: Mapping[str, str]
    """How each stage was fastest."""
    tried: Mapping[str, Mapping[str, float]]
    """Core-seconds per sample of everything that was tried."""

    @property
    def fps(self) -> float:
        """Frames per second."""
        return self.cores * self.frames_per_sample / sum(self.seconds.values())


def measure_limit(case: Case) -> Limit | None:
    """In a process of its own, pinned to one core; None for a case without learning.

    Raises:
        LimitError: with the last words of that process.
    """
    if case.work is None:
        return None
    with tempfile.TemporaryDirectory(prefix="benchmark-limit-") as folder:
        out = Path(folder) / "limit.json"
        command = [case.ours.python, "-m", "benchmarks.limit", case.name, "--out", str(out)]
        environ = {**case.ours.environ(case.ours.settings[0]), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            command, capture_output=True, text=True, env=environ, cwd=folder, timeout=_TIMEOUT_SEC, check=False
        )
        if done.returncode:
            raise LimitError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-1500:]}")
        return read_limit(json.loads(out.read_text())[case.name])


def read_limit(parts: Mapping[str, Any]) -> Limit:
    """From what `describe` wrote."""
    return Limit(**{name: value for name, value in parts.items() if name != "fps"})


def describe(limit: Limit) -> dict[str, Any]:
    """All parts, for JSON."""
    return {"fps": limit.fps, **asdict(limit)}


def measure_here(work: Work, cores: int, rounds: int = 5, round_sec: float = 0.5) -> Limit:
    """In this process, which is pinned to one core and uses one thread from here on."""
    import torch

    from benchmarks.limit_stages import Effort, environment_stage, inference_stage, training_stage

    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    effort = Effort(rounds, round_sec)
    environment, frames_per_sample, spaces = environment_stage(work, effort)
    stages = {
        "environment": environment,
        "inference": inference_stage(work, spaces, effort),
        "training": training_stage(work, spaces, effort),
    }
    return Limit(
        cores,
        frames_per_sample,
        {name: stage.seconds for name, stage in stages.items()},
        {name: stage.best for name, stage in stages.items()},
        {name: dict(stage.tried) for name, stage in stages.items()},
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Print the parts of each case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="+", choices=[name for name, case in all_cases().items() if case.work])
    parser.add_argument("--rounds", type=int, default=5, help="of which the best counts")
    parser.add_argument("--round-seconds", type=float, default=0.5, help="CPU time of each round")
    parser.add_argument("--out", help="JSON file")
    args = parser.parse_args(argv)
    cores = len(os.sched_getaffinity(0))  # before this process is pinned
    found = {}
    for name in args.cases:
        work = all_cases()[name].work
        assert work is not None
        limit = measure_here(work, cores, args.rounds, args.round_seconds)
        print(shown(name, limit), flush=True)
        found[name] = describe(limit)
    if args.out:
        Path(args.out).write_text(json.dumps(found, indent=2) + "\n")


def shown(name: str, limit: Limit) -> str:
    """One line with the parts."""
    parts = " + ".join(
        f"{stage} {seconds * 1e6:,.1f} us ({limit.best[stage]})" for stage, seconds in limit.seconds.items()
    )
    return f"{name}: limit {limit.fps:,.0f} frames/s = {limit.cores} cores x {limit.frames_per_sample:g} / ({parts})"


if __name__ == "__main__":
    main()
