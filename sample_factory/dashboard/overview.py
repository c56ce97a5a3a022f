"""What the table says about an experiment. Pure; does not know where it is from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sample_factory.dashboard.state import State
from sample_factory.dashboard.svg import spark_curve
from sample_factory.runner.results.curves import Curve
from sample_factory.runner.results.experiments import Points

REWARD, TRUE_REWARD = "0_aux/avg_reward", "0_aux/avg_true_reward"


@dataclass(frozen=True)
class Overview:
    """What the table says about an experiment. None: it is not known."""

    name: str
    """Path below the train_dir."""
    state: State
    why: str = ""
    env: str = ""
    seed: int | None = None
    frames: int | None = None
    """Of all policies."""
    goal: int | None = None
    """Frames of all policies after which it ends; None: no number of frames ends it."""
    fps: float | None = None
    """Over the last minute; over the whole run if it has ended."""
    reward: float | None = None
    """Of the best policy, as `true_reward`."""
    true_reward: float | None = None
    curves: tuple[Curve, ...] = ()
    """Reward of each policy."""
    best: int | None = None
    """Which of the curves is highest at its end."""
    limit: str = ""
    """Which component limits it."""
    written: float | None = None
    """When it last wrote something, seconds since the epoch."""
    has_folder: bool = True
    """There is a page of it."""
    is_read: bool = True
    """There was time to read all summaries."""

    @property
    def eta_sec(self) -> float | None:
        """Until the goal, at this speed."""
        if self.state != "running" or self.goal is None or self.frames is None or not self.fps:
            return None
        return max(0, self.goal - self.frames) / self.fps

    @property
    def part(self) -> float | None:
        """How much of the goal it has, in [0, 1]."""
        return None if not self.goal or self.frames is None else min(1.0, self.frames / self.goal)


@dataclass(frozen=True)
class Rewards:
    """What the table needs of the summaries; the words are those of `Overview`."""

    curves: tuple[Curve, ...] = ()
    best: int | None = None
    reward: float | None = None
    true_reward: float | None = None
    frames: int | None = None


def rewards_of(policies: Mapping[int, Mapping[str, Points]]) -> Rewards:
    """The newest of each policy's summaries by tag, and the best of these."""
    rewards = [tags[REWARD] for tags in policies.values() if REWARD in tags]
    curves = [(curve, last_value(points)) for points in rewards if (curve := spark_curve(points)) is not None]
    ends = [-np.inf if end is None else end for _, end in curves]
    best = max(range(len(ends)), key=ends.__getitem__) if ends else None
    true_rewards = [last_value(tags[TRUE_REWARD]) for tags in policies.values() if TRUE_REWARD in tags]
    frames = [max(int(points.frames[-1]) for points in tags.values()) for tags in policies.values() if tags]
    return Rewards(
        curves=tuple(curve for curve, _ in curves),
        best=best,
        reward=None if best is None else ends[best],
        true_reward=max((value for value in true_rewards if value is not None), default=None),
        frames=sum(frames) if frames else None,
    )


def last_value(points: Points) -> float | None:
    """The newest one that is a number."""
    finite = points.values[np.isfinite(points.values)]
    return float(finite[-1]) if len(finite) else None
