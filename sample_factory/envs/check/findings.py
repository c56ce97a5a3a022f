"""Collects what is wrong with an environment, each thing once. Knows no rule."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sample_factory.envs.rules import Finding


class Findings:
    """The first finding of every rule and key."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, str | None], Finding] = {}

    def add(self, findings: Iterable[Finding], step: int | None = None, env: int | None = None) -> None:
        """Add what was found in one step (0: reset) of one instance."""
        for finding in findings:
            self._first.setdefault((finding.rule, finding.key), replace(finding, step=step, env=env))

    def discard(self, rule: str, key: str | None) -> None:
        """Forget one that follows from another."""
        self._first.pop((rule, key), None)

    def has(self, rule: str, key: str | None) -> bool:
        """Whether this one was found already."""
        return (rule, key) in self._first

    def all(self) -> tuple[Finding, ...]:
        """Everything, in the order in which it was found."""
        return tuple(self._first.values())

    @property
    def has_fatal(self) -> bool:
        """Whether a training would not start."""
        return any(finding.severity == "fatal" for finding in self._first.values())

    @property
    def has_violations(self) -> bool:
        """Whether there is anything but notes."""
        return any(finding.severity != "note" for finding in self._first.values())
