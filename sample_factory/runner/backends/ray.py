"""Experiments as detached actors of a Ray cluster, which outlive the runner. Does not know which experiment is next.

Not tasks: Ray ends those with the program that has asked for them, and a runner may be killed. An actor runs one
attempt in its constructor and is gone with it, so that one request both registers it and gives it its work, whatever
happens to the runner between two instructions. Ray starts none of them again: the ledger decides, and an actor that
comes late finds its try taken back. What is to end is written in the ledger, where the attempt reads it (`attempt.py`),
so `cancel` and `retry` need no connection to the cluster.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sample_factory.config.runner import RayConfig
from sample_factory.runner.backends.backend import Condition, StartError
from sample_factory.runner.backends.ray_actor import make_actor_class
from sample_factory.runner.identity import process_identity, this_host
from sample_factory.runner.ledger import FILE_NAME, INTERRUPTED, Entry, Place, log_path

NAME = "ray"
_CANNOT_RUN = 127
_CONNECT_TIMEOUT_SEC = 10.0

log = logging.getLogger(__name__)


class Ray:
    """Attempts of one run on one cluster, each an actor with the name of its try in a namespace of the run."""

    name = NAME
    poll_sec = 0.5
    sees_ends = True

    def __init__(self, folder: Path, options: RayConfig) -> None:
        """
        Raises:
            ValueError: Ray is not installed, or there is no such cluster.
        """
        self._folder = folder
        self._options = options
        self._ray = _connected(options.ray_address, namespace=str(folder))
        self._cluster = str(self._ray.get_runtime_context().gcs_address)
        self._actor_class = self._ray.remote(make_actor_class())
        self._ends: dict[tuple[str, int], Any] = {}
        """(experiment, try) -> what Ray answers as soon as its actor is gone."""
        self._has_warned = False

    def sees(self, entry: Entry) -> bool:
        """Whether it is on this cluster, or was on its way to one when its runner was killed."""
        return entry.backend == NAME and entry.job in (None, self._cluster)

    def place(self, running: Sequence[Entry]) -> Place | None:
        """Ray divides the machines."""
        return Place() if sum(map(self.sees, running)) < self._options.ray_max_parallel else None

    def start(self, entry: Entry) -> str:
        """Put an attempt into Ray's queue; returns the address of the cluster.

        Raises:
            StartError: an attempt of that name is there, of a ledger that has been deleted.
            ValueError: the cluster is gone.
        """
        self._warn_if_nothing_fits()
        actor_class = self._actor_class.options(
            name=_actor_name(entry),
            lifetime="detached",
            max_restarts=0,
            num_cpus=self._options.ray_cpus_per_experiment,
            num_gpus=self._options.ray_gpus_per_experiment,
        )
        arguments = [str(self._folder), entry.name, str(entry.tries)]
        needed = str(self._folder / FILE_NAME)
        printed = str(log_path(self._folder, entry.name))
        with self._errors_of_the_cluster():
            try:
                actor = actor_class.remote(arguments, needed, printed, os.getcwd(), os.environ.get("PYTHONPATH"))
            except ValueError as error:
                raise StartError(f"Ray does not take it: {_last_line(error)}") from error
            self._ends[entry.name, entry.tries] = actor.end.remote()
        return self._cluster

    def ended(self, running: Sequence[Entry]) -> Mapping[str, int | None]:
        """Those whose actor is gone: interrupted if Ray has taken it away, because a node died, say."""
        with self._errors_of_the_cluster():
            by_key = {(entry.name, entry.tries): entry for entry in running}
            self._ends = {key: self._ends.get(key) or self._end_of(entry) for key, entry in by_key.items()}
            gone = [key for key, end in self._ends.items() if end is None]
            asked = [end for end in self._ends.values() if end is not None]
            ready = set(self._ray.wait(asked, num_returns=len(asked), timeout=0)[0]) if asked else set()
            ended: dict[str, int | None] = {name: INTERRUPTED for name, _ in gone}
            for key in [key for key, end in self._ends.items() if end in ready]:
                exit_status = self._exit_status(by_key[key], self._ends.pop(key))
                if exit_status is not None:
                    ended[key[0]] = exit_status
        return ended

    def stop(self, entry: Entry, kill: bool) -> None:
        """Kill it, or take it out of the queue. An attempt that runs and is to save reads so in the ledger."""
        if kill or entry.pid is None:
            with self._errors_of_the_cluster(), contextlib.suppress(ValueError):
                self._ray.kill(self._ray.get_actor(_actor_name(entry)))

    def _end_of(self, entry: Entry) -> Any | None:
        """None if there is no such actor."""
        try:
            return self._ray.get_actor(_actor_name(entry)).end.remote()
        except ValueError:
            return None

    def _exit_status(self, entry: Entry, end: Any) -> int | None:
        """None if it may still run. One that has written its own end has no other."""
        try:
            self._ray.get(end)
        except self._ray.exceptions.ActorUnavailableError:
            return None
        except self._ray.exceptions.RayActorError as error:
            if error.actor_init_failed:
                self._note(entry, _last_line(error))
                return _CANNOT_RUN
            log.info("%s was taken away by Ray: %s", entry.name, _last_line(error))
        return INTERRUPTED

    def _note(self, entry: Entry, why: str) -> None:
        """Put down why an attempt could not run, where its user looks; the node could not."""
        path = log_path(self._folder, entry.name)
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as file:
                file.write(f"error: {why}\n")
        log.error("%s: %s", entry.name, why)

    def _warn_if_nothing_fits(self) -> None:
        cpus, gpus = self._options.ray_cpus_per_experiment, self._options.ray_gpus_per_experiment
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        fits = any(node.get("CPU", 0) >= cpus and node.get("GPU", 0) >= gpus for node in nodes)
        if not fits and not self._has_warned:
            text = "no node of the cluster %s has %g CPUs and %g GPUs: experiments wait until one joins it"
            log.warning(text, self._cluster, cpus, gpus)
        self._has_warned = not fits

    @contextlib.contextmanager
    def _errors_of_the_cluster(self) -> Iterator[None]:
        try:
            yield
        except (self._ray.exceptions.RayError, ConnectionError, TimeoutError) as error:
            raise ValueError(
                f"the Ray cluster {self._cluster} does not answer ({_last_line(error)}); the same command goes on with "
                "what is left to do"
            ) from error


# What attempts.py asks, of whoever runs.


def is_reachable(entry: Entry) -> bool:
    """Whether it reads in the ledger that it is to end."""
    return entry.backend == NAME


def conditions(folder: Path, entries: Sequence[Entry]) -> dict[str, Condition]:
    """Of those that wait for room, or that run on this machine."""
    found: dict[str, Condition] = {}
    for entry in entries:
        if entry.backend != NAME or entry.state != "running":
            continue
        if entry.pid is None:
            found[entry.name] = "queued"
        elif entry.host == this_host():
            found[entry.name] = "alive" if process_identity(entry.pid) == entry.process else "gone"
    return found


def stop(folder: Path, entry: Entry, kill: bool) -> None:
    """Nothing: what whoever asks has written in the ledger is what the attempt acts on."""


def _connected(address: str, namespace: str) -> Any:
    """The module, connected to a cluster.

    Raises:
        ValueError: it is not installed, or there is no such cluster.
    """
    try:
        import ray
    except ImportError as error:
        raise ValueError(f"--runner=ray needs Ray: pip install 'sample-factory[ray]' ({error})") from error
    if address == "auto":
        address = os.environ.get("RAY_ADDRESS") or address
    if address == "local" or "://" in address:
        raise ValueError(
            f"--ray_address={address} must be auto or host:port of a cluster that this machine is part of, because "
            "experiments go on when the runner ends"
        )
    try:
        _check_that_somebody_listens(address)
        ray.init(address, namespace=namespace, log_to_driver=False, logging_level=logging.WARNING)
    except (ray.exceptions.RayError, OSError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"--ray_address={address}: no cluster ({_last_line(error)}); start one with `ray start --head`, and on "
            "other machines `ray start --address=<host:port>`"
        ) from error
    return ray


def _check_that_somebody_listens(address: str) -> None:
    # Ray itself tries for minutes.
    host, _, port = address.rpartition(":")
    if port.isdecimal():
        socket.create_connection((host, int(port)), _CONNECT_TIMEOUT_SEC).close()


def _actor_name(entry: Entry) -> str:
    return f"{entry.name} try {entry.tries}"


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # Behind the reason Ray says that the actor never ran, as its constructor did not come to its end.
    lines = [line for line in lines if not line.startswith("The actor never ran")]
    return lines[-1] if lines else type(error).__name__
