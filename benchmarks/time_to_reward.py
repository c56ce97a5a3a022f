"""Seconds from the start of a command until the policy is good, for our engine and its peers, over several seeds.

    python -m benchmarks.time_to_reward --cases cartpole doom_basic --seeds 1 2 3 4 5 --out results.json

Every system trains with settings that its own documentation gives for the environment, scaled to this machine where it
names a number of processes. What counts is the mean return of the last 100 training episodes, as each system reports
it: ours in its summaries and Stable-Baselines3 on its console every second, Sample Factory every five. It must stay
there for three reports, the first of which ends the time (the first few episodes that end are the short ones). Systems
take turns. Knows no engine from inside.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from benchmarks.cases.case import PEERS, ROOT, VENVS, Setting, System
from benchmarks.frame_counter import parse_frames
from benchmarks.learning import CASES as LEARNING_CASES
from benchmarks.process_tree import ProcessTree, end_when_terminated
from benchmarks.report import commit, machine, versions

_REWARD = re.compile(r"Avg episode reward: \[\(0, '(-?[\d.]+)'\)\]")
_REPORTS = 3
_POLL_SEC = 0.1
_TAG = "0_aux/avg_reward"


@dataclass(frozen=True)
class Race:
    """One environment, and who learns it."""

    target: float
    systems: tuple[System, ...]


@dataclass(frozen=True)
class Finish:
    """One run."""

    case: str
    system: str
    seed: int
    seconds: float | None
    """None: not within the time limit."""
    frames: int
    """At that line."""
    last_reward: float
    command: list[str]


def races(python: str) -> dict[str, Race]:
    """By name."""
    return {
        "cartpole": Race(475, (_ours(python, "cartpole"), _sf2(_SF2_CARTPOLE), _sb3())),
        "doom_basic": Race(0.65, (_ours(python, "doom_basic"), _sf2(_SF2_DOOM))),
    }


def _ours(python: str, case: str) -> System:
    train = LEARNING_CASES[case].train.split()
    never_ends = [flag for flag in train if not flag.startswith("--train_for_env_steps")]
    never_ends.append("--experiment_summaries_interval=1")
    command = (python, "-m", "sample_factory.algorithms.appo.train_appo", "--train_dir={run_dir}", "--device=cpu")
    return System("ours", (*command, "--experiment=race", *never_ends), (Setting("", ()),), python_path=str(ROOT))


# Four times eight environments are what its default batch takes on a machine with two cores.
_SF2_DOOM = ("sf_examples.vizdoom.train_vizdoom", "--env=doom_basic", "--num_workers=4", "--num_envs_per_worker=8")
# From the head of its example; its 8 workers and 2 policy workers scaled to two cores.
_SF2_CARTPOLE = (
    *("sf_examples.train_gym_env", "--env=CartPole-v1", "--use_rnn=False", "--recurrence=1", "--with_vtrace=False"),
    *("--num_workers=2", "--num_envs_per_worker=20", "--batch_size=512", "--reward_scale=0.1"),
)


def _sf2(arguments: tuple[str, ...]) -> System:
    command = (str(VENVS / "sample_factory2/bin/python"), "-m", *arguments, "--algo=APPO", "--device=cpu")
    command += ("--train_dir={run_dir}", "--experiment=race", "--train_for_env_steps=10000000000")
    setting = Setting("", (), {"OMP_NUM_THREADS": "1"})
    return System("sample_factory2", command, (setting,), packages=("sample-factory", "torch"))


def _sb3() -> System:
    command = (str(VENVS / "sb3/bin/python"), str(PEERS / "sb3_cartpole.py"))
    return System("sb3", command, (Setting("", (), {"OMP_NUM_THREADS": "1"}),), packages=("stable-baselines3", "torch"))


def run(case: str, race: Race, system: System, seed: int, limit_sec: float) -> Finish:
    """Train until it is good, or for so long."""
    setting = system.settings[0]
    with tempfile.TemporaryDirectory(prefix="race-", ignore_cleanup_errors=True) as folder:
        command = [part.replace("{run_dir}", folder) for part in (*system.full_command(setting), f"--seed={seed}")]
        log, start = Path(folder) / "log.txt", time.monotonic()
        tree = ProcessTree(command, {**system.environ(setting), "PYTHONUNBUFFERED": "1"}, Path(folder), log)
        watch, began = Watch(race.target), time.time()
        summaries = Summaries(Path(folder) / "race" / ".summary" / "0") if system.name == "ours" else None
        try:
            with contextlib.closing(log.open(errors="replace")) as lines:
                while watch.reached is None and time.monotonic() < start + limit_sec:
                    if summaries is None:
                        watch.read(lines.read(), time.monotonic() - start)
                    else:
                        for report in summaries.new():
                            watch.add(report._replace(seconds=report.seconds - began))
                    if tree.exit_status is not None:
                        raise SystemExit(f"{' '.join(command)} ended:\n{log.read_text(errors='replace')[-3000:]}")
                    time.sleep(_POLL_SEC)
        finally:
            tree.end()
    seconds, frames = (None, watch.frames) if watch.reached is None else watch.reached
    return Finish(case, system.name, seed, seconds, frames, watch.reward, command)


class Report(NamedTuple):
    """How good a policy is."""

    seconds: float
    frames: int
    reward: float


class Summaries:
    """The reports in a folder of TensorBoard's files that grow; their seconds are those of the clock on the wall."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._events: EventAccumulator | None = None
        self._num_seen = 0

    def new(self) -> list[Report]:
        """Those that were added since the last call."""
        if self._events is None:
            if not list(self._folder.glob("events.*")):
                return []
            self._events = EventAccumulator(str(self._folder), size_guidance={"scalars": 0})
        self._events.Reload()
        if _TAG not in self._events.Tags()["scalars"]:
            return []
        events = self._events.Scalars(_TAG)
        seen, self._num_seen = self._num_seen, len(events)
        return [Report(event.wall_time, event.step, event.value) for event in events[seen:]]


