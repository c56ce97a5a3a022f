"""Random walks through one or several instances of an environment, during which rules are watched. Knows no process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from sample_factory.envs.batch_probes import BatchedProbe
from sample_factory.envs.check.findings import Findings
from sample_factory.envs.check.progress import Progress
from sample_factory.envs.probe import Probe, Seen, masks
from sample_factory.envs.probes import SingleProbe
from sample_factory.envs.random_actions import RandomActions
from sample_factory.envs.rules import BrokenRuleError, Finding

FEWEST_STEPS = 60
_SHORT_EPISODES = 20
"""So many episodes of one step at the end, after longer ones, are no coincidence if they are most of all."""
_OTHER_ACTIONS = 16


class _Held(NamedTuple):
    key: str
    array: np.ndarray  # as returned
    copy: np.ndarray

    @property
    def has_changed(self) -> bool:
        return not np.array_equal(self.array, self.copy, equal_nan=self.copy.dtype.kind == "f")


class _Walker:
    """One instance on its way."""

    def __init__(self, probe: Probe, number: int, seed: int) -> None:
        self.probe, self.number, self.seed = probe, number, seed
        self.actions = RandomActions(probe.actions, probe.num_rows, seed)
        self.taken: list[np.ndarray] = []
        self.seen: Seen | None = None
        self.held: list[_Held] = []
        self._lengths = np.zeros(probe.num_rows, int)
        # Per row: episodes, the longest of them, and how many of one step there were since a longer one.
        self._ended = np.zeros(probe.num_rows, int)
        self._longest = np.zeros(probe.num_rows, int)
        self._short = np.zeros(probe.num_rows, int)

    def advance(self) -> Seen:
        """Reset at first, then step."""
        if self.seen is None:
            self.seen = self.probe.reset(self.seed)
        else:
            self.taken.append(self.actions.next(masks(self.seen)))
            self.seen = self.probe.step(self.taken[-1])
            self._count_episodes(self.seen)
        return self.seen

    @property
    def episodes(self) -> int:
        """How many ended."""
        return int(self._ended.sum())

    def restart_findings(self) -> Iterator[Finding]:
        """Whether episodes began anew after their end; to be asked when the walk is over."""
        stuck = (self._longest > 1) & (self._short >= _SHORT_EPISODES) & (2 * self._short >= self._ended)
        if stuck.any():
            row = int(stuck.argmax())
            rule = "reset-ignored" if isinstance(self.probe, SingleProbe) else "no-autoreset"
            problem = f"after longer ones, the last {self._short[row]} episodes all ended at their first step"
            yield Finding(rule, problem, row=row if self.probe.num_rows > 1 else None)

    def _count_episodes(self, seen: Seen) -> None:
        self._lengths[seen.ended | ~seen.resets] += 1
        for row in np.flatnonzero(seen.ended).tolist():
            length, self._lengths[row] = self._lengths[row], 0
            self._ended[row] += 1
            self._longest[row] = max(self._longest[row], length)
            self._short[row] = self._short[row] + 1 if length == 1 else 0

    def hold(self) -> list[_Held]:
        """Keep the observations just returned, and copies of them; returns those of the step before."""
        before = self.held
        if self.seen is not None and not isinstance(self.probe, BatchedProbe):  # there, the arrays are the probe's own
            self.held = [
                _Held(key, value, value.copy())
                for values in self.seen.observations
                for key, value in values.items()
                if isinstance(value, np.ndarray)
            ]
        return before


def walk(
    probes: Mapping[int, Probe],
    reopen: Callable[[int], Probe] | None,
    findings: Findings,
    progress: Progress,
    seconds: float,
    seed: int,
) -> int:
    """Step instances in turn for some time, and at least `FEWEST_STEPS` steps; returns how many episodes ended.

    Args:
        probes: number of the instance -> the instance.
        reopen: makes an instance anew, to find out why it has raised; None if that tells nothing.
    """
    walkers = [_Walker(probe, number, seed + number) for number, probe in probes.items()]
    deadline, step = time.monotonic() + seconds, 0
    progress.begin("stepping")
    while step <= FEWEST_STEPS or time.monotonic() < deadline:
        for walker in walkers:
            progress.beat(step, walker.number)
            try:
                seen = walker.advance()
            except BrokenRuleError as error:
                findings.add([error.finding], step, walker.number)
                return 0
            except Exception as error:
                findings.add([_why(walker, error, reopen)], step, walker.number)
                return 0
            findings.add(seen.findings, step, walker.number)
            _compare_memory(walkers, walker, findings, step)
        step += 1
    for walker in walkers:
        findings.add(walker.restart_findings(), None, walker.number)
    return sum(walker.episodes for walker in walkers)


def _compare_memory(walkers: Sequence[_Walker], stepped: _Walker, findings: Findings, step: int) -> None:
    """Which observations that were returned before have been changed by a step."""
    before = stepped.hold()
    for walker in walkers:
        for held in walker.held if walker is not stepped else ():
            if held.has_changed:
                problem = f"stepping environment {stepped.number} changed observation {held.key!r}"
                findings.discard("reused-buffer", held.key)
                findings.add([Finding("shared-rows", problem, held.key)], step, walker.number)
    for held in before:
        if held.has_changed and not findings.has("shared-rows", held.key):
            problem = f"observation {held.key!r} is written into the array of the step before"
            findings.add([Finding("reused-buffer", problem, held.key)], step, stepped.number)


def _why(walker: _Walker, error: Exception, reopen: Callable[[int], Probe] | None) -> Finding:
    """An environment has raised: was it the action?"""
    said = f"{type(error).__name__}: {' '.join(str(error).split())}"
    if walker.taken and walker.seen is not None:
        action: Any = walker.probe.actions.decode(walker.taken[-1][0])
        refused = f"step({action!r}) raised {said}"
        if "action" in str(error).lower() or (reopen is not None and _is_about_the_action(walker, reopen)):
            return Finding("rejects-actions", refused)
    return Finding("raised", f"raised {said}")


def _is_about_the_action(walker: _Walker, reopen: Callable[[int], Probe]) -> bool:
    """Whether, after the same steps, the last action raises again and another one does not."""
    *way, last = walker.taken
    try:
        probe = reopen(walker.number)
        probe.reset(walker.seed)
        for flat in way:
            probe.step(flat)
    except Exception:
        return False
    others = RandomActions(probe.actions, probe.num_rows, walker.seed + 1)
    return not _accepts(probe, last) and any(_accepts(probe, others.next({})) for _ in range(_OTHER_ACTIONS))


def _accepts(probe: Probe, flat: np.ndarray) -> bool:
    try:
        probe.step(flat)
    except Exception:
        return False
    return True
