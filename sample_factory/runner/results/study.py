"""Scores and curves of all settings of a study. Knows neither files nor pictures nor how things are shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from sample_factory.runner.results import statistics
from sample_factory.runner.results.curves import Curve, make_curve, mean_between, mean_curve, on_grid
from sample_factory.runner.results.experiments import Experiment
from sample_factory.runner.results.settings import Key, Setting, differing, differing_names, group, label
from sample_factory.runner.results.statistics import Band, Interval

METRICS = ("0_aux/avg_true_reward", "0_aux/avg_reward")
"""What experiments are judged by; the first one that all of an environment have."""
FINAL_SHARE = 0.1
"""The final score is the mean over this share of the frames."""
_FAR_ENOUGH = 1 - FINAL_SHARE / 2
"""An experiment that has had this share of the frames is judged; its curve goes on as it ended."""
_GRID_POINTS = 200
_THRESHOLDS = 201


@dataclass(frozen=True)
class Choices:
    """How experiments are judged."""

    metric: str | None = None
    by: Literal["final", "auc"] = "final"
    frames: int | None = None
    policy: int | Literal["mean", "best"] = "mean"
    ignore: tuple[str, ...] = ()
    resamples: int = 2000


class Run(NamedTuple):
    """One experiment judged."""

    experiment: Experiment
    curve: Curve | None
    """None: it has no episode yet."""
    final: float | None
    """None: it has not got far enough."""
    auc: float | None
    """Mean over all frames: the area under the curve divided by its width."""


class Summary(NamedTuple):
    """Several runs in few numbers."""

    values: list[float]
    mean: float
    interval: Interval | None
    iqm: float
    iqm_interval: Interval | None


@dataclass(frozen=True)
class SettingResults:
    """What one setting has come to in one environment."""

    setting: Setting
    runs: list[Run]
    final: Summary | None
    auc: Summary | None
    band: Band
    """Along the grid of the environment."""

    def scores(self, by: str) -> Summary | None:
        """`final` or `auc`."""
        return self.final if by == "final" else self.auc


@dataclass(frozen=True)
class EnvResults:
    """All settings in one environment."""

    env: str
    metric: str
    horizon: int
    """Frames at which experiments are compared; 0 if none has had any."""
    grid: np.ndarray
    """[points] frames."""
    settings: list[SettingResults]
    """Best first."""

    def best(self, by: str) -> SettingResults | None:
        """The setting with the highest mean; None if nobody has got far enough."""
        judged = [(summary.mean, one) for one in self.settings if (summary := one.scores(by)) is not None]
        return max(judged, key=lambda found: found[0])[1] if judged else None


class Overall(NamedTuple):
    """A setting over all environments; scores are those of `Study.scale`."""

    setting: Setting
    """In one of the environments."""
    label: str
    """In what it differs from the others here."""
    iqm: float
    iqm_interval: Interval | None
    mean: float
    mean_interval: Interval | None
    profile: np.ndarray
    """[thresholds] share of runs above."""
    profile_limits: np.ndarray | None
    """[2, thresholds]"""


@dataclass(frozen=True)
class Study:
    """Everything that can be said."""

    hyper_parameters: list[str]
    """Those that differ."""
    envs: list[EnvResults]
    overall: list[Overall]
    """Best first; only settings that were judged in every environment."""
    thresholds: np.ndarray
    scale: Literal["score", "reference", "study"]
    """What 0 and 1 are in `overall`: scores as they are, or as the reference says, or the study's worst and best."""
    notes: list[str]


def summarize(
    experiments: Sequence[Experiment], choices: Choices, reference: Mapping[str, tuple[float, float]] | None = None
) -> Study:
    """Group, judge and compare.

    Args:
        reference: environment -> the scores that are 0 and 1 in results over all environments.

    Raises:
        ValueError: the reference lacks an environment, or nobody has the metric.
    """
    names = differing(experiments, choices.ignore)
    settings = group(experiments, names)
    envs = [
        _judge_env([setting for setting in settings if setting.env == env], choices)
        for env in dict.fromkeys(setting.env for setting in settings)
    ]
    if choices.metric is not None and all(run.curve is None for run in _runs(envs)):
        raise ValueError(f"--metric={choices.metric} is in no experiment; there are {', '.join(_tags(experiments))}")
    scale: Literal["score", "reference", "study"] = "score" if len(envs) == 1 else "study"
    if reference is not None:
        scale = "reference"
    ranges = _ranges(envs, reference)
    overall, thresholds = _overall(envs, ranges, choices)
    return Study(names, envs, overall, thresholds, scale, _notes(envs))