class Watch:
    """Takes reports as they come; `reached` is (seconds, frames) of the first of three in a row that are good."""

    def __init__(self, target: float) -> None:
        self.reached: tuple[float, int] | None = None
        self.frames, self.reward = 0, float("nan")
        self._target = target
        self._good: list[tuple[float, int]] = []
        self._unfinished = ""

    def read(self, text: str, seconds: float) -> None:
        """Take what was added to the log by then."""
        *lines, self._unfinished = (self._unfinished + text).split("\n")
        for line in lines:
            frames, reward = parse_frames(line), _REWARD.search(line)
            self.frames = frames or self.frames
            if reward is not None:
                self.add(Report(seconds, self.frames, float(reward[1])))

    def add(self, report: Report) -> None:
        """Take one report; nothing that comes after the third good one counts."""
        if self.reached is not None:
            return
        self.frames, self.reward = report.frames, report.reward
        self._good = [*self._good, (report.seconds, report.frames)] if report.reward >= self._target else []
        if len(self._good) == _REPORTS:
            self.reached = self._good[0]


def summary(finishes: Sequence[Finish]) -> list[str]:
    """A line per case and system, and how many times as long as ours it took."""
    medians: dict[tuple[str, str], float] = {}
    lines = []
    for case, system in dict.fromkeys((finish.case, finish.system) for finish in finishes):
        mine = [finish for finish in finishes if (finish.case, finish.system) == (case, system)]
        seconds = [float("inf") if finish.seconds is None else finish.seconds for finish in mine]
        medians[case, system] = statistics.median(seconds)
        ratio = medians[case, system] / medians.get((case, "ours"), float("nan"))
        frames = statistics.median(finish.frames for finish in mine)
        lines.append(
            f"{case:12} {system:16} median {medians[case, system]:6.1f} s ({min(seconds):.1f} to {max(seconds):.1f}, "
            f"{len(mine)} seeds), {frames:,.0f} frames, {ratio:.2f}x ours"
        )
    return lines


def main() -> None:
    """Print a line per run, then a summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", choices=list(races("")), default=list(races("")))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3, 4, 5])
    parser.add_argument("--systems", nargs="+", help="leave the others out")
    parser.add_argument("--limit_sec", type=float, default=900.0, help="of a run")
    parser.add_argument("--out", type=Path, help="JSON file")
    args = parser.parse_args()
    finishes: list[Finish] = []
    found: dict[str, Mapping[str, str]] = {}
    for case in args.cases:
        race = races(sys.executable)[case]
        systems = [system for system in race.systems if not args.systems or system.name in args.systems]
        for seed in args.seeds:
            for system in systems:
                found.setdefault(system.name, versions(system.python, system.packages))
                finish = run(case, race, system, seed, args.limit_sec)
                finishes.append(finish)
                seconds = "never" if finish.seconds is None else f"{finish.seconds:.1f} s"
                print(f"{case:12} {system.name:16} seed {seed}: {seconds}, {finish.frames:,} frames", flush=True)
    print("\n".join(summary(finishes)))
    if args.out:
        about = {"machine": machine(), "commit": commit(ROOT), "versions": found}
        args.out.write_text(json.dumps({**about, "runs": [asdict(finish) for finish in finishes]}, indent=2) + "\n")


if __name__ == "__main__":
    end_when_terminated()
    main()
