"""Experiments as jobs that the ngc client submits. Does not know how they end: that is for the client to show."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

from sample_factory.runner.backends.backend import StartError
from sample_factory.runner.backends.client import ClientError, call
from sample_factory.runner.backends.commands import shell_command
from sample_factory.runner.ledger import Entry, Place, Task

NAME = "ngc"

_NAME = re.compile(r"\{\{\s*name\s*\}\}")
_COMMAND = re.compile(r"\{\{\s*experiment_cmd\s*\}\}")
_JOB_ID = re.compile(r'"?\bid"?\s*:\s*"?(\d+)', re.IGNORECASE)


class JobTemplate:
    """The command that submits a job, with places for a name and an experiment's command."""

    def __init__(self, path: Path) -> None:
        """Variables of the environment are filled in; lines that begin with # are left out.

        Raises:
            ValueError: it cannot be read, or is no such command.
        """
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError) as error:
            raise ValueError(f"--ngc_job_template={path} cannot be read: {error}") from None
        text = " ".join(line.strip().removesuffix("\\") for line in lines if not line.lstrip().startswith("#"))
        try:
            # Into words before anything is filled in: what is filled in is never split, and no shell reads it.
            self._words = shlex.split(os.path.expandvars(text))
        except ValueError as error:
            raise ValueError(f"--ngc_job_template={path} is not a command: {error}") from None
        if not _COMMAND.search(text):
            raise ValueError(f"--ngc_job_template={path} has no {{{{ experiment_cmd }}}}: what would the job run?")

    @property
    def program(self) -> str:
        """What is called to submit a job."""
        return self._words[0]

    def fill_in(self, task: Task) -> list[str]:
        """The command that submits this experiment, as words."""
        name, command = PurePath(task.name).name, shell_command(task)
        return [_COMMAND.sub(lambda _: command, _NAME.sub(lambda _: name, word)) for word in self._words]

    def is_installed(self) -> bool:
        """Whether there is a client."""
        return shutil.which(self.program) is not None


class Ngc:
    """Submits; whoever wants to know more asks the client with the job's number, which the ledger has."""

    name = NAME
    poll_sec = 1.0
    sees_ends = False

    def __init__(self, template: JobTemplate) -> None:
        self._template = template

    def sees(self, entry: Entry) -> bool:
        """Nothing is seen of a job."""
        return False

    def place(self, running: Sequence[Entry]) -> Place | None:
        """Always: jobs that find no machine wait in a queue."""
        return Place()

    def start(self, entry: Entry) -> str | None:
        """Submit the job; returns its number if the client tells.

        Raises:
            StartError: the client refuses.
        """
        try:
            printed = call(self._template.fill_in(entry.task))
        except ClientError as error:
            raise StartError(f"cannot submit: {error}") from error
        found = _JOB_ID.search(printed)
        return found[1] if found else None

    def ended(self, running: Sequence[Entry]) -> Mapping[str, int | None]:
        """Nobody knows."""
        return {}

    def stop(self, entry: Entry, kill: bool) -> None:
        """Never called, as no job is seen."""
