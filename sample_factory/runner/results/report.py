"""A study in words: tables on the terminal, and JSON. Computes nothing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from sample_factory.runner.results.experiments import Experiment
from sample_factory.runner.results.settings import differing_names, short
from sample_factory.runner.results.statistics import CONFIDENCE, Interval
from sample_factory.runner.results.study import (
    FINAL_SHARE,
    EnvResults,
    Overall,
    Run,
    SettingResults,
    Study,
    Summary,
)

_WIDE = 10_000
_OF_EPISODES = "0_aux/avg_"
_SCALES = {
    "score": "final scores",
    "reference": "final scores, where 0 and 1 are as the reference says",
    "study": "final scores, where 0 is the worst and 1 the best of the study in each environment",
}


def print_study(study: Study, by: str) -> None:
    """Print one table an environment, best setting first, one over all environments, and what one must know."""
    for results in study.envs:
        title = f"{results.env}: {metric_name(results.metric)} at {number_of_frames(results.horizon)} frames"
        _print(title, _env_table(results, by), _best(results))
    if len(study.envs) > 1 and study.overall:
        _print(f"all {len(study.envs)} environments: {_SCALES[study.scale]}", _overall_table(study.overall), "")
    for note in study.notes:
        print(f"note: {note}")


def describe(study: Study, by: str, about: dict[str, Any]) -> dict[str, Any]:
    """Everything as JSON values; what is not a number is null."""
    return {
        **about,
        "confidence": CONFIDENCE,
        "interval": "percentile bootstrap over seeds, stratified by environment",
        "final": f"mean over the last {FINAL_SHARE:.0%} of the frames",
        "auc": "mean over all frames",
        "hyper_parameters": study.hyper_parameters,
        "notes": study.notes,
        "envs": {results.env: _described_env(results, by) for results in study.envs},
        "overall": {
            "scale": _SCALES[study.scale],
            "thresholds": _numbers(study.thresholds),
            "settings": [_described_overall(one) for one in study.overall],
        },
    }


def metric_name(tag: str) -> str:
    """A summary's name as people say it."""
    episode = "episode " if tag.startswith(_OF_EPISODES) else ""
    return episode + tag.removeprefix(_OF_EPISODES).removeprefix("0_aux/").replace("_", " ").strip()


def number_of_frames(frames: float) -> str:
    """1.5M instead of 1500000."""
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if frames >= size:
            return f"{frames / size:.4g}{unit}"
    return f"{frames:.0f}"


def _env_table(results: EnvResults, by: str) -> Table:
    names = differing_names([one.setting.values for one in results.settings])
    table = _table([*names, "seeds"], ["final", "95 %", "IQM", "AUC", "experiments"])
    best = results.best(by)
    for one in results.settings:
        final, auc = one.final, one.auc
        table.add_row(
            *(short(one.setting.values.get(name)) for name in names),
            str(len(final.values)) if final is not None else "0",
            "-" if final is None else score(final.mean),
            "-" if final is None else _limits(final.interval),
            "-" if final is None else score(final.iqm),
            "-" if auc is None else score(auc.mean),
            _state(one.runs, results.horizon),
            style="bold" if one is best and len(results.settings) > 1 else None,
        )
    return table


def _overall_table(overall: Sequence[Overall]) -> Table:
    table = _table(["setting"], ["IQM", "95 %", "mean", "95 %"])
    for one in overall:
        limits = _limits(one.iqm_interval), _limits(one.mean_interval)
        table.add_row(one.label or "all", score(one.iqm), limits[0], score(one.mean), limits[1])
    return table


def _table(left: Sequence[str], right: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 3, 0, 0))
    for name in left:
        table.add_column(name, no_wrap=True)
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _best(results: EnvResults) -> str:
    """Empty if there is nothing to choose."""
    best = [results.best(by) for by in ("final", "auc")]
    if len(results.settings) == 1 or best[0] is None or best[1] is None:
        return ""
    labels = [one.setting.label for one in best if one is not None]
    if labels[0] == labels[1]:
        return f"best by both: {labels[0]}"
    return f"best by the final score: {labels[0]}; by the area under the curve: {labels[1]}"


def _print(title: str, table: Table, last: str) -> None:
    wanted = Console(width=_WIDE).measure(table).maximum
    console = Console(width=max(wanted, Console().width), highlight=False, markup=False)
    console.print(title, style="bold", soft_wrap=True)
    console.print(table)
    console.print(f"{last}\n" if last else "", soft_wrap=True)


def score(value: float) -> str:
    """Four digits."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _limits(limits: Interval | None) -> str:
    return "" if limits is None else f"[{score(limits.low)}, {score(limits.high)}]"


def _state(runs: Sequence[Run], horizon: int) -> str:
    """3 done, 1 at 43 %, 1 without data."""
    states = Counter(_state_of(run, horizon) for run in runs)
    return ", ".join(f"{count} {state}" for state, count in sorted(states.items(), key=lambda one: one[0] != "done"))


def _state_of(run: Run, horizon: int) -> str:
    if run.experiment.is_done:
        return "done"
    return "without data" if run.curve is None else f"at {100 * run.curve.last_frame / max(1, horizon):.0f} %"


def _described_env(results: EnvResults, by: str) -> dict[str, Any]:
    best = {one: results.best(one) for one in ("final", "auc")}
    return {
        "metric": results.metric,
        "frames": results.horizon,
        "judged_by": by,
        **{f"best_by_{name}": None if one is None else dict(one.setting.values) for name, one in best.items()},
        "grid_frames": _numbers(results.grid),
        "settings": [_described_setting(one) for one in results.settings],
    }


def _described_setting(one: SettingResults) -> dict[str, Any]:
    return {
        "hyper_parameters": dict(one.setting.values),
        "label": one.setting.label,
        "experiments": [_described_run(run) for run in one.runs],
        "final": _described_summary(one.final),
        "auc": _described_summary(one.auc),
        "curve": {
            "mean": _numbers(one.band.mean),
            "low": _numbers(one.band.low),
            "high": _numbers(one.band.high),
            "experiments": one.band.num_runs.tolist(),
        },
    }


def _described_run(run: Run) -> dict[str, Any]:
    experiment: Experiment = run.experiment
    return {
        "name": experiment.name,
        "seed": experiment.seed,
        "is_done": experiment.is_done,
        "frames": None if run.curve is None else run.curve.last_frame,
        "final": run.final,
        "auc": run.auc,
    }


def _described_summary(summary: Summary | None) -> dict[str, Any] | None:
    if summary is None:
        return None
    limits = {"interval": summary.interval, "iqm_interval": summary.iqm_interval}
    return {
        "seeds": len(summary.values),
        "mean": summary.mean,
        "iqm": summary.iqm,
        **{name: None if one is None else list(one) for name, one in limits.items()},
    }


def _described_overall(one: Overall) -> dict[str, Any]:
    limits = {"iqm_interval": one.iqm_interval, "mean_interval": one.mean_interval}
    profile = one.profile_limits
    return {
        "label": one.label,
        "iqm": one.iqm,
        "mean": one.mean,
        **{name: None if found is None else list(found) for name, found in limits.items()},
        "profile": _numbers(one.profile),
        "profile_low": None if profile is None else _numbers(profile[0]),
        "profile_high": None if profile is None else _numbers(profile[1]),
    }


def _numbers(values: np.ndarray) -> list[float | None]:
    return [float(value) if math.isfinite(value) else None for value in values]
