"""The result of a check: as a value, as lines of 80 columns and as JSON. Knows nothing of how it was found."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from sample_factory.envs.check.measure import Measurements
from sample_factory.envs.check.recommend import Recommendation
from sample_factory.envs.check.subject import Facts
from sample_factory.envs.rules import Finding

WIDTH = 80
_LABEL = 14
_MEGABYTE = 2**20


@dataclass(frozen=True)
class Report:
    """What is known about an environment."""

    env: str
    facts: Facts | None
    """None if it could not even be made."""
    findings: tuple[Finding, ...]
    measurements: Measurements | None
    """None if there was no point, because no training would start."""
    recommendation: Recommendation | None
    cores: int
    available_bytes: int

    @property
    def violations(self) -> tuple[Finding, ...]:
        """Broken rules that are more than notes."""
        return tuple(finding for finding in self.findings if finding.severity != "note")

    @property
    def notes(self) -> tuple[Finding, ...]:
        """What is good to know."""
        return tuple(finding for finding in self.findings if finding.severity == "note")

    @property
    def is_sound(self) -> bool:
        """Whether there are no violations."""
        return not self.violations

    def lines(self) -> list[str]:
        """For people."""
        return list(_lines(self))

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        data = asdict(self)
        data["findings"] = [asdict(finding) | {"severity": finding.severity} for finding in self.findings]
        return data | {"is_sound": self.is_sound}


def _lines(report: Report) -> Iterator[str]:
    yield from _entry("environment", report.env + (f", family {report.facts.family}" if report.facts else ""))
    if report.facts is not None:
        yield from _facts(report.facts)
    if report.measurements is not None:
        yield from _measurements(report.measurements)
    elif report.facts is not None:
        yield from _entry("speed", "not measured: no training would start, see below")
    if report.recommendation is not None:
        memory = f"{report.available_bytes / 2**30:.1f} GB free"
        yield from _entry("recommended", report.recommendation.flags)
        yield from _entry("", f"{report.recommendation.reason} ({report.cores} cores, {memory})")
    yield ""
    for title, findings in (("violation", report.violations), ("note", report.notes)):
        if findings or title == "violation":
            plural = "" if len(findings) == 1 else "s"
            yield f"{len(findings) or 'no'} {title}{plural}{':' if findings else ''}"
        for finding in findings:
            yield from _finding(finding)


def _facts(facts: Facts) -> Iterator[str]:
    yield from _entry("backend", facts.backend)
    for number, observation in enumerate(facts.observations):
        yield from _entry("" if number else "observations", observation)
    yield from _entry("actions", facts.actions)
    yield from _entry("agents", f"{facts.agents} per environment")


def _measurements(measured: Measurements) -> Iterator[str]:
    fewest, most = measured.frames_per_step
    yield from _entry("frames", f"{fewest if fewest == most else f'{fewest} to {most}'} per step")
    fastest = max(measured.speeds, key=lambda speed: speed.steps_per_sec, default=None)
    for number, speed in enumerate(measured.speeds):
        steps, frames = _round(speed.steps_per_sec), _round(speed.frames_per_sec)
        text = f"{speed.envs:>3} envs {steps:>11} steps/s {frames:>11} frames/s"
        yield from _entry("" if number else "speed", text + ("  fastest" if speed is fastest else ""))
    if measured.speeds:
        yield from _entry("", "random actions, one process on one core")
        if measured.machine_was_busy:
            yield from _entry("", "estimates only: other processes kept this machine busy")
    if measured.reset_steps is not None:
        yield from _entry("reset", f"takes as long as {measured.reset_steps:.1f} steps")
    yield from _entry("making", f"{_duration(measured.seconds_to_make)} per environment, first reset included")
    if measured.bytes_per_env is not None:
        yield from _entry("memory", f"{_memory(measured.bytes_per_env)} per environment")
    episodes = measured.episodes
    if episodes.count:
        returns = f"{episodes.mean_return:.4g} ({episodes.min_return:.4g} to {episodes.max_return:.4g})"
        length = f"{episodes.mean_steps:,.1f} steps"
        if episodes.mean_frames != episodes.mean_steps:
            length += f" ({episodes.mean_frames:,.1f} frames)"
        yield from _entry("episodes", f"{episodes.count:,} at random: return {returns}, {length}")
    else:
        yield from _entry("episodes", "none ended")
    yield from _entry("invalid rows", f"{measured.invalid_share:.1%} (reset steps, inactive agents)")


def _finding(finding: Finding) -> Iterator[str]:
    place = [f"environment {finding.env}"] if finding.env is not None else []
    if finding.step is not None:
        place.append("at reset" if finding.step == 0 else f"at step {finding.step}")
    text = f"{' '.join(place)}: {finding.problem}" if place else finding.problem
    yield from _wrapped(f"  {finding.rule}: {text}", "    ")
    yield from _wrapped(f"    -> {finding.advice}", "       ")


def _entry(label: str, text: str) -> Iterator[str]:
    yield from _wrapped(f"{label:<{_LABEL}}{text}", " " * _LABEL)


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, drop_whitespace=True) if len(text) > WIDTH else [text]


def _round(number: float) -> str:
    """Three digits: no more are worth anything."""
    return f"{float(f'{number:.3g}'):,.0f}"


def _duration(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"


def _memory(size_bytes: float) -> str:
    return "less than 0.1 MB" if size_bytes < 0.1 * _MEGABYTE else f"{size_bytes / _MEGABYTE:,.1f} MB"
