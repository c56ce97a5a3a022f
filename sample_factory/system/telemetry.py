"""Turns what the components report into summaries and the state on the console. Starts and watches nothing.

The supervisor calls everything here from its own loop, in one thread. Averages over episodes are written as soon as
there is one episode; they cover at most the last `stats_avg`.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

from sample_factory.system.console import STATUS_LINE, Console
from sample_factory.system.episode_stats import DerivedStatistics, EpisodeStats, Spread
from sample_factory.system.limits import ComponentShare, bottleneck
from sample_factory.system.rates import RateWindow
from sample_factory.system.status import FPS_WINDOWS_SEC, PolicyStatus, Status
from sample_factory.system.summaries import SummaryWriter
from sample_factory.system.summary_hooks import SummaryHooks
from sample_factory.system.wandb_process import WandbProcess

log = logging.getLogger(__name__)

_SUMMARY_WINDOW_SEC = 10.0
TRUE_OBJECTIVE = "true_reward"
"""Name, in the summaries, of what an environment says that an episode is judged by."""


class Telemetry:
    """The one place where reports meet. Times are seconds of one monotonic clock, given by the caller."""

    def __init__(
        self,
        experiment_dir: Path,
        num_policies: int,
        stats_avg: int,
        summaries_interval_sec: float,
        target_frames: int,
        console: Console,
        wandb: WandbProcess | None = None,
        hooks: SummaryHooks | None = None,
        derive: Callable[[], DerivedStatistics | None] = lambda: None,
    ) -> None:
        """
        Args:
            target_frames: per policy, as the command line has it.
            derive: makes what derives further statistics from the episodes of one policy, if there is something.
        """
        self._hooks = hooks
        self._policies = [
            _PolicyTelemetry(
                policy, stats_avg, SummaryWriter(experiment_dir / ".summary" / str(policy)), wandb, derive()
            )
            for policy in range(num_policies)
        ]
        self._goal_frames = target_frames * num_policies
        self._summaries_interval_sec = summaries_interval_sec
        self._console = console
        self._frames = RateWindow(max(FPS_WINDOWS_SEC))
        self._shares: Mapping[str, ComponentShare] = {}
        self._total_frames = self._total_samples = self._first_frames = 0
        self._process = psutil.Process()
        self._started: float | None = None
        self._shown = -math.inf
        self._written: float | None = None

    def episode(
        self, policy: int, reward: float, length: int, true_objective: float | None, extra: Mapping[str, object]
    ) -> None:
        """An episode of this policy ended; `extra` are the environment's own statistics."""
        values: dict[str, object] = {**extra, "reward": reward, "len": length}
        if true_objective is not None:
            values[TRUE_OBJECTIVE] = true_objective
        self._policies[policy].episode(values)

    def train(self, policy: int, train_step: int, stats: Mapping[str, float]) -> None:
        """The learner reports; names without a section become `train/<name>`, written every `train_summary_sec`."""
        self._policies[policy].train(train_step, stats)

    def progressed(self, env_steps: Sequence[int]) -> None:
        """Frames that each policy has been trained on by now, where its summaries are drawn."""
        for policy, frames in zip(self._policies, env_steps, strict=True):
            policy.env_steps = frames

    def sampled(self, total_frames: int, samples_per_policy: Sequence[int], now: float) -> None:
        """Counters since the beginning of the experiment."""
        if self._started is None:
            self._started, self._first_frames = now, total_frames
        self._total_frames, self._total_samples = total_frames, sum(samples_per_policy)
        self._frames.add(now, total_frames)
        for policy, count in zip(self._policies, samples_per_policy, strict=True):
            policy.samples.add(now, count)

    def components(self, shares: Mapping[str, ComponentShare]) -> None:
        """How each kind of component spent its time lately, by its name."""
        self._shares = dict(shares)

    def system_stats(self, stats: Mapping[str, float], policy: int = 0) -> None:
        """Latest values such as `memory_learner`; written as `stats/<name>` with the next summaries."""
        self._policies[policy].system_stats.update(stats)

    def scalar(self, policy: int, tag: str, value: float) -> None:
        """Write one summary under exactly this tag, at the policy's environment step."""
        self._policies[policy].write({tag: value})

    def forget_episodes(self, policy: int) -> None:
        """Take averages over episodes from now on only."""
        self._policies[policy].forget_episodes()

    def average(self, policy: int, name: str) -> float | None:
        """Mean of an episode statistic (`reward`, `len`, `true_reward` or an environment's), or the newest value of one
        that is derived from several episodes; None if there is none."""
        return self._policies[policy].average(name)

    def limit(self) -> str:
        """Which component limits the run."""
        return bottleneck(self._shares)

    def tick(self, now: float) -> None:
        """Show the state and write summaries if it is time; call it often."""
        if self._started is None:
            self._started = now
        if self._written is None:
            self._written = now
        if now - self._shown >= self._console.refresh_sec:
            self._shown = now
            self._console.show(self.status(now))
        self._write_train_summaries(now)
        if now - self._written >= self._summaries_interval_sec:
            self._written = now
            self._write_summaries(now)
            if limit := self.limit():
                # A status line: the live display shows it anyway, a pipe and the log file need it only now and then.
                log.info("Limit: %s", limit, extra=STATUS_LINE)

    def status(self, now: float) -> Status:
        """The state of the run as values."""
        return Status(
            elapsed_sec=now - (now if self._started is None else self._started),
            total_frames=self._total_frames,
            goal_frames=self._goal_frames,
            total_samples=self._total_samples,
            fps=tuple(self._frames.rate(seconds, now) for seconds in FPS_WINDOWS_SEC),
            policies=tuple(policy.status(now) for policy in self._policies),
            limit=self.limit(),
        )

    def close(self, now: float) -> None:
        """Write the last summaries, leave the terminal in order and say what was collected."""
        self._write_train_summaries(now, even_if_early=True)
        self._write_summaries(now)
        self._console.show(self.status(now))
        self._console.close()
        elapsed = now - (now if self._started is None else self._started)
        fps = (self._total_frames - self._first_frames) / elapsed if elapsed > 0 else 0.0
        log.info("Collected %s, FPS: %.1f", {policy.policy: policy.env_steps for policy in self._policies}, fps)

    def _write_train_summaries(self, now: float, even_if_early: bool = False) -> None:
        for policy in self._policies:
            policy.write_train_summaries(now, even_if_early)

    def _write_summaries(self, now: float) -> None:
        whole_run = {"0_aux/master_process_memory_mb": self._process.memory_info().rss / 2**20}
        fps = self._frames.rate(_SUMMARY_WINDOW_SEC, now)
        if fps is not None:
            whole_run["0_aux/_fps"] = fps
        whole_run |= _share_scalars(self._shares)
        for policy in self._policies:
            scalars = policy.scalars(now) | (whole_run if policy.policy == 0 else {})
            if self._hooks is not None:
                scalars |= self._hooks.scalars(policy.policy, policy.episodes.means(), policy.env_steps)
            policy.write(scalars)
            policy.writer.flush()


