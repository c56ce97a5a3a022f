"""Experiments as elements of Slurm job arrays. Does not know which experiment is next.

An experiment in Slurm's queue is pending in the ledger; its element begins it, when and if Slurm starts it
(`slurm_element.py`). So

- nothing runs twice: whatever is submitted how often, an element begins an experiment only if it is pending, in one
  transaction; all others find nothing to do. An element that Slurm starts again ends its former try first.
- nothing is lost: an experiment whose element is cancelled in the queue, or dies with its machine, is pending, or it is
  running with a job that Slurm knows to have ended, which comes to the same; what is pending and not queued is
  submitted.
- a runner that is killed leaves nothing behind in its memory: what is queued is for Slurm to say (`slurm_arrays.py`).
"""

from __future__ import annotations

import logging
import math
import shlex
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from sample_factory.config.runner import SlurmConfig
from sample_factory.runner.backends import slurm_arrays, slurm_element
from sample_factory.runner.backends.backend import Condition, StartError
from sample_factory.runner.backends.client import ClientError, call
from sample_factory.runner.backends.slurm_arrays import Arrays, Element, unfinished
from sample_factory.runner.backends.slurm_script import job_script, read_template
from sample_factory.runner.ledger import INTERRUPTED, Entry

NAME = slurm_element.NAME

log = logging.getLogger(__name__)

_LOOK_SEC = 5.0
"""Slurm's controller serves a whole cluster, and should not be asked all the time."""
_MOST_ELEMENTS = 1000
"""Of one array: clusters have a limit, 1001 by default."""
_TAKEN_AWAY = ("BOOT_FAIL", "CANCELLED", "DEADLINE", "NODE_FAIL", "PREEMPTED", "REVOKED", "TIMEOUT")
"""Ends of jobs that are no fault of what they ran."""
_FOR_NOW = ("unable to contact", "timed out", "timeout", "temporarily", "connection", "socket", "maxsubmit")
"""In what sbatch says when the same submission may be taken later."""


class Submission(NamedTuple):
    """How an array is submitted."""

    array: str
    command: list[str]
    script: Path
    text: str
    """Of the script."""


