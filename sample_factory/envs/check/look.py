"""Which rules an environment breaks: single instances, batches of them, and the same seed twice. Knows no process."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from sample_factory.envs.batch_probes import BatchedProbe
from sample_factory.envs.batching import check_size, kind_of_env
from sample_factory.envs.check.findings import Findings
from sample_factory.envs.check.progress import Progress
from sample_factory.envs.check.subject import Facts, Subject, describe_facts
from sample_factory.envs.check.walk import FEWEST_STEPS, walk
from sample_factory.envs.contract import new_step_arrays
from sample_factory.envs.failures import close_quietly
from sample_factory.envs.multi_agent import env_attribute, takes_seed
from sample_factory.envs.observations import zero_rows
from sample_factory.envs.probe import Probe
from sample_factory.envs.probes import open_probe
from sample_factory.envs.random_actions import RandomActions
from sample_factory.envs.rules import BrokenRuleError, Finding

_ENVS = 4
"""Environments of a group."""
_COMPARED_STEPS = 100
_OTHER_SEED = 1_000


@dataclass(frozen=True)
class Look:
    """What was seen."""

    facts: Facts | None
    findings: tuple[Finding, ...]
    episodes: int
    """How many ended."""

    @property
    def has_fatal(self) -> bool:
        """Whether a training would not start."""
        return any(finding.severity == "fatal" for finding in self.findings)


def look(subject: Subject, progress: Progress, seconds: float) -> Look:
    """Find out what an environment looks like, and which rules it breaks.

    Raises:
        ValueError: the environment cannot be made, for a reason that its family knows.
    """
    subject.enter()
    return _Looking(subject, progress, seconds).run()


def look_from_outside(subject: Subject, progress: Progress) -> Facts | None:
    """Make an environment that cannot be stepped, to say at least what it looks like."""
    subject.enter()
    progress.begin("making environment 0")
    env = subject.make(0)
    probe = open_probe(subject.name, env)
    return describe_facts(subject, env, probe.keys, probe.actions, probe.num_rows)


class _Looking:
    def __init__(self, subject: Subject, progress: Progress, seconds: float) -> None:
        self._subject, self._progress, self._seconds = subject, progress, seconds
        self._findings = Findings()
        self._facts: Facts | None = None
        self._episodes = 0
        self._agents = 1
        self._layout: tuple[str, str] = ("", "")
        self._is_repeatable = True

    def run(self) -> Look:
        """Everything, until something makes the rest pointless."""
        for part in (self._look_at_members, self._look_at_group, self._compare_seeds):
            part()
            if self._findings.has_fatal:
                break
        return Look(self._facts, self._findings.all(), self._episodes)

    def _look_at_members(self) -> None:
        """Two instances as they were made, in turn."""
        env = self._make(0, 1)
        probe = self._open(env)
        if probe is None:
            return
        self._agents, self._layout = probe.num_rows, _layout(probe)
        self._facts = describe_facts(self._subject, env, probe.keys, probe.actions, probe.num_rows)
        self._is_repeatable = not _is_nondeterministic(env)
        kind = kind_of_env(self._subject.name, env)
        if kind in ("vector", "batched"):
            close_quietly(env)  # batches are looked at as batches
            return
        if kind == "multi_agent" and not takes_seed(env):
            self._findings.add([Finding("no-seed", "reset takes no seed")])
        other = self._make(1, 1)
        other_probe = self._open(other)
        if other_probe is None:
            return
        self._compare_spaces(probe, other_probe, 1)
        if not self._findings.has_fatal:
            self._walk({0: probe, 1: other_probe}, reopens=True)
            self._compare_spaces(probe, self._open(env), 0)
        close_quietly(env)
        close_quietly(other)

    def _look_at_group(self) -> None:
        """Several environments as a batch."""
        env = self._make(0, _ENVS)
        if env is None:
            return
        is_native = kind_of_env(self._subject.name, env) in ("vector", "batched")
        if is_native:
            probe, other = self._open(env), self._open(self._make(1, _ENVS))
            if probe is None or other is None:
                return
            self._compare_spaces(probe, other, 1)
            for alone, batched in zip(self._layout, _layout(probe), strict=True):
                if alone != batched:
                    problem = f"one environment has {alone}, and each of a batch of {_ENVS} has {batched}"
                    self._findings.add([Finding("spaces-differ", problem)])
            self._facts = describe_facts(self._subject, env, probe.keys, probe.actions, self._agents)
            if not self._findings.has_fatal:
                self._walk({0: probe})
            close_quietly(other.env)  # type: ignore[attr-defined]
        if self._findings.has_violations or (is_native and isinstance(probe, BatchedProbe)):
            close_quietly(env)
            return
        batch = self._subject.make_batch(0, _ENVS, env)
        self._walk({0: BatchedProbe(batch)})
        batch.close()

    def _compare_seeds(self) -> None:
        """The same seed twice, then another one; all with the same actions."""
        if self._findings.has("no-seed", None):
            return
        if not self._is_repeatable:
            self._findings.add([Finding("not-repeatable", "seeds were not compared")])
            return
        try:
            self._compare_records()
        except Exception as error:  # a batch that works alone, but not a second time
            said = f"{type(error).__name__}: {' '.join(str(error).split())}"
            self._findings.add([Finding("raised", f"raised {said} while seeds were compared")], self._progress.step())

    def _compare_records(self) -> None:
        progress, seed = self._progress, self._subject.seed
        deadline = time.monotonic() + 0.15 * self._seconds
        first = self._record(seed, deadline, _COMPARED_STEPS)
        again = self._record(seed, None, len(first) - 1)
        different = _first_difference(first, again)
        if different is not None:
            step, what = different
            problem = f"the same seed and the same actions give another {what}"
            self._findings.add([Finding("seed-ignored", problem)], step)
            return
        if _first_difference(first, self._record(seed + _OTHER_SEED, None, len(first) - 1)) is None:
            self._findings.add([Finding("same-every-seed", f"two seeds give the same {len(first) - 1} steps")])
        progress.begin("closing environments")

    def _record(self, seed: int, deadline: float | None, most: int) -> list[dict[str, bytes]]:
        self._progress.begin("making environments to compare seeds")
        env = self._subject.make_batch(0, 2)
        self._progress.begin("comparing seeds")
        out, result = zero_rows(env.keys, env.num_rows), new_step_arrays(env.num_rows)
        actions = RandomActions(env.actions, env.num_rows, self._subject.seed)
        self._progress.beat(0)
        env.reset(seed, out)
        record = [_bytes(out)]
        while len(record) <= most and (deadline is None or len(record) <= FEWEST_STEPS or time.monotonic() < deadline):
            self._progress.beat(len(record))
            env.step(actions.next(out).copy(), out, result)
            record.append(_bytes(out) | {"reward": result.rewards.tobytes()})
        env.close()
        return record

    def _make(self, number: int, num_envs: int) -> Any:
        """None if it raises what is no answer to a user's mistake."""
        self._progress.begin(f"making environment {number}")
        try:
            env = self._subject.make(number, num_envs)
            check_size(self._subject.name, env, num_envs)
        except ValueError:
            raise
        except Exception as error:
            said = f"{type(error).__name__}: {' '.join(str(error).split())}"
            self._findings.add([Finding("raised", f"raised {said} when it was made")], env=number)
            return None
        return env

    def _open(self, env: Any) -> Probe | None:
        if env is None:
            return None
        try:
            return open_probe(self._subject.name, env)
        except BrokenRuleError as error:
            self._findings.add([error.finding])
        except ValueError as error:  # the only other thing that can be wrong with a batch
            self._findings.add([Finding("no-autoreset", str(error))])
        return None

    def _compare_spaces(self, probe: Probe, other: Probe | None, number: int) -> None:
        if other is None:
            return
        whose = "after some steps, environment 0 has" if number == 0 else f"environment {number} has"
        for key in sorted(probe.keys.keys() | other.keys.keys()):
            one, another = probe.keys.get(key), other.keys.get(key)
            if one != another:
                spaces = [None if spec is None else spec.space for spec in (another, one)]
                problem = f"{whose} {spaces[0]} for observation {key!r}, environment 0 has {spaces[1]}"
                self._findings.add([Finding("spaces-differ", problem, key)], env=number)
        if probe.actions.space != other.actions.space:
            problem = f"{whose} the actions {other.actions.space}, environment 0 has {probe.actions.space}"
            self._findings.add([Finding("spaces-differ", problem)], env=number)
        if probe.num_rows != other.num_rows:
            problem = f"{whose} {other.num_rows} agents, environment 0 has {probe.num_rows}"
            self._findings.add([Finding("spaces-differ", problem)], env=number)

    def _walk(self, probes: dict[int, Probe], reopens: bool = False) -> None:
        def reopen(number: int) -> Probe:
            return open_probe(self._subject.name, self._subject.make(number))

        seconds = 0.3 * self._seconds
        self._episodes += walk(
            probes, reopen if reopens else None, self._findings, self._progress, seconds, self._subject.seed
        )


def _layout(probe: Probe) -> tuple[str, str]:
    """What must be the same for one environment and for a batch; bounds need not."""
    keys = ", ".join(f"{name} {spec.shape} {spec.dtype} {spec.categories or ''}" for name, spec in probe.keys.items())
    actions = ", ".join(f"{part.kind} {part.size}" for part in probe.actions.parts)
    return f"observations {keys}".rstrip(), f"actions {actions}"


def _bytes(out: dict[str, np.ndarray]) -> dict[str, bytes]:
    return {f"observation {name!r}": array.tobytes() for name, array in out.items()}


def _first_difference(one: list[dict[str, bytes]], other: list[dict[str, bytes]]) -> tuple[int, str] | None:
    for step, (left, right) in enumerate(zip(one, other, strict=True)):
        for name, value in left.items():
            if right[name] != value:
                return step, name
    return None


def _is_nondeterministic(env: Any) -> bool:
    """What an environment says itself, as an attribute or in its registration with Gymnasium."""
    spec = env_attribute(env, "spec", None)
    return bool(env_attribute(env, "nondeterministic", False) or getattr(spec, "nondeterministic", False))
