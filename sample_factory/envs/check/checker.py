"""One check from options to report; the environment itself runs in processes that are thrown away. Knows no rule."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from sample_factory.config.env_check import CheckConfig
from sample_factory.config.keywords import command_line
from sample_factory.config.values import namespace
from sample_factory.envs import registry
from sample_factory.envs.check.look import Look, look, look_from_outside
from sample_factory.envs.check.measure import Measurements, measure
from sample_factory.envs.check.progress import Progress
from sample_factory.envs.check.recommend import Recommendation, recommend
from sample_factory.envs.check.report import Report
from sample_factory.envs.check.subject import Facts, Subject
from sample_factory.envs.options import parse_env_options
from sample_factory.envs.rules import Finding
from sample_factory.system.cores import available_cores
from sample_factory.system.process import dump_stack, end_start_server, prepare_start_method
from sample_factory.system.registrations import only, snapshot
from sample_factory.system.trial import TrialCancelledError, TrialCrashedError, call_in_trial_process
from sample_factory.system.usage import available_bytes

Result = TypeVar("Result")

_PRELOAD = ("numpy", "gymnasium", "sample_factory.envs.check.look", "sample_factory.envs.check.measure")
_LOOKING_SHARE, _MEASURING_SHARE = 0.5, 0.5
_STACK_SEC = 0.5
_WHOLE_SEC = 86_400.0
"""No limit by itself: a process that does nothing for too long is ended by another rule."""


class CheckInterruptedError(Exception):
    """The check was to end early."""


def check_env(env: str, *arguments: str, **options: Any) -> Report:
    """Check an environment as `python -m sample_factory.envs.check` does: `check_env("my_env").violations`.

    Processes import the script that calls this, so the call stands under `if __name__ == "__main__":`.

    Args:
        env: full name of the environment.
        arguments: flags of a command line; they win over `options`.
        options: values by the name of the flag: those of the check, of all environments, and of the family.

    Raises:
        ValueError: one line: an option is wrong, or there is no such environment.
    """
    return run_check(parse_check_options([f"--env={env}", *command_line(options), *arguments]))


def parse_check_options(argv: Sequence[str]) -> CheckConfig:
    """Defaults < environment family < command line; imports the modules that `--import_module` names.

    Raises:
        ValueError: one line that says what is wrong.
    """
    return parse_env_options(argv, CheckConfig)


def run_check(config: CheckConfig, cancelled: Callable[[], bool] = lambda: False) -> Report:
    """Check as the options say.

    Raises:
        ValueError: one line: the environment cannot be made.
        CheckInterruptedError: `cancelled` became true.
    """
    run = config.run
    subject = Subject(run.env, namespace(config), only(snapshot(), "environment"), run.import_module, run.seed)
    progress = Progress()
    try:
        report = _Check(subject, progress, run.seconds, run.timeout_seconds, cancelled).run()
    finally:
        progress.close()
        end_start_server()
        cleanup = registry.resolve(run.env).cleanup
        if cleanup is not None:
            cleanup()
    if run.json is not None:
        Path(run.json).write_text(json.dumps(report.as_json(), indent=2) + "\n", encoding="utf-8")
    return report


class _Check:
    def __init__(
        self,
        subject: Subject,
        progress: Progress,
        seconds: float,
        timeout_sec: float,
        cancelled: Callable[[], bool],
    ) -> None:
        self._subject, self._seconds, self._timeout_sec = subject, seconds, timeout_sec
        self._cancelled = cancelled
        self._context = prepare_start_method(_PRELOAD)
        self._progress = progress

    def run(self) -> Report:
        """Look first; measure what can be stepped."""
        seen = self._try(look, self._subject, self._progress, self._seconds * _LOOKING_SHARE)
        if isinstance(seen, Finding):
            facts = None
            if self._progress.step() is not None:  # it could be made
                outside = self._try(look_from_outside, self._subject, self._progress)
                facts = None if isinstance(outside, Finding) else outside
            return self._report(facts, (seen,))
        if seen.facts is None or seen.has_fatal:
            return self._report(seen.facts, seen.findings)
        seconds = self._seconds * _MEASURING_SHARE
        measured = self._try(measure, self._subject, self._progress, seconds, seen.facts.is_native)
        if isinstance(measured, Finding):
            return self._report(seen.facts, (*seen.findings, measured))
        return self._report(seen.facts, _all_findings(seen, measured), measured)

    def _report(
        self, facts: Facts | None, findings: tuple[Finding, ...], measured: Measurements | None = None
    ) -> Report:
        cores, available = len(available_cores()), available_bytes()
        recommendation = None
        if facts is not None and measured is not None and measured.speeds:
            recommendation = _recommend(facts, measured, cores, available)
        return Report(self._subject.name, facts, findings, measured, recommendation, cores, available)

    def _try(self, function: Callable[..., Result], *args: Any) -> Result | Finding:
        """What `function` returns, or how its process ended."""
        progress = self._progress
        progress.restart()

        def is_over() -> bool:
            if self._cancelled():
                return True
            if progress.silent_sec() <= self._timeout_sec:
                return False
            if progress.pid():
                dump_stack(progress.pid())
                time.sleep(_STACK_SEC)
            return True

        what = f"environment {self._subject.name}"
        try:
            return call_in_trial_process(self._context, what, _WHOLE_SEC, is_over, function, *args)
        except TrialCrashedError as error:
            return Finding("crashed", f"{error} while {progress.last() or 'it was imported'}")
        except TrialCancelledError:
            if self._cancelled():
                raise CheckInterruptedError from None
            where = progress.last() or "importing it"
            return Finding("hangs", f"nothing has happened for {self._timeout_sec:g} seconds while {where}")


def _all_findings(seen: Look, measured: Measurements) -> tuple[Finding, ...]:
    findings = (*seen.findings, *measured.findings)
    if seen.episodes or measured.episodes.count or any(finding.severity != "note" for finding in findings):
        return findings
    return (*findings, Finding("no-episode-end", "no episode ended in all that time"))


def _recommend(facts: Facts, measured: Measurements, cores: int, available: int) -> Recommendation:
    return recommend(
        cores=cores,
        agents=facts.agents,
        is_native=facts.is_native,
        steps_per_sec={speed.envs: speed.steps_per_sec for speed in measured.speeds},
        bytes_per_env=measured.bytes_per_env or 0.0,
        available_bytes=available,
    )