def _judge_env(settings: Sequence[Setting], choices: Choices) -> EnvResults:
    experiments = [experiment for setting in settings for experiment in setting.experiments]
    metric = choices.metric or _metric(experiments)
    horizon = choices.frames or 0
    curves = {id(one): _curve(one, metric, choices.policy, horizon or None) for one in experiments}
    if not horizon:
        ends = [(curve.last_frame, one.is_done) for one in experiments if (curve := curves[id(one)]) is not None]
        done = [end for end, is_done in ends if is_done]
        horizon = min(done or [end for end, _ in ends], default=0)
    longest = max((curve.last_frame for curve in curves.values() if curve is not None), default=1)
    grid = np.linspace(0, longest, _GRID_POINTS)
    results = [_judge(setting, curves, horizon, grid, choices.resamples) for setting in settings]

    def rank(one: SettingResults) -> float:
        summary = one.scores(choices.by)
        return -np.inf if summary is None else summary.mean

    return EnvResults(settings[0].env, metric, horizon, grid, sorted(results, key=rank, reverse=True))


def _judge(
    setting: Setting, curves: Mapping[int, Curve | None], horizon: int, grid: np.ndarray, resamples: int
) -> SettingResults:
    runs = [_run(experiment, curves[id(experiment)], horizon) for experiment in setting.experiments]
    finals = [run.final for run in runs if run.final is not None]
    areas = [run.auc for run in runs if run.auc is not None]
    values = [on_grid(run.curve, grid) for run in runs if run.curve is not None]
    band = statistics.band(np.array(values).reshape(len(values), len(grid)), resamples)
    return SettingResults(setting, runs, _summary(finals, resamples), _summary(areas, resamples), band)


def _run(experiment: Experiment, curve: Curve | None, horizon: int) -> Run:
    if curve is None or horizon == 0 or curve.last_frame < _FAR_ENOUGH * horizon:
        return Run(experiment, curve, None, None)
    final = mean_between(curve, (1 - FINAL_SHARE) * horizon, horizon)
    return Run(experiment, curve, final, mean_between(curve, 0, horizon))


def _summary(values: Sequence[float], resamples: int) -> Summary | None:
    if not values:
        return None
    strata = [np.array(values)]
    return Summary(
        list(values),
        float(statistics.mean(strata)),
        statistics.interval(strata, statistics.mean, resamples),
        float(statistics.interquartile_mean(strata)),
        statistics.interval(strata, statistics.interquartile_mean, resamples),
    )


def _metric(experiments: Sequence[Experiment]) -> str:
    with_summaries = [one for one in experiments if any(METRICS[-1] in policy for policy in one.policies)]
    for metric in METRICS:
        if with_summaries and all(metric in policy for one in with_summaries for policy in one.policies):
            return metric
    return METRICS[-1]


def _curve(
    experiment: Experiment, metric: str, policy: int | Literal["mean", "best"], horizon: int | None
) -> Curve | None:
    """One curve for the experiment, whose policies are not independent of each other."""
    points = [of_policy.get(metric) for of_policy in experiment.policies]
    curves = [None if one is None else make_curve(one.frames, one.values) for one in points]
    if isinstance(policy, int):
        return curves[policy] if policy < len(curves) else None
    found = [curve for curve in curves if curve is not None]
    if not found or policy == "mean":
        return mean_curve(found) if found else None
    end = horizon or min(curve.last_frame for curve in found)
    return max(found, key=lambda curve: mean_between(curve, (1 - FINAL_SHARE) * end, end))


