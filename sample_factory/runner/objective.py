"""What an experiment had come to after so many frames, from its summaries. Compares nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from sample_factory.runner.progress import progress
from sample_factory.runner.results.curves import make_curve, mean_between, mean_curve
from sample_factory.runner.results.experiments import Points, load_summaries
from sample_factory.runner.results.study import FINAL_SHARE, METRICS


def objective(folder: Path, frames: int, metric: str | None = None) -> float | None:
    """Mean over the last tenth of the first `frames` frames, and over policies; None if it has not got there.

    The same however late it is asked for, as long as training is not resumed from before these frames.

    Args:
        folder: of the experiment.
        frames: of one policy.
        metric: a summary; None is the true objective if there is one, else the reward.

    Raises:
        ValueError: summaries cannot be read, or there are some and none is the metric.
    """
    known = progress(folder).frames
    if known is not None and known < frames:  # the log is faster to read
        return None
    policies = load_summaries(folder)
    tag = metric or _metric(policies)
    if metric is not None and policies and not any(metric in policy for policy in policies):
        there = ", ".join(sorted({name for policy in policies for name in policy}))
        raise ValueError(f"{folder} has no summary {metric}; there are {there}")
    curves = [make_curve(points.frames, points.values) for policy in policies if (points := policy.get(tag))]
    curve = mean_curve([one for one in curves if one is not None]) if any(curves) else None
    if curve is None or curve.last_frame < frames:
        return None
    return mean_between(curve, (1 - FINAL_SHARE) * frames, frames)


def _metric(policies: Sequence[Mapping[str, Points]]) -> str:
    for metric in METRICS:
        if policies and all(metric in policy for policy in policies):
            return metric
    return METRICS[-1]
