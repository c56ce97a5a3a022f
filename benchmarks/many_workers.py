"""How the sampler scales to more workers than this machine has cores, with environments that only sleep.

    python -m benchmarks.many_workers --workers 1 4 16 64 --sleep_ms 1 5 20 --out results.json --plot image.png

Sleeping takes no core, so what is measured is the engine's own time: who wakes whom, how often, and what that costs.
Three ways to act: `random` (the dummy sampler), `inline` and `policy_workers` (a small network, and nobody who learns).
Printed are frames per second, the share of rows / sleep, and microseconds of a core for each step of a group, by
process; in the rows "bare loops" what as many processes take that only draw actions and sleep.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from benchmarks.frame_counter import parse_frames
from benchmarks.process_tree import ProcessTree
from benchmarks.sleeping import Sleeping
from sample_factory.envs.contract import new_step_arrays
from sample_factory.envs.observations import zero_rows
from sample_factory.envs.random_actions import RandomActions

_WARM_UP_SEC = 5.0
_START_SEC = 180.0
_NUMBER = re.compile(r"[\s\d.-]+$")
_APPO = (
    *("--algo=APPO", "--sampler_only=True", "--hidden_size=64", "--use_rnn=False", "--device=cpu", "--recurrence=1"),
    "--experiment_summaries_interval=5",
)
_WAYS: dict[str, Sequence[str]] = {
    "random": ("--algo=DUMMY_SAMPLER", "--timeout_seconds=100000"),
    "inline": (*_APPO, "--inference=inline"),
    "policy_workers": (*_APPO, "--inference=policy_workers", "--worker_num_splits=1"),
}


@dataclass(frozen=True)
class Outcome:
    """One run."""

    way: str
    sleep_ms: float
    workers: int
    rows: int
    """Of a worker."""
    fps: float
    busy_cores: float
    """Of the whole machine, others included."""
    micros: dict[str, float]
    """Of a core for each step of a group, by the name of the process without its number."""

    @property
    def share(self) -> float:
        """Of what there would be if only sleeping took time."""
        return self.fps / (self.workers * self.rows / self.sleep_ms * 1000)

    def line(self) -> str:
        """For people."""
        parts = ", ".join(f"{name} {micros:.1f}" for name, micros in sorted(self.micros.items()))
        return (
            f"{self.way:14} {self.sleep_ms:5g} ms x {self.workers:3} workers: {self.fps:11,.0f} frames/s = "
            f"{self.share:4.0%}, {self.busy_cores:.2f} cores busy, {sum(self.micros.values()):5.1f} us a step ({parts})"
        )


def main() -> None:
    """Print a line per run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ways", nargs="+", choices=list(_WAYS), default=list(_WAYS))
    parser.add_argument("--sleep_ms", nargs="+", type=float, default=[1, 5, 20])
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 4, 16, 64])
    parser.add_argument("--rows", type=int, default=32, help="environments of a worker, stepped as one")
    parser.add_argument("--seconds", type=float, default=15.0, help="time counted")
    parser.add_argument("--out", type=Path, help="JSON file")
    parser.add_argument("--plot", type=Path, help="image of frames per second against workers")
    args = parser.parse_args()
    outcomes = []
    for sleep_ms in args.sleep_ms:
        for workers in args.workers:
            micros = bare_loops_micros(workers, args.rows, sleep_ms)
            print(f"{'bare loops':14} {sleep_ms:5g} ms x {workers:3}: {micros:.1f} us a step", flush=True)
            for way in args.ways:
                outcomes.append(run(way, sleep_ms, workers, args.rows, args.seconds))
                print(outcomes[-1].line(), flush=True)
    if args.out:
        results = [{**asdict(outcome), "share": outcome.share} for outcome in outcomes]
        args.out.write_text(json.dumps(results, indent=2) + "\n")
    if args.plot:
        plot(outcomes, args.plot)


def bare_loops_micros(workers: int, rows: int, sleep_ms: float, seconds: float = 4.0) -> float:
    """Microseconds of a core for each step of a group that nobody takes anything from, with so many beside each other.

    To wake up costs time as well, and the more the longer a core has slept.
    """
    with multiprocessing.get_context("forkserver").Pool(workers) as pool:
        done = pool.starmap(_bare_loop, [(rows, sleep_ms, seconds)] * workers, chunksize=1)
    return sum(cpu for _, cpu in done) / sum(steps for steps, _ in done) * 1e6


