"""An element of a Slurm job array: begins its experiment and is its attempt. Does not know who submitted it.

Entry point of the job script: `python -m sample_factory.runner.backends.slurm_element FOLDER ARRAY`. Slurm says which
element it is, and may run it several times: after it was preempted, or its machine has failed. Each time is a try of
its own.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from sample_factory.runner.attempt import run_try
from sample_factory.runner.backends.client import ClientError, call
from sample_factory.runner.backends.slurm_arrays import Arrays
from sample_factory.runner.identity import this_host
from sample_factory.runner.ledger import Entry, Ledger, Place
from sample_factory.runner.mistakes import exit_status

NAME = "slurm"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the experiment if it is still to be run; the exit status says only whether there was a mistake."""
    return exit_status(_main, argv)


def _main(argv: Sequence[str]) -> int:
    folder, array = Path(argv[0]), argv[1]
    try:
        number, index = os.environ["SLURM_ARRAY_JOB_ID"], int(os.environ["SLURM_ARRAY_TASK_ID"])
    except (KeyError, ValueError):
        raise ValueError(f"this is not an element of a job array; submit {array} with `sbatch --array`") from None
    job = f"{number}_{index}"
    ledger = Ledger(folder)
    name = Arrays(folder).members(array)[index]
    entry = _begin(ledger, name, job)
    if entry is None:
        print(f"{name}: there is nothing to do")
        return 0
    # SIGTERM comes from Slurm, and to all processes of the job. That the job's time is nearly over it says only to one.
    received = run_try(folder, name, entry.tries, passes_on=[signal.SIGUSR1])
    if signal.SIGUSR1 in received and _find(ledger, name).state == "pending":
        _requeue(name, job)
    return 0


def _begin(ledger: Ledger, name: str, job: str) -> Entry | None:
    entry = _find(ledger, name)
    if entry.state == "running" and (entry.backend, entry.job) == (NAME, job):
        # Slurm starts an element again only when all of its processes are gone; they had no time to write their end.
        ledger.finish(name, entry.tries, None, was_interrupted=True)
    return ledger.begin(name, NAME, this_host(), Place(), job)


def _find(ledger: Ledger, name: str) -> Entry:
    for entry in ledger.entries():
        if entry.name == name:
            return entry
    raise ValueError(f"{name} is not in the ledger of {ledger.folder}")


def _requeue(name: str, job: str) -> None:
    try:
        call(("scontrol", "requeue", job))
    except ClientError as error:
        print(f"{name}: {error}; the runner will submit it again")


if __name__ == "__main__":
    sys.exit(main())
