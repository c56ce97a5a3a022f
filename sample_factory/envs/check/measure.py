"""How fast an environment is, how much memory it takes, and what random episodes are like. Knows no rule.

Everything happens in one process on one core, in slices of time: these are numbers to choose settings by. Where other
processes want the core as well, time is counted as far as this one had it.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field

import numpy as np

from sample_factory.envs.check.findings import Findings
from sample_factory.envs.check.progress import Progress
from sample_factory.envs.check.subject import Subject
from sample_factory.envs.contract import BatchedEnv, new_step_arrays
from sample_factory.envs.observations import zero_rows
from sample_factory.envs.random_actions import RandomActions
from sample_factory.envs.rules import Finding
from sample_factory.system.cores import available_cores
from sample_factory.system.usage import available_bytes, tree_bytes, tree_cpu_sec

_SIZES = (1, 2, 8, 32)
_NATIVE_SIZES = (1, 8, 32, 128, 512)
_WARM_UP_STEPS = 3
_MOST_MAKING_SEC = 10.0
"""A larger group is left out if making and resetting it would take longer than this, or than the whole measurement."""
_MEMORY_SHARE = 0.25
"""Of the free memory, for one group."""
_BUSY = 0.3
"""With more other processes per core, time is counted by the share of the core that was had."""


@dataclass(frozen=True)
class Speed:
    """One group size."""

    envs: int
    steps_per_sec: float
    """Rows stepped, resets included."""
    frames_per_sec: float


@dataclass(frozen=True)
class Episodes:
    """What random actions lead to."""

    count: int = 0
    mean_return: float = 0.0
    min_return: float = 0.0
    max_return: float = 0.0
    mean_steps: float = 0.0
    mean_frames: float = 0.0


@dataclass(frozen=True)
class Measurements:
    """All that was measured."""

    speeds: tuple[Speed, ...]
    episodes: Episodes
    frames_per_step: tuple[int, int]
    """Fewest and most on valid steps."""
    invalid_share: float
    reset_steps: float | None
    """Time of a reset, in steps; None if no episode ended."""
    bytes_per_env: float | None
    """In the largest group; None if there was none."""
    seconds_to_make: float
    """Time to make and reset one environment."""
    machine_was_busy: bool
    """Other processes wanted the cores; times are estimates."""
    findings: tuple[Finding, ...]


def measure(subject: Subject, progress: Progress, seconds: float, is_native: bool) -> Measurements:
    """Measure for about so long, besides the time that making environments takes."""
    subject.enter()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, available_cores()[-1:])  # what the environment starts runs on this core as well
    return _Measuring(subject, progress, is_native).run(seconds)


@dataclass
class _Tally:
    """Sums over all groups."""

    returns: list[float] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)
    fewest_frames: int = 2**31
    most_frames: int = 0
    rows: int = 0
    invalid: int = 0


class _Measuring:
    def __init__(self, subject: Subject, progress: Progress, is_native: bool) -> None:
        self._subject, self._progress, self._is_native = subject, progress, is_native
        self._tally = _Tally()
        self._findings = Findings()
        self._speeds: list[Speed] = []
        self._reset_steps: float | None = None
        self._bytes_per_env: float | None = None
        self._making_sec = 0.0
        others = max(0.0, os.getloadavg()[0] - 1)  # one is the look before this
        self._is_busy = others / (os.cpu_count() or 1) > _BUSY

    def run(self, seconds: float) -> Measurements:
        """One group size after the other."""
        sizes = _NATIVE_SIZES if self._is_native else _SIZES
        group: _Group | None = None
        self._load_libraries()
        for number, size in enumerate(sizes):
            if number and not self._has_room(size, max(seconds, _MOST_MAKING_SEC)):
                break
            try:
                # The group before stays until this one has been made: what it gives back would not be counted.
                previous, group = group, self._open(size, number)
                if previous is not None:
                    previous.env.close()
                self._speeds.append(self._step(group, size, seconds / len(sizes)))
            except Exception as error:
                said = f"{type(error).__name__}: {' '.join(str(error).split())}"
                problem = f"raised {said} in a group of {size}"
                self._findings.add([Finding("raised", problem)], self._progress.step())
                break
        self._progress.begin("closing environments")
        if group is not None:
            group.env.close()
        return self._result()

    def _load_libraries(self) -> None:
        """Make and reset one that is not measured: the first one takes time and memory that no other does."""
        self._progress.begin("making an environment")
        env = self._subject.make_batch(0, 1)
        env.reset(self._subject.seed, zero_rows(env.keys, env.num_rows))
        env.close()

    def _has_room(self, size: int, seconds: float) -> bool:
        needed = (self._bytes_per_env or 0.0) * size
        return self._making_sec * size < seconds and needed < _MEMORY_SHARE * available_bytes()

    def _open(self, size: int, number: int) -> _Group:
        self._progress.begin(f"making a group of {size} environments")
        before, start = tree_bytes(), time.perf_counter()
        env = self._subject.make_batch(number, size)
        group = _Group(env, self._subject.seed)
        self._progress.beat(0)
        env.reset(self._subject.seed, group.out)
        self._making_sec = (time.perf_counter() - start) / size
        for step in range(_WARM_UP_STEPS):
            self._progress.beat(step + 1)
            group.step()
        taken = tree_bytes() - before - group.own_bytes
        self._bytes_per_env = max(0.0, taken / size)
        return group

    def _step(self, group: _Group, size: int, seconds: float) -> Speed:
        self._progress.begin(f"stepping a group of {size} environments")
        failures = getattr(group.env, "num_failures", 0)
        spent, frames, step = 0.0, 0, 0
        plain: list[float] = []
        resetting: list[float] = []
        only_resets = False
        clock = _Clock()
        deadline = time.perf_counter() + seconds
        while step < 2 or time.perf_counter() < deadline:
            step += 1
            self._progress.beat(step)
            elapsed = group.step()
            spent += elapsed
            frames += int(group.result.frames.sum())
            self._count(group)
            if size == 1:
                (resetting if group.result.resets.any() else plain).append(elapsed)
                only_resets |= bool((group.result.resets & ~group.ended).any())
        if getattr(group.env, "num_failures", 0) > failures:
            self._findings.add([Finding("raised", f"raised in a group of {size} and was rebuilt")], step)
        if self._is_busy:
            spent *= clock.share()
        if plain and resetting:
            ratio = float(np.median(resetting) / np.median(plain))
            # A reset in the same step as the end comes on top of that step.
            self._reset_steps = ratio if only_resets else max(0.0, ratio - 1)
        elif plain and not self._is_native:
            self._time_reset(group, float(np.median(plain)))
        rate = step / max(spent, 1e-9)
        return Speed(size, rate * group.env.num_rows, frames / max(spent, 1e-9))

    def _time_reset(self, group: _Group, step_sec: float) -> None:
        """No episode has ended, so it is done from outside (which may make a native batch anew: not for those)."""
        start = time.perf_counter()
        self._progress.beat(0)
        group.env.reset(None, group.out)
        self._reset_steps = (time.perf_counter() - start) / max(step_sec, 1e-9)
        group.returns[:], group.lengths[:], group.frames[:] = 0, 0, 0

    def _count(self, group: _Group) -> None:
        tally, result = self._tally, group.result
        tally.rows += group.env.num_rows
        tally.invalid += int((~result.valid).sum())
        if result.valid.any():
            valid = result.frames[result.valid]
            tally.fewest_frames = min(tally.fewest_frames, int(valid.min()))
            tally.most_frames = max(tally.most_frames, int(valid.max()))
        group.returns += result.rewards
        group.lengths += result.valid
        group.frames += result.frames
        for row, _, lost_reward in group.told:
            tally.returns.append(float(group.returns[row]) + lost_reward)
            tally.steps.append(int(group.lengths[row]))
            tally.frames.append(int(group.frames[row]))
            group.returns[row], group.lengths[row], group.frames[row] = 0, 0, 0

    def _result(self) -> Measurements:
        tally = self._tally
        episodes = Episodes()
        if tally.returns:
            episodes = Episodes(
                len(tally.returns),
                float(np.mean(tally.returns)),
                min(tally.returns),
                max(tally.returns),
                float(np.mean(tally.steps)),
                float(np.mean(tally.frames)),
            )
        return Measurements(
            speeds=tuple(self._speeds),
            episodes=episodes,
            frames_per_step=(min(tally.fewest_frames, tally.most_frames), tally.most_frames),
            invalid_share=tally.invalid / max(1, tally.rows),
            reset_steps=self._reset_steps,
            bytes_per_env=self._bytes_per_env,
            seconds_to_make=self._making_sec,
            machine_was_busy=self._is_busy,
            findings=self._findings.all(),
        )


class _Clock:
    """Tells which share of a core this process and all below it have had."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), tree_cpu_sec()

    def share(self) -> float:
        """Since the clock was made; at most 1, and what waits by itself counts as having none."""
        wall, cpu = time.perf_counter() - self._wall, tree_cpu_sec() - self._cpu
        return min(1.0, max(cpu, 0.001) / max(wall, 0.001))


class _Group:
    """A batched environment with arrays of its own, stepped at random."""

    def __init__(self, env: BatchedEnv, seed: int) -> None:
        self.env = env
        self.out, self.result = zero_rows(env.keys, env.num_rows), new_step_arrays(env.num_rows)
        self.returns = np.zeros(env.num_rows)
        self.lengths, self.frames = np.zeros(env.num_rows, np.int64), np.zeros(env.num_rows, np.int64)
        self.told: list[tuple[int, object, float]] = []
        self._actions = RandomActions(env.actions, env.num_rows, seed)
        self.own_bytes = sum(array.nbytes for array in self.out.values()) + self._actions.nbytes

    @property
    def ended(self) -> np.ndarray:
        """[rows] episodes that ended in the last step."""
        ended: np.ndarray = self.result.terminated | self.result.truncated
        return ended

    # hot path
    def step(self) -> float:
        """Step once; returns the seconds that the environment took."""
        actions = self._actions.next(self.out).copy()
        start = time.perf_counter()
        told = self.env.step(actions, self.out, self.result)
        elapsed = time.perf_counter() - start
        self.told = [(episode.row, episode.info, episode.lost_reward) for episode in told]
        return elapsed