def _ranges(
    envs: Sequence[EnvResults], reference: Mapping[str, tuple[float, float]] | None
) -> dict[str, tuple[float, float]]:
    if reference is not None:
        missing = [results.env for results in envs if results.env not in reference]
        if missing:
            raise ValueError(f"--reference has no scores for {', '.join(missing)}")
        return {results.env: reference[results.env] for results in envs}
    if len(envs) == 1:
        return {envs[0].env: (0.0, 1.0)}
    ranges = {}
    for results in envs:
        finals = [run.final for run in _runs([results]) if run.final is not None]
        low, high = min(finals, default=0.0), max(finals, default=1.0)
        ranges[results.env] = (low, high if high > low else low + 1.0)
    return ranges


def _overall(
    envs: Sequence[EnvResults], ranges: Mapping[str, tuple[float, float]], choices: Choices
) -> tuple[list[Overall], np.ndarray]:
    scores: dict[Key, list[np.ndarray]] = {}
    settings: dict[Key, Setting] = {}
    for results in envs:
        low, high = ranges[results.env]
        for one in results.settings:
            if one.final is not None:
                settings.setdefault(one.setting.key, one.setting)
                scores.setdefault(one.setting.key, []).append((np.array(one.final.values) - low) / (high - low))
    everywhere = [(settings[key], strata) for key, strata in scores.items() if len(strata) == len(envs)]
    pooled = [stratum for _, strata in everywhere for stratum in strata]
    low, high = (min(map(np.min, pooled)), max(map(np.max, pooled))) if pooled else (0.0, 1.0)
    margin = 0.02 * (high - low) or 0.5
    thresholds = np.linspace(low - margin, high + margin, _THRESHOLDS)
    names = differing_names([setting.values for setting, _ in everywhere])
    found = [
        _compare(setting, label(setting.values, names), strata, thresholds, choices.resamples)
        for setting, strata in everywhere
    ]
    return sorted(found, key=lambda one: one.iqm, reverse=True), thresholds


def _compare(
    setting: Setting, text: str, strata: Sequence[np.ndarray], thresholds: np.ndarray, resamples: int
) -> Overall:
    def profile(drawn: Sequence[np.ndarray]) -> np.ndarray:
        return statistics.performance_profile(drawn, thresholds)

    return Overall(
        setting,
        text,
        float(statistics.interquartile_mean(strata)),
        statistics.interval(strata, statistics.interquartile_mean, resamples),
        float(statistics.mean(strata)),
        statistics.interval(strata, statistics.mean, resamples),
        profile(strata),
        statistics.bootstrap(strata, profile, resamples),
    )


def _notes(envs: Sequence[EnvResults]) -> list[str]:
    """What a reader of the numbers must know, in sentences."""
    notes = []
    for results in envs:
        runs = _runs([results])
        behind = [run.experiment.name for run in runs if run.curve is not None and run.final is None]
        if behind:
            notes.append(
                f"{results.env}: not judged, because they have not had {results.horizon:,} frames: {_listed(behind)}"
            )
        empty = [run.experiment.name for run in runs if run.curve is None]
        if empty:
            notes.append(f"{results.env}: no {results.metric} yet: {_listed(empty)}")
        for one in results.settings:
            notes += _notes_of_setting(results.env, one)
    judged = [len(one.final.values) for results in envs for one in results.settings if one.final is not None]
    if any(1 < count < 5 for count in judged):
        notes.append("intervals from fewer than 5 seeds are too narrow")
    return notes


def _notes_of_setting(env: str, one: SettingResults) -> list[str]:
    experiments = one.setting.experiments
    where = f"{env} {one.setting.label}".strip()
    notes = []
    seeds = Counter(experiment.seed for experiment in experiments if experiment.seed is not None)
    if twice := [str(seed) for seed, count in seeds.items() if count > 1]:
        notes.append(f"{where}: the same seed in several experiments: {', '.join(twice)}")
    if len({experiment.cfg.get("git_hash") for experiment in experiments}) > 1:
        notes.append(f"{where}: experiments of different versions of the code are taken together")
    return notes


def _listed(names: Sequence[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _runs(envs: Sequence[EnvResults]) -> list[Run]:
    return [run for results in envs for one in results.settings for run in one.runs]


def _tags(experiments: Sequence[Experiment]) -> list[str]:
    return sorted({tag for experiment in experiments for policy in experiment.policies for tag in policy})
