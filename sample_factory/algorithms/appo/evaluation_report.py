"""The outcome of an evaluation as text, JSON and CSV. Knows neither policy nor environment."""

from __future__ import annotations

import csv
import io
import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sample_factory.algorithms.appo.episodes import Episode, Estimate, estimate
from sample_factory.config.experiment import replace_text

_COLUMNS = ("env", "agent", "episode", "reward", "frames", "true_objective")


def summarize(episodes: Sequence[Episode], agents_per_env: int) -> dict[str, Any]:
    """Reward, true objective (None without one), length in frames and the environment's own statistics.

    Agents of one environment meet each other: their mean counts as one value, or the standard error would be too small.
    """
    objectives = [episode.true_objective for episode in episodes if episode.true_objective is not None]
    extra = defaultdict(list)
    for episode in episodes:
        for name, value in episode.extra.items():
            extra[name].append(value)
    rewards = [episode.reward for episode in episodes]
    summary: dict[str, Any] = {
        "num_episodes": len(episodes),
        "reward": _described(rewards, episodes, agents_per_env),
        "true_objective": None,
        "frames": _described([float(episode.frames) for episode in episodes], episodes, agents_per_env),
        "episode_extra_stats": {name: float(np.mean(values)) for name, values in sorted(extra.items())},
    }
    if objectives:
        with_one = [episode for episode in episodes if episode.true_objective is not None]
        summary["true_objective"] = _described(objectives, with_one, agents_per_env)
    if agents_per_env > 1:
        by_agent = [[e.reward for e in episodes if e.row % agents_per_env == agent] for agent in range(agents_per_env)]
        summary["mean_reward_of_agents"] = [float(np.mean(values)) if values else None for values in by_agent]
    summary["episode_rewards"] = rewards
    return summary


def write_report(
    folder: Path, name: str, contents: Mapping[str, Any], episodes: Sequence[Episode], agents_per_env: int
) -> Path:
    """Write `<name>.json` and `<name>.csv`, one line per episode; returns the path of the former."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for episode in episodes:
        env, agent = divmod(episode.row, agents_per_env)
        objective = "" if episode.true_objective is None else episode.true_objective
        writer.writerow((env, agent, episode.number, episode.reward, episode.frames, objective))
    folder.mkdir(parents=True, exist_ok=True)
    replace_text(folder / f"{name}.csv", table.getvalue())
    path = folder / f"{name}.json"
    replace_text(path, json.dumps(_finite(contents), indent=2, allow_nan=False))
    return path


def describe_summary(summary: Mapping[str, Any]) -> str:
    """The summary in one line."""
    lines = [f"{summary['num_episodes']} episodes: reward {_in_words(summary['reward'])}"]
    if summary["true_objective"] is not None:
        lines.append(f"true objective {_in_words(summary['true_objective'])}")
    lines.append(f"{summary['frames']['mean']:.1f} frames on average")
    if "mean_reward_of_agents" in summary:
        values = (f"{mean:.3f}" for mean in summary["mean_reward_of_agents"] if mean is not None)
        lines.append(f"rewards of the agents {', '.join(values)}")
    return "; ".join(lines)


def _described(values: Sequence[float], episodes: Sequence[Episode], agents_per_env: int) -> dict[str, float]:
    together: dict[tuple[int, int], list[float]] = defaultdict(list)
    for value, episode in zip(values, episodes, strict=True):
        together[episode.row // agents_per_env, episode.number].append(value)
    of_envs: Estimate = estimate([float(np.mean(group)) for group in together.values()])
    of_agents = estimate(values)
    return of_agents._replace(standard_error=of_envs.standard_error)._asdict()


def _in_words(described: Mapping[str, float]) -> str:
    text = f"{described['mean']:.3f}"
    return text if math.isnan(described["standard_error"]) else f"{text} +- {described['standard_error']:.3f}"


def _finite(value: Any) -> Any:
    """JSON has no NaN: it becomes null."""
    if isinstance(value, Mapping):
        return {name: _finite(child) for name, child in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(child) for child in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