class Slurm:
    """The arrays of one run."""

    name = NAME
    poll_sec = 1.0
    sees_ends = True

    def __init__(
        self,
        folder: Path,
        options: SlurmConfig,
        save_sec: float,
        look_sec: float = _LOOK_SEC,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            folder: of the run; it need not exist.
            options: how jobs are submitted.
            save_sec: how long an experiment may take to save and end.
            look_sec: how often Slurm is asked at most.
            clock: seconds.

        Raises:
            ValueError: the template cannot be used.
        """
        template = options.slurm_sbatch_template
        self._template = read_template(Path(template).expanduser()) if template else ""
        self._folder = folder
        self._options = options
        self._save_sec = save_sec
        self._look_sec = look_sec
        self._clock = clock
        workdir = options.slurm_workdir
        self._workdir = Path(workdir).expanduser().absolute() if workdir else folder / slurm_arrays.FOLDER_NAME
        self._arrays = Arrays(folder)
        self._elements: list[Element] | None = None
        self._next_look = clock()
        self._errors: dict[str, str] = {}
        self._traces: dict[str, str] = {}

    def submission(self, names: Sequence[str], at_once: int) -> Submission:
        """How these experiments would be submitted; `at_once` of 0 does not limit how many of them run."""
        name, options = self._arrays.name_for(names), self._options
        script = self._workdir / f"sbatch_{name}.sh"
        limit = f"%{at_once}" if at_once else ""
        command = [
            "sbatch",
            "--parsable",
            f"--job-name={name}",
            f"--array=0-{len(names) - 1}{limit}",
            f"--output={self._workdir}/sbatch_{name}-slurm-%A_%a.out",
            "--open-mode=append",
            "--requeue",
            f"--signal=B:USR1@{self._warning_sec()}",
            f"--cpus-per-task={options.cores}",
        ]
        if options.slurm_gpus_per_job:
            command.append(f"--gres=gpu:{options.slurm_gpus_per_job}")
        if options.slurm_partition:
            command.append(f"--partition={options.slurm_partition}")
        if options.timeout_sec:
            command.append(f"--time={math.ceil(options.timeout_sec / 60)}")
        element = [sys.executable, "-m", "sample_factory.runner.backends.slurm_element", str(self._folder), name]
        values = {
            "CMD": shlex.join(element),
            "FILENAME": str(script),
            "PARTITION": options.slurm_partition or "",
            "GPU": str(options.slurm_gpus_per_job),
            "CPU": str(options.cores),
            "TIMEOUT": options.slurm_timeout,
        }
        return Submission(name, [*command, str(script)], script, job_script(self._template, values))

    def sees(self, entry: Entry) -> bool:
        """Every job of this cluster, wherever it runs."""
        return entry.backend == NAME

    def queued(self) -> set[str] | None:
        """Experiments with an element that waits or runs."""
        elements = self._look()
        return None if elements is None else set(unfinished(elements))

    def submit(self, waiting: Sequence[Entry]) -> list[str]:
        """Submit one array.

        Raises:
            StartError: Slurm refuses it.
        """
        elements = self._look()
        if elements is None:
            return []
        limit, num_queued = self._options.slurm_max_parallel, sum(not element.has_ended for element in elements)
        if limit and num_queued >= limit:
            return []  # each array has a limit of its own; together they must not have more
        names = [entry.name for entry in waiting[:_MOST_ELEMENTS]]
        submission = self.submission(names, limit and limit - num_queued)
        try:
            self._arrays.write(submission.array, names)
            self._workdir.mkdir(parents=True, exist_ok=True)
            submission.script.write_text(submission.text, encoding="utf-8")
        except OSError as error:
            raise StartError(f"cannot write a job script: {error.strerror or error}") from error
        self._next_look = self._clock()  # whatever comes of it
        try:
            number = call(submission.command).split(";")[0].strip()
        except ClientError as error:
            if any(words in str(error).lower() for words in _FOR_NOW):
                self._complain("sbatch", error)
                return []
            raise StartError(str(error)) from error
        self._errors.pop("sbatch", None)
        log.info("Submitted %d experiments as job %s (%s)", len(names), number, submission.script)
        for index, name in enumerate(names):
            self._traces[name] = f"{self._workdir}/sbatch_{submission.array}-slurm-{number}_{index}.out"
        return names

    def ended(self, running: Sequence[Entry]) -> Mapping[str, int | None]:
        """Those whose element has ended, or that Slurm has forgotten."""
        elements = self._look()
        if elements is None:
            return {}
        states = {element.job: element for element in elements}
        found: dict[str, int | None] = {}
        for entry in running:
            element = states.get(entry.job or "")
            if element is None or element.has_ended:
                was_taken_away = element is not None and element.state in _TAKEN_AWAY
                found[entry.name] = INTERRUPTED if was_taken_away else None
        return found

    def stop(self, entry: Entry, kill: bool) -> None:
        """Signal all processes of the job."""
        stop(self._folder, entry, kill)
        self._next_look = self._clock()

    def withdraw(self, names: Collection[str]) -> None:
        """Cancel all elements of these experiments."""
        withdraw(self._folder, names)
        self._next_look = self._clock()

    def trace(self, name: str) -> str:
        """The file with what its job has printed."""
        return self._traces.get(name, f"{self._workdir}/sbatch_*.out")

    def _warning_sec(self) -> int:
        """How long before the end of a job's time it is told."""
        limit = self._options.timeout_sec
        return max(1, math.ceil(min(self._save_sec, limit / 2) if limit else self._save_sec))

    def _look(self) -> list[Element] | None:
        """What Slurm says; None if it says nothing."""
        if self._clock() >= self._next_look:
            try:
                self._elements = self._arrays.elements()
                self._errors.pop("squeue", None)
            except ClientError as error:
                self._elements = None
                self._complain("squeue", error)
            self._next_look = self._clock() + self._look_sec
        return self._elements

    def _complain(self, program: str, error: ClientError) -> None:
        if self._errors.get(program) != str(error):
            log.warning("%s; trying again", error)
        self._errors[program] = str(error)


# What attempts.py asks, of whoever looks.


def is_reachable(entry: Entry) -> bool:
    """Whether Slurm's programs are here."""
    return slurm_arrays.is_installed()


def conditions(folder: Path, entries: Sequence[Entry]) -> dict[str, Condition]:
    """What Slurm says of the jobs of a run."""
    if not (folder / slurm_arrays.FOLDER_NAME).is_dir() or not slurm_arrays.is_installed():
        return {}
    try:
        elements = unfinished(Arrays(folder).elements())
    except ClientError:
        return {}
    found: dict[str, Condition] = {}
    for entry in entries:
        mine = elements.get(entry.name, [])
        if entry.state == "pending":
            if mine:
                found[entry.name] = "queued"
            continue
        its_own = [element for element in mine if element.job == entry.job]
        # Killed in the middle, it waits for its turn again.
        waits = any(element.is_waiting for element in its_own)
        found[entry.name] = "queued" if waits else "alive" if its_own else "gone"
    return found


def stop(folder: Path, entry: Entry, kill: bool) -> None:
    """Signal all processes of a running attempt's job."""
    _end(folder, lambda element: element.job == entry.job, kill)


def withdraw(folder: Path, names: Collection[str]) -> None:
    """Cancel all elements of these experiments, of which none has begun."""
    if (folder / slurm_arrays.FOLDER_NAME).is_dir() and slurm_arrays.is_installed():
        # Also those that run: their script may take a while before it begins anything.
        _end(folder, lambda element: element.experiment in names, kill=True)


def _end(folder: Path, is_meant: Callable[[Element], bool], kill: bool) -> None:
    try:
        slurm_arrays.end([element for element in Arrays(folder).elements() if is_meant(element)], kill)
    except ClientError as error:
        log.warning("%s", error)
