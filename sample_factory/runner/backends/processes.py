"""Experiments as processes of this machine, which outlive the runner. Does not know which experiment is next."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from sample_factory.config.runner import ProcessesConfig
from sample_factory.runner.backends.backend import Condition, StartError
from sample_factory.runner.identity import process_identity, this_host
from sample_factory.runner.ledger import Entry, Place, log_path
from sample_factory.runner.resources import choose_place, core_shares, visible_gpus
from sample_factory.system.cores import available_cores

NAME = "processes"


class Processes:
    """Attempts of one run, each in a session of its own."""

    name = NAME
    poll_sec = 0.2
    sees_ends = True

    def __init__(self, folder: Path, options: ProcessesConfig, num_experiments: int) -> None:
        """
        Raises:
            ValueError: there are fewer GPUs than the options say.
        """
        self._folder = folder
        self._options = options
        at_once = max(1, min(options.max_parallel, num_experiments))
        # Alone, an experiment has the whole machine, and nobody needs to pin it.
        split = options.split_cores and at_once > 1 and hasattr(os, "sched_setaffinity")
        self._shares = core_shares(available_cores(), at_once) if split else []
        distributes = options.experiments_per_gpu > 0
        self._gpus = visible_gpus(options.num_gpus, os.environ.get("CUDA_VISIBLE_DEVICES")) if distributes else []
        self._children: dict[tuple[str, int], subprocess.Popen[bytes]] = {}

    def sees(self, entry: Entry) -> bool:
        """Whether it was started here."""
        return is_here(entry)

    def place(self, running: Sequence[Entry]) -> Place | None:
        """The least loaded GPU and the least used share of the cores."""
        used = [entry.place for entry in running if is_here(entry)]
        options = self._options
        return choose_place(used, options.max_parallel, self._gpus, options.experiments_per_gpu, self._shares)

    def start(self, entry: Entry) -> None:
        """Start the process that claims the experiment.

        Raises:
            StartError: the system does not start any.
        """
        gpu = {} if entry.place.gpu is None else {"CUDA_VISIBLE_DEVICES": entry.place.gpu}
        path = log_path(self._folder, entry.name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as log:
                self._children[entry.name, entry.tries] = subprocess.Popen(
                    attempt_command(self._folder, entry),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=os.environ | gpu,
                    # Neither Ctrl-C in the runner's terminal nor the end of that terminal is for them.
                    start_new_session=True,
                )
        except OSError as error:
            raise StartError(f"cannot start a process: {error.strerror or error}") from error

    def ended(self, running: Sequence[Entry]) -> Mapping[str, int | None]:
        """Those whose process is gone. How it went, only the process itself could have written down."""
        for key in [key for key, child in self._children.items() if child.poll() is not None]:
            del self._children[key]
        return {entry.name: None for entry in running if not self._lives(entry)}

    def stop(self, entry: Entry, kill: bool) -> None:
        """Signal all processes of the attempt, as a terminal does."""
        child = self._children.get((entry.name, entry.tries))
        if entry.pid is None and child is not None and kill:
            child.kill()  # it has not got as far as running anything
        stop(self._folder, entry, kill)

    def _lives(self, entry: Entry) -> bool:
        # One that has not claimed its experiment yet is known only to the runner that has started it.
        return (entry.name, entry.tries) in self._children if entry.pid is None else is_alive(entry)


def attempt_command(folder: Path, entry: Entry) -> list[str]:
    """Command line of the process that runs this try."""
    return [sys.executable, "-m", "sample_factory.runner.attempt", str(folder), entry.name, str(entry.tries)]


def is_here(entry: Entry) -> bool:
    """Whether the attempt was started on this machine."""
    return entry.backend == NAME and entry.host == this_host()


def is_alive(entry: Entry) -> bool:
    """Whether the process of an attempt that was started here still exists."""
    return entry.pid is not None and process_identity(entry.pid) == entry.process


# What attempts.py asks, of whoever runs.

is_reachable = is_here


def conditions(folder: Path, entries: Sequence[Entry]) -> dict[str, Condition]:
    """Of the running ones that were started here; nothing is queued."""
    running = [entry for entry in entries if entry.state == "running" and is_here(entry)]
    # One that has not claimed its experiment yet is known only to the runner that has started it.
    return {entry.name: "alive" if entry.pid is None or is_alive(entry) else "gone" for entry in running}


def stop(folder: Path, entry: Entry, kill: bool) -> None:
    """Signal all processes of an attempt that was started here, as a terminal does."""
    if entry.pid is not None and is_alive(entry):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(entry.pid, signal.SIGKILL if kill else signal.SIGINT)