class _PolicyTelemetry:
    """What is known about one policy, and its summaries."""

    def __init__(
        self,
        policy: int,
        stats_avg: int,
        writer: SummaryWriter,
        wandb: WandbProcess | None,
        derived: DerivedStatistics | None,
    ) -> None:
        self.policy = policy
        self._derived = derived
        self._derived_values: dict[str, float] = {}
        self.writer = writer
        self.episodes = EpisodeStats(stats_avg)
        self.samples = RateWindow(_SUMMARY_WINDOW_SEC)
        self.system_stats: dict[str, float] = {}
        self.train_step = 0
        self.env_steps = 0
        self._wandb = wandb
        self._latest: dict[str, float] = {}
        self._unwritten: dict[str, float] = {}
        self._train_written = -math.inf

    def episode(self, values: Mapping[str, object]) -> None:
        self.episodes.add(values)
        if self._derived is not None:
            numbers = {name: float(value) for name, value in values.items() if isinstance(value, int | float)}
            self._derived_values |= self._derived.observe(numbers)

    def forget_episodes(self) -> None:
        self.episodes.clear()
        self._derived_values.clear()
        if self._derived is not None:
            self._derived.clear()

    def average(self, name: str) -> float | None:
        if name in self._derived_values:
            return self._derived_values[name]
        spread = self.episodes.spread(name)
        return None if spread is None else spread.mean

    def train(self, train_step: int, stats: Mapping[str, float]) -> None:
        self.train_step = train_step
        self._unwritten |= {name if "/" in name else f"train/{name}": value for name, value in stats.items()}
        # Some statistics come only with some reports (the last minibatch of an iteration): the display keeps them.
        self._latest |= self._unwritten

    def write(self, scalars: Mapping[str, float]) -> None:
        for tag, value in scalars.items():
            self.writer.scalar(tag, value, self.env_steps)
        if self._wandb is not None:
            self._wandb.log(scalars, self.env_steps, self.policy)

    def write_train_summaries(self, now: float, even_if_early: bool) -> None:
        is_time = even_if_early or now - self._train_written >= train_summary_sec(self.train_step)
        if self._unwritten and is_time:
            self._train_written = now
            self.write(self._unwritten)
            self._unwritten = {}

    def scalars(self, now: float) -> dict[str, float]:
        """Everything that is written at the summary interval, by tag."""
        result = {f"stats/{name}": value for name, value in self.system_stats.items()}
        throughput = self.samples.rate(_SUMMARY_WINDOW_SEC, now)
        if throughput is not None:
            result["0_aux/_sample_throughput"] = throughput
        for name in self.episodes.names():
            spread = self.episodes.spread(name)
            assert spread is not None
            tag = _tag(name)
            result[tag] = spread.mean
            if name in ("reward", "len", TRUE_OBJECTIVE):
                result |= {f"{tag}_min": spread.min, f"{tag}_max": spread.max}
        return result | {_tag(name): value for name, value in self._derived_values.items()}

    def status(self, now: float) -> PolicyStatus:
        return PolicyStatus(
            policy=self.policy,
            train_step=self.train_step,
            env_steps=self.env_steps,
            samples_per_sec=self.samples.rate(_SUMMARY_WINDOW_SEC, now),
            reward=self.episodes.spread("reward"),
            length=self.episodes.spread("len"),
            true_objective=self.episodes.spread(TRUE_OBJECTIVE),
            lag=self._lag(),
            loss=self._latest.get("train/loss"),
        )

    def _lag(self) -> Spread | None:
        low, mean, high = (self._latest.get(f"train/version_diff_{which}") for which in ("min", "avg", "max"))
        return None if low is None or mean is None or high is None else Spread(mean, low, high)


def _tag(name: str) -> str:
    return name if "/" in name else f"0_aux/avg_{name}"


def train_summary_sec(train_step: int) -> float:
    """Shortest time between summaries of training: 5 s at first, 120 s at step 100,000, 240 s from step 1,000,000."""
    if train_step <= 100_000:
        return 5.0 + (120.0 - 5.0) * train_step / 100_000
    return min(240.0, 120.0 + (240.0 - 120.0) * (train_step - 100_000) / 900_000)


def _share_scalars(shares: Mapping[str, ComponentShare]) -> dict[str, float]:
    """`stats/<component>_<activity>` and `stats/<component>_wait_<component>`, as fractions of the time."""
    result: dict[str, float] = {}
    for share in shares.values():
        result |= {f"{share.name} {name}": fraction for name, fraction in share.working.items()}
        result |= {f"{share.name} wait {name}": fraction for name, fraction in share.waiting.items()}
    return {f"stats/{name.replace(' ', '_')}": fraction for name, fraction in result.items()}
