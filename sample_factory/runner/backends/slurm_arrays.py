"""Which experiments the elements of Slurm's job arrays are, and what Slurm says of them. Knows no ledger.

Before an array is submitted, a file says which experiments it consists of, and the array has the file's name. So
Slurm's own list is all that is needed to know what is queued, whoever submitted it, and even if `sbatch` or who called
it was killed before it could say the array's number.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from sample_factory.config.experiment import replace_text
from sample_factory.runner.backends.client import call

FOLDER_NAME = "slurm"
"""In the run's folder."""
PROGRAMS = ("sbatch", "squeue", "scancel")

_STRANGE = re.compile(r"[^\w.-]+")
_WAITING = ("CONFIGURING", "PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD")
_RUNNING = ("RUNNING", "SUSPENDED")
_ENDED = (
    "BOOT_FAIL",
    "CANCELLED",
    "COMPLETED",
    "DEADLINE",
    "FAILED",
    "NODE_FAIL",
    "OUT_OF_MEMORY",
    "PREEMPTED",
    "REVOKED",
    "TIMEOUT",
)


class Element(NamedTuple):
    """One experiment's place in an array, as Slurm knows it."""

    job: str
    """As in `1234_5`: what Slurm's programs take."""
    experiment: str
    state: str
    """One of Slurm's words."""

    @property
    def is_waiting(self) -> bool:
        """Whether it does not run now, and will."""
        return self.state in _WAITING

    @property
    def has_ended(self) -> bool:
        """Whether it does not run, and never will."""
        return self.state in _ENDED


class Arrays:
    """All arrays that were ever submitted for a run."""

    def __init__(self, folder: Path) -> None:
        """`folder` is the run's; it need not exist."""
        self._folder = folder / FOLDER_NAME
        self._prefix = f"{_STRANGE.sub('_', folder.name)}-{hashlib.sha256(bytes(folder.absolute())).hexdigest()[:8]}-"
        self._members: dict[str, list[str]] = {}

    def name_for(self, experiments: Sequence[str]) -> str:
        """What an array of these experiments is to be called.

        As the latest one if that had the same ones: whatever has become of it, its name means them.
        """
        numbers = [int(path.stem.removeprefix(self._prefix)) for path in self._folder.glob(f"{self._prefix}*.json")]
        latest = max(numbers, default=0)
        is_same = latest > 0 and self.members(f"{self._prefix}{latest}") == list(experiments)
        return f"{self._prefix}{latest if is_same else latest + 1}"

    def write(self, name: str, experiments: Sequence[str]) -> None:
        """Say which experiments an array consists of."""
        self._folder.mkdir(parents=True, exist_ok=True)
        replace_text(self._folder / f"{name}.json", json.dumps(list(experiments)))

    def members(self, name: str) -> list[str]:
        """The experiments of an array, in the order of its elements.

        Raises:
            ValueError: there is no such array.
        """
        if name not in self._members:
            path = self._folder / f"{name}.json"
            try:
                self._members[name] = [str(experiment) for experiment in json.loads(path.read_text(encoding="utf-8"))]
            except (OSError, ValueError) as error:
                raise ValueError(f"{path} does not say which experiments are in the array: {error}") from None
        return self._members[name]

    def elements(self) -> list[Element]:
        """All of the user's elements that Slurm still knows: those that wait or run, and those that ended lately.

        Raises:
            ClientError: it does not answer.
        """
        # The name is the last word of a line, because names of other jobs may have any character.
        lines = call(("squeue", "-h", "-r", "-t", "all", "-u", str(os.getuid()), "-o", "%F|%K|%T|%j")).splitlines()
        # By the files, not by the prefix: the folder may be reached by another path today.
        names = {path.stem for path in self._folder.glob("*.json")}
        found = []
        for array, index, state, name in (line.split("|", 3) for line in lines if line.count("|") >= 3):
            if name in names and index.isdigit():
                found.append(Element(f"{array}_{index}", self.members(name)[int(index)], state))
        return found


def is_installed() -> bool:
    """Whether Slurm's programs are here."""
    return all(shutil.which(program) for program in PROGRAMS)


def unfinished(elements: Iterable[Element]) -> dict[str, list[Element]]:
    """Experiment -> its elements that wait or run."""
    found: dict[str, list[Element]] = {}
    for element in elements:
        if not element.has_ended:
            found.setdefault(element.experiment, []).append(element)
    return found


def end(elements: Sequence[Element], kill: bool) -> None:
    """Take elements that wait out of the queue; ask those that run to save and end.

    With `kill`, Slurm ends them: it asks as well, and kills what is left after the cluster's KillWait, by default 30 s.

    Raises:
        ClientError: Slurm does not do it.
    """
    asked = [] if kill else [element.job for element in elements if element.state in _RUNNING]
    ended = [element.job for element in elements if not element.has_ended and element.job not in asked]
    if ended:
        call(("scancel", "--quiet", *ended))
    if asked:
        # Only ever elements that run: a signal to one that waits may be one to the whole array.
        # `full`: to all processes of the job, as Slurm itself does it before it takes a machine away.
        call(("scancel", "--quiet", "--signal=TERM", "--full", *asked))
