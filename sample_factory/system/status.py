"""What a run has to say every few seconds, as values and as plain lines. Does not know how it is drawn."""

from __future__ import annotations

from dataclasses import dataclass

from sample_factory.system.episode_stats import Spread

FPS_WINDOWS_SEC = (10, 60, 300)


@dataclass(frozen=True)
class PolicyStatus:
    """One policy; None means not known yet."""

    policy: int
    train_step: int = 0
    env_steps: int = 0
    samples_per_sec: float | None = None
    reward: Spread | None = None
    length: Spread | None = None
    true_objective: Spread | None = None
    lag: Spread | None = None
    """Versions between acting and learning."""
    loss: float | None = None


@dataclass(frozen=True)
class Status:
    """The whole run."""

    elapsed_sec: float
    total_frames: int
    goal_frames: int
    """Frames of all policies together after which the run ends."""
    total_samples: int
    fps: tuple[float | None, ...]
    """Frames per second over the last `FPS_WINDOWS_SEC`."""
    policies: tuple[PolicyStatus, ...]
    limit: str = ""
    """Which component limits the run; empty if unknown."""

    @property
    def eta_sec(self) -> float | None:
        """Time to the goal at the speed of the last minute."""
        fps = self.fps[1]
        return max(0, self.goal_frames - self.total_frames) / fps if fps else None


def plain_lines(status: Status) -> list[str]:
    """The lines for pipes and log files, without any escape codes."""
    fps = ", ".join(f"{sec} sec: {_number(rate)}" for sec, rate in zip(FPS_WINDOWS_SEC, status.fps, strict=True))
    throughput = ", ".join(f"{policy.policy}: {_number(policy.samples_per_sec)}" for policy in status.policies)
    lines = [
        f"Fps is ({fps}). Total num frames: {status.total_frames}. Throughput: {throughput}. "
        f"Samples: {status.total_samples}. {_lag(status.policies[0])}"
    ]
    rewards = [(policy.policy, f"{policy.reward.mean:.3f}") for policy in status.policies if policy.reward]
    if rewards:
        lines.append(f"Avg episode reward: {rewards}")
    return lines


def _lag(policy: PolicyStatus) -> str:
    low, mean, high = (policy.lag.min, policy.lag.mean, policy.lag.max) if policy.lag else (None, None, None)
    return f"Policy #{policy.policy} lag: (min: {_number(low)}, avg: {_number(mean)}, max: {_number(high)})"


def _number(value: float | None) -> str:
    return "nan" if value is None else f"{value:.1f}"
