"""What environments must keep to: every rule by its name, what it costs to break it, and what to do then.

Knows the values that environments return, and neither how they are stepped nor who asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import gymnasium as gym
import numpy as np

from sample_factory.rl.spaces import KeySpec

Severity = Literal["fatal", "violation", "note"]
# Bounds are declared in float32 and often computed in float64; this much beyond them is no mistake.
_BOUND_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Rule:
    """One thing that environments must do."""

    severity: Severity
    """fatal: no training starts; violation: training goes on, but something in it is wrong; note: good to know."""
    advice: str
    """What to do when it is broken."""


RULES: Mapping[str, Rule] = {
    # what the environment is
    "unsupported-space": Rule("fatal", "use Box, Discrete, MultiDiscrete and MultiBinary, nested in Dict or Tuple"),
    "spaces-differ": Rule("fatal", "give every instance the same spaces, and do not change them later"),
    # what reset and step return
    "reset-result": Rule("fatal", "return (observation, info) from reset"),
    "step-result": Rule("fatal", "return (observation, reward, terminated, truncated, info) from step"),
    "wrong-structure": Rule("fatal", "return every part that the observation space declares"),
    "wrong-shape": Rule("fatal", "return the declared shape, or declare the one that is returned"),
    "wrong-dtype": Rule("fatal", "return the declared dtype, or declare the one that is returned"),
    "out-of-bounds": Rule("fatal", "clip the values, or declare the bounds that they really have"),
    "not-finite": Rule("fatal", "find the division by zero, overflow or diverging simulation behind it"),
    "bad-reward": Rule("fatal", "return one finite number per agent"),
    "info-not-dict": Rule("fatal", "return a dict, {} if there is nothing to say"),
    "flags-not-bool": Rule("violation", "return bool(...) for terminated and truncated"),
    "agents-change": Rule("fatal", "return one entry per agent at every step; info['is_active']=False for absent ones"),
    # how episodes follow one another
    "reset-ignored": Rule("violation", "let reset put back everything that decides about the end of an episode"),
    "no-autoreset": Rule("fatal", "reset a row by itself, at the latest in the step after its episode has ended"),
    "wrong-autoreset-mode": Rule("violation", "declare the mode that is really used in metadata['autoreset_mode']"),
    "valid-on-reset": Rule("violation", "set valid to False where a step only resets or has lost its observation"),
    "reward-on-invalid": Rule("violation", "write the reward 0 where valid is False"),
    "wrong-frames": Rule("violation", "count no frames on steps that only reset, and never fewer than 0"),
    "wrong-episodes": Rule("violation", "return one EpisodeInfo for every row whose episode has ended in this step"),
    "unwritten-rows": Rule("fatal", "write every row of every array at each step, and every observation at reset"),
    # what is shared, and what is random
    "shared-rows": Rule("violation", "give every environment an array of its own"),
    "reused-buffer": Rule("note", "harmless here (rows are copied at once), not in a wrapper that keeps observations"),
    "mutates-actions": Rule("violation", "copy an action before changing it"),
    "seed-ignored": Rule("violation", "draw everything from a generator that reset(seed=...) seeds (self.np_random)"),
    "same-every-seed": Rule("note", "fine if nothing is random; otherwise use the seed that reset is given"),
    "not-repeatable": Rule("note", "it says of itself that it is nondeterministic: runs cannot be repeated"),
    "no-seed": Rule("note", "let reset take seed=..., or runs cannot be repeated"),
    # whether it works at all
    "raised": Rule("fatal", "see the error; a worker would rebuild the environment, and give up after ten failures"),
    "rejects-actions": Rule("fatal", "accept every member of the declared action space, or declare fewer"),
    "crashed": Rule("fatal", "the whole process died: run the environment alone under python -X faulthandler"),
    "hangs": Rule("fatal", "see the stack above; --timeout_seconds gives it longer"),
    "no-episode-end": Rule("note", "the end of episodes could not be checked: use more --seconds"),
}


@dataclass(frozen=True)
class Finding:
    """One rule that was broken, and where it was first seen."""

    rule: str
    problem: str
    """In a few words, with the key and the agent, but without the step."""
    key: str | None = None
    row: int | None = None
    """Row of a batch, or agent of a multi-agent environment."""
    step: int | None = None
    """0 is the reset."""
    env: int | None = None
    """Instance: the number that the environment was made with."""

    @property
    def severity(self) -> Severity:
        """What it costs."""
        return RULES[self.rule].severity

    @property
    def advice(self) -> str:
        """What to do."""
        return RULES[self.rule].advice


class BrokenRuleError(ValueError):
    """The environment cannot be stepped any further; `finding` says why."""

    def __init__(self, rule: str, problem: str, key: str | None = None, row: int | None = None) -> None:
        super().__init__(problem)
        self.finding = Finding(rule, problem, key, row)


def observation_findings(
    keys: Mapping[str, KeySpec], values: Mapping[str, Any], row: int | None, noun: str = "agent"
) -> Iterator[Finding]:
    """Rules of one observation, by key, as the environment returned it; `row` is None if there is only one."""
    agent = "" if row is None else f" of {noun} {row}"
    for key, spec in keys.items():
        broken = leaf_problem(spec.space, values[key])
        if broken is not None:
            yield Finding(broken[0], f"observation {key!r}{agent} {broken[1]}", key, row)


def reward_findings(reward: Any, row: int | None, noun: str = "agent") -> Iterator[Finding]:
    """Rules of one reward."""
    if np.ndim(reward) != 0 or not _is_finite_number(reward):
        agent = "" if row is None else f" of {noun} {row}"
        yield Finding("bad-reward", f"the reward {reward!r}{agent} is no finite number", row=row)


def flag_findings(terminated: Any, truncated: Any, row: int | None) -> Iterator[Finding]:
    """Rules of the two ends of an episode."""
    for name, flag in (("terminated", terminated), ("truncated", truncated)):
        if not isinstance(flag, bool | np.bool_):
            yield Finding("flags-not-bool", f"{name} is {flag!r} of type {type(flag).__name__}", row=row)


def info_findings(info: Any, row: int | None) -> Iterator[Finding]:
    """Rules of one info."""
    if not isinstance(info, Mapping):
        yield Finding("info-not-dict", f"info is {info!r} of type {type(info).__name__}", row=row)


def leaf_problem(space: gym.Space[Any], value: Any) -> tuple[str, str] | None:
    """Which rule one value of a Box, Discrete, MultiDiscrete or MultiBinary space breaks, and how; None if none."""
    array = np.asarray(value)
    shape = space.shape or ()
    if array.shape != shape:
        return "wrong-shape", f"has shape {array.shape}, declared {shape}"
    if array.dtype == object or not np.can_cast(array.dtype, np.float64, "same_kind"):
        return "wrong-dtype", f"has dtype {array.dtype}, declared {space.dtype}"
    if np.issubdtype(array.dtype, np.floating):
        if not np.isfinite(array).all():
            return "not-finite", "is not finite"
        if not np.issubdtype(space.dtype, np.floating):
            return "wrong-dtype", f"has dtype {array.dtype}, declared {space.dtype}"
    low, high = _bounds(space)
    slack = _BOUND_TOLERANCE * np.maximum(1.0, np.abs(array)) if np.issubdtype(space.dtype, np.floating) else 0
    if (array < low - slack).any() or (array > high + slack).any():
        lowest, highest = np.min(low), np.max(high)
        return (
            "out-of-bounds",
            f"has values from {array.min()} to {array.max()}, outside the declared {lowest} to {highest}",
        )
    return None


def _is_finite_number(value: Any) -> bool:
    try:
        return bool(np.isfinite(value))
    except TypeError:
        return False


def _bounds(space: gym.Space[Any]) -> tuple[Any, Any]:
    if isinstance(space, gym.spaces.Box):
        # As float64: arithmetic in a small integer type would wrap around.
        return space.low.astype(np.float64), space.high.astype(np.float64)
    if isinstance(space, gym.spaces.Discrete):
        return int(space.start), int(space.start) + int(space.n) - 1
    if isinstance(space, gym.spaces.MultiDiscrete):
        return space.start, space.start + space.nvec - 1
    return 0, 1
