"""Starting one child process safely: start method, signals, affinity, priority, death with the parent.

Knows no component's work.

This is the only module that knows about signals and start methods.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import importlib
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from sample_factory.system.logs import LOG_FILE_NAME, configure_worker_logging
from sample_factory.system.reports import ReportWriter

_PR_SET_PDEATHSIG = 1
_HARD_EXIT = 1


@dataclass(frozen=True)
class ProcessSettings:
    """How a child runs."""

    cores: tuple[int, ...] = ()
    """CPU cores it is pinned to; empty for all."""
    niceness: int = 0
    """Added to the niceness of the supervisor."""
    environment: dict[str, str] = field(default_factory=dict)
    """Environment variables set before the target is imported."""
    experiment_dir: str | None = None
    """Where it logs, and dumps its stacks when the supervisor asks for them."""


def prepare_start_method(preload: Iterable[str]) -> multiprocessing.context.ForkServerContext:
    """Start children from a clean server process that has imported `preload` once.

    The server never runs anything, so it has no threads to lose by forking; its imports are shared by all children,
    which saves start-up time and memory. Waiting threads must not spin: on few cores two spinning pools cost fifty
    times the work itself.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # an idle pool in the server would not survive the fork
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    return context


def start_child(
    context: multiprocessing.context.ForkServerContext,
    name: str,
    target: Callable[..., None],
    args: tuple[Any, ...],
    settings: ProcessSettings,
    reports: ReportWriter,
) -> BaseProcess:
    """Start `target(*args, reports)` in a child named `name`."""
    process = context.Process(target=_child_main, name=name, args=(target, args, settings, reports), daemon=True)
    process.start()
    return process


def start_by_name(target: str, *args: Any) -> None:
    """Import `module:function` here, in the child, and call it: its imports never burden the process that starts it."""
    module, name = target.split(":")
    getattr(importlib.import_module(module), name)(*args)


def _child_main(
    target: Callable[..., None], args: tuple[Any, ...], settings: ProcessSettings, reports: ReportWriter
) -> None:
    _follow_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the supervisor decides when the run ends
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if settings.experiment_dir is not None:
        folder = Path(settings.experiment_dir)
        # Failures reach the terminal through the supervisor, which prints the report of a dying child.
        configure_worker_logging(folder, to_stderr=False)
        stacks = (folder / LOG_FILE_NAME).open("a")
        faulthandler.register(signal.SIGUSR1, file=stacks, all_threads=True)
    os.environ.update(settings.environment)
    if settings.niceness:
        os.nice(settings.niceness)
    if settings.cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, settings.cores)
    try:
        target(*args, reports)
    except BaseException as error:
        # A ValueError is something that a user can mend and that no restart will.
        kind = "fatal" if isinstance(error, ValueError) else "failure"
        reports.send(kind, error=f"{type(error).__name__}: {error}", traceback=traceback.format_exc())
        sys.stdout.flush()
        os._exit(_HARD_EXIT)


def _follow_parent() -> None:
    """End with the supervisor, however it dies: by the kernel where it can, and by a thread everywhere."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_exit_after, args=(parent.sentinel,), daemon=True, name="follow-parent").start()


def _exit_after(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(_HARD_EXIT)


def dump_stack(pid: int) -> None:
    """Ask a child to write the stacks of its threads to its log."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGUSR1)


@contextlib.contextmanager
def interrupt_flag(on_signal: Callable[[int], None]) -> Iterator[None]:
    """Call `on_signal(signal number)` for the first SIGINT or SIGTERM; a second SIGINT exits at once with status 2."""
    seen: list[int] = []

    def handle(number: int, _frame: Any) -> None:
        if seen and number == signal.SIGINT:
            os._exit(2)
        seen.append(number)
        on_signal(number)

    previous = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
