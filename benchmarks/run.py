"""Compares this engine with other training systems: `python -m benchmarks.run --cases doom cartpole --out out.json`.

Runs of all systems of a case take turns (A B A B ...), so that what else happens on the machine falls on all of them.
Knows the order and the bookkeeping; what a run is, and what is compared, are in `measure` and `cases`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.cases import ROOT, Case, Setting, System, all_cases
from benchmarks.limit import Limit, LimitError, describe, measure_limit, shown
from benchmarks.measure import RunError, Timing, measure
from benchmarks.process_tree import end_when_terminated
from benchmarks.report import Run, commit, machine, ratio, table, versions

_TUNING_PAIR = -1
MeasureLimit = Callable[[Case], Limit | None]


class Session:
    """The runs of one invocation and where their output goes."""

    def __init__(self, log_folder: Path) -> None:
        self._log_folder = log_folder
        self._num_runs = 0

    def run(self, case: Case, system: System, setting: Setting, pair: int, timing: Timing) -> Run:
        """Measure once; a failure is reported and kept, the other systems go on."""
        self._num_runs += 1
        log_path = self._log_folder / f"{self._num_runs:03d}_{case.name}_{system.name}.log"
        try:
            measurement = measure(system.full_command(setting), system.environ(setting), timing, log_path)
        except (RunError, OSError, ValueError) as error:
            print(f"{case.name:16} {system.name:16} {setting.name:50} FAILED: {error}", flush=True)
            return Run(system.name, setting.name, pair, None, str(error))
        print(
            f"{case.name:16} {system.name:16} {setting.name:50} {measurement.fps:10,.0f} fps"
            f" over {measurement.seconds:.0f} s  load before {measurement.load_average:.1f}"
            f"  peak {measurement.peak_pss_bytes / 1e6:,.0f} MB  start {measurement.startup_seconds:.0f} s",
            flush=True,
        )
        return Run(system.name, setting.name, pair, measurement)


def best_setting(runs: Sequence[Run], settings: Sequence[Setting]) -> Setting:
    """The setting of the fastest run; the first one if all failed."""
    fps = {run.setting: run.measurement.fps for run in runs if run.measurement is not None}
    return max(settings, key=lambda setting: fps.get(setting.name, 0.0))


def interleave(
    session: Session, case: Case, choice: Mapping[str, Setting], systems: Sequence[System], pairs: int, timing: Timing
) -> list[Run]:
    """`pairs` rounds in which every system runs once."""
    return [session.run(case, system, choice[system.name], pair, timing) for pair in range(pairs) for system in systems]


def limit_of(case: Case, measure_case_limit: MeasureLimit) -> dict[str, Any] | None:
    """The limit with all its parts, for JSON; None if there is none, `{"error": ...}` if it could not be measured."""
    try:
        limit = measure_case_limit(case)
    except (LimitError, OSError, subprocess.TimeoutExpired) as error:
        print(f"{case.name:16} limit FAILED: {error}", flush=True)
        return {"error": str(error)}
    if limit is None:
        return None
    print(shown(case.name, limit), flush=True)
    return describe(limit)


def run_case(
    session: Session, case: Case, args: argparse.Namespace, tuned: Mapping[str, str], measure_case_limit: MeasureLimit
) -> dict[str, Any]:
    """Tune if asked, then compare; what goes to the JSON file under the name of the case."""
    systems = _systems(case, args)
    timing = Timing(args.seconds, args.warmup, args.silence_limit)
    tuning: list[Run] = []
    choice: dict[str, Setting] = {}
    for system in systems:
        by_name = {setting.name: setting for setting in system.settings}
        choice[system.name] = by_name.get(tuned.get(system.name, ""), system.settings[0])
        if args.tune:
            short = dataclasses.replace(timing, seconds=args.tune_seconds)
            tries = [session.run(case, system, setting, _TUNING_PAIR, short) for setting in system.settings]
            choice[system.name] = best_setting(tries, system.settings)
            tuning += tries
    limit = limit_of(case, measure_case_limit) if args.limit else None
    runs = interleave(session, case, choice, systems, args.pairs, timing)
    own = [run for run in runs if run.system == case.ours.name]
    return {
        "what": case.what,
        "settings": {name: setting.name for name, setting in choice.items()},
        "environ": {name: dict(setting.environ) for name, setting in choice.items()},
        "versions": {system.name: versions(system.python, system.packages) for system in systems},
        "ratios": {
            peer.name: found._asdict()
            for peer in case.peers
            if (found := ratio(own, [run for run in runs if run.system == peer.name]))
        },
        "limit": limit,
        "runs": runs,
        "tuning": tuning,
    }


def main(
    argv: Sequence[str] | None = None,
    cases: Mapping[str, Case] | None = None,
    measure_case_limit: MeasureLimit = measure_limit,
) -> int:
    """Run from the command line; 1 if any run that counts failed."""
    args = _parse(argv)
    cases = cases if cases is not None else all_cases(args.python, args.device)
    if unknown := [name for name in args.cases if name not in cases]:
        print(f"no case {', '.join(unknown)}; there are: {', '.join(cases)}", file=sys.stderr)
        return 2
    tuned = _read_tuning(args.use_tuning)
    session = Session(Path(args.logs) / time.strftime("%Y%m%d-%H%M%S"))
    results: dict[str, Any] = {
        "commit": commit(ROOT),
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "machine": machine(),
        "arguments": vars(args),
        "cases": {},
    }
    for name in args.cases:
        results["cases"][name] = run_case(session, cases[name], args, tuned.get(name, {}), measure_case_limit)
        _write(args.out, results)  # after every case: a long comparison that is interrupted keeps what it has
    runs_of_cases: dict[str, list[Run]] = {name: case["runs"] for name, case in results["cases"].items()}
    limits = {name: case["limit"] for name, case in results["cases"].items() if case["limit"]}
    print(f"\n{table(runs_of_cases, {name: limit['fps'] for name, limit in limits.items() if 'fps' in limit})}")
    has_failed = any(run.measurement is None for runs in runs_of_cases.values() for run in runs)
    return int(has_failed or any("error" in limit for limit in limits.values()))


def _systems(case: Case, args: argparse.Namespace) -> list[System]:
    peers = [peer for peer in case.peers if args.peers is None or peer.name in args.peers]
    return peers if args.peers_only else [case.ours, *([] if args.ours_only else peers)]


def _read_tuning(path: str | None) -> dict[str, dict[str, str]]:
    if path is None:
        return {}
    cases = json.loads(Path(path).read_text())["cases"]
    return {name: case["settings"] for name, case in cases.items()}


def _write(path: str | None, results: Mapping[str, Any]) -> None:
    if path is not None:
        Path(path).write_text(json.dumps(results, indent=2, default=dataclasses.asdict) + "\n")


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    add = parser.add_argument
    add("--cases", nargs="+", default=["doom", "cartpole"], help="what to compare")
    add("--pairs", type=int, default=3, help="runs of every system")
    add("--seconds", type=float, default=60.0, help="seconds counted in a run, at least")
    add("--warmup", type=float, default=20.0, help="seconds not counted, from the first frame that was trained on")
    add("--silence-limit", type=float, default=120.0, help="seconds without progress that fail a run")
    add("--out", help="JSON file for everything measured")
    add("--logs", default="train_dir/benchmarks", help="folder for the output of the runs")
    add("--peers", nargs="+", help="only these peers")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--peers-only", action="store_true", help="leave our engine out")
    only.add_argument("--ours-only", action="store_true", help="leave the peers out")
    add("--tune", action="store_true", help="try every setting of every system first and compare the best ones")
    add("--tune-seconds", type=float, default=30.0, help="seconds counted for each setting that is tried")
    add("--use-tuning", help="JSON file of an earlier run whose settings to use")
    add("--limit", action="store_true", help="measure as well what would be possible without overhead, on the CPU")
    add("--device", choices=["cpu", "gpu"], default="cpu", help="where all systems learn")
    add("--python", default=sys.executable, help="interpreter for our engine")
    args = parser.parse_args(argv)
    if args.limit and args.device != "cpu":
        parser.error("--limit is that of the CPU: leave it out with --device=gpu")
    return args


if __name__ == "__main__":
    end_when_terminated()
    sys.exit(main())