def _bare_loop(rows: int, sleep_ms: float, seconds: float) -> tuple[int, float]:
    """Steps, and seconds of a core."""
    env = Sleeping(rows, sleep_ms / 1000)
    out, result = zero_rows(env.keys, rows), new_step_arrays(rows)
    actions = RandomActions(env.actions, rows, seed=0)
    steps, cpu, until = 0, time.process_time(), time.monotonic() + seconds
    while time.monotonic() < until:
        env.step(actions.next(out), out, result)
        steps += 1
    return steps, time.process_time() - cpu


def run(way: str, sleep_ms: float, workers: int, rows: int, seconds: float) -> Outcome:
    """Start it, let it warm up, count."""
    with tempfile.TemporaryDirectory(prefix="many-workers-", ignore_cleanup_errors=True) as folder:
        command = [sys.executable, "-m", "benchmarks.sleeping", *_WAYS[way], f"--env=sleep_{sleep_ms:g}"]
        command += [f"--num_workers={workers}", f"--num_envs_per_worker={rows}", f"--train_dir={folder}"]
        log = Path(folder) / "log.txt"
        tree = ProcessTree(command, {**os.environ, "PYTHONUNBUFFERED": "1"}, Path.cwd(), log)
        try:
            _wait_for_frames(tree, log)
            time.sleep(_WARM_UP_SEC)
            _wait_for_next_line(tree, log)
            before, begin = _seconds_by_name(tree), time.monotonic()
            busy, first = _busy_sec(), _frames(log)
            time.sleep(seconds)
            _wait_for_next_line(tree, log)
            after, wall = _seconds_by_name(tree), time.monotonic() - begin
            busy, frames = _busy_sec() - busy, _frames(log) - first
        finally:
            tree.end()
    steps = frames / rows
    micros = {name: (after[name] - before.get(name, 0.0)) / steps * 1e6 for name in after}
    return Outcome(way, sleep_ms, workers, rows, frames / wall, busy / wall, micros)


def plot(outcomes: Sequence[Outcome], path: Path) -> None:
    """One panel per length of sleep, one line per way to act."""
    import matplotlib as mpl

    mpl.use("Agg")  # no display is needed to write a file
    from matplotlib import pyplot as plt

    sleeps = sorted({outcome.sleep_ms for outcome in outcomes})
    figure, panels = plt.subplots(1, len(sleeps), figsize=(4 * len(sleeps), 3.5), squeeze=False, layout="constrained")
    for panel, sleep_ms in zip(panels[0], sleeps, strict=True):
        chosen = [outcome for outcome in outcomes if outcome.sleep_ms == sleep_ms]
        for way in dict.fromkeys(outcome.way for outcome in chosen):
            line = sorted((one.workers, one.fps) for one in chosen if one.way == way)
            panel.plot(*zip(*line, strict=True), marker="o", label=way)
        most = {one.workers: one.workers * one.rows / one.sleep_ms * 1000 for one in chosen}
        panel.plot(sorted(most), [most[number] for number in sorted(most)], "k--", label="rows / sleep")
        panel.set(xscale="log", yscale="log", xlabel="rollout workers", title=f"{sleep_ms:g} ms a step")
    panels[0][0].set_ylabel("frames per second")
    panels[0][0].legend()
    figure.savefig(path, dpi=110)


def _wait_for_frames(tree: ProcessTree, log: Path) -> None:
    until = time.monotonic() + _START_SEC
    while not _frames(log):
        if tree.exit_status is not None or time.monotonic() > until:
            raise SystemExit(f"no frames:\n{log.read_text()[-2000:]}")
        time.sleep(0.2)


def _wait_for_next_line(tree: ProcessTree, log: Path) -> None:
    """The counter stands in lines that come every few seconds; what is counted begins and ends with one."""
    known = _frames(log)
    while _frames(log) == known and tree.exit_status is None:
        time.sleep(0.02)


def _frames(log: Path) -> int:
    found = [frames for frames in map(parse_frames, log.read_text(errors="replace").splitlines()) if frames]
    return found[-1] if found else 0


def _seconds_by_name(tree: ProcessTree) -> dict[str, float]:
    """Time on a core, by what processes call themselves."""
    seconds: dict[str, float] = defaultdict(float)
    for process in tree.processes():
        try:
            times, name = process.cpu_times(), _NUMBER.sub("", process.name())
        except psutil.Error:
            continue
        seconds["main" if "python" in name else name] += times.user + times.system
    return dict(seconds)


def _busy_sec() -> float:
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + times.irq + times.softirq)


if __name__ == "__main__":
    main()
