"""Experiments as lines of a text file, for somebody else to run. Runs nothing itself."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from sample_factory.config.experiment import replace_text
from sample_factory.runner.ledger import Task

FILE_NAME = "commands.txt"


def shell_command(task: Task) -> str:
    """The command as a line for a shell, with its environment variables in front."""
    variables = [f"{name}={value}" for name, value in task.env_vars.items()]
    return shlex.join(["env", *variables, *task.command] if variables else task.command)


def write_commands(folder: Path, tasks: Sequence[Task]) -> Path:
    """Write one command per line to the run's folder; returns the file.

    Raises:
        ValueError: a command has more than one line.
    """
    lines = [shell_command(task) for task in tasks]
    for task, line in zip(tasks, lines, strict=True):
        if "\n" in line:
            raise ValueError(f"the command of {task.name} has several lines, and cannot be one line of a file")
    path = folder / FILE_NAME
    replace_text(path, "".join(f"{line}\n" for line in lines))
    return path
