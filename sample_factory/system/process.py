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
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing import connection, forkserver, resource_tracker
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psutil

from sample_factory.system.logs import LOG_FILE_NAME, configure_worker_logging
from sample_factory.system.reports import ReportWriter

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_HARD_EXIT = 1
_ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_LAST_WORDS_SEC = 2.0
_SERVER_END_SEC = 2.0


class NotStartedError(RuntimeError):
    """The system could not start a process, or not in time."""


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
    # Large arrays come and go at every update: giving them back to the kernel each time means that their pages are
    # zeroed and mapped anew, a tenth of the training time. (glibc reads these when a process starts.)
    os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(2**30))
    os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(2**32))
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # an idle pool in the server would not survive the fork
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    # Now, so that it imports while the supervisor does other things.
    thread = threading.Thread(target=_ensure_server, daemon=True, name="start-server")
    thread.start()
    thread.join()
    return context


def start_child(
    context: multiprocessing.context.ForkServerContext,
    name: str,
    target: Callable[..., None],
    args: tuple[Any, ...],
    settings: ProcessSettings,
    reports: ReportWriter,
    timeout_sec: float,
    cancelled: Callable[[], bool],
) -> BaseProcess:
    """Start `target(*args, reports)` in a child named `name`.

    Raises:
        NotStartedError: the system could not, or not in time, or `cancelled` became true first.
    """
    process = context.Process(target=_child_main, name=name, args=(target, args, settings, reports), daemon=True)
    start_within(process, timeout_sec, cancelled)
    return process


def start_within(process: BaseProcess, timeout_sec: float, cancelled: Callable[[], bool]) -> None:
    """Start a process of `prepare_start_method`'s context; ends the server (and with it all children) if it is stuck.

    In a thread, because starting waits without a limit for the server and for the child to read what it is sent.

    Raises:
        NotStartedError: as `start_child`.
    """
    errors: list[BaseException] = []
    thread = threading.Thread(target=_start_in_thread, args=(process, errors), daemon=True, name="start-child")
    thread.start()
    deadline = time.monotonic() + timeout_sec
    while thread.is_alive():
        thread.join(0.1)
        if thread.is_alive() and (time.monotonic() > deadline or cancelled()):
            _kill_server()
            thread.join(_SERVER_END_SEC)
            raise NotStartedError(f"{process.name} did not start within {timeout_sec:.0f} seconds, or was cancelled")
    if errors:
        if isinstance(errors[0], (OSError, EOFError, ValueError)):  # ValueError: more descriptors than one can be sent
            raise NotStartedError(f"{process.name} could not be started: {errors[0]!r}") from errors[0]
        raise errors[0]


def _start_in_thread(process: BaseProcess, errors: list[BaseException]) -> None:
    try:
        _ensure_server()
        process.start()
    except BaseException as error:  # re-raised where it can be handled
        errors.append(error)


def _ensure_server() -> None:
    """Start the server unless it runs; in a thread of its own, whose signals stay blocked."""
    resource_tracker.ensure_running()
    # The server must survive a signal to the whole process group: its death would be the end of every child before
    # anything is saved. It inherits this mask; its children lift it.
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING_SIGNALS)
    forkserver.ensure_running()


def _kill_server() -> None:
    """Returns when it is dead: one that is only dying would still be asked for the next child."""
    pid = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]
    if pid is None:
        return
    with contextlib.suppress(psutil.NoSuchProcess):
        server = psutil.Process(pid)
        server.kill()
        deadline = time.monotonic() + _SERVER_END_SEC
        # A zombie is left for the standard library to reap.
        while server.status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
            time.sleep(0.01)


def end_start_server() -> None:
    """End the server that children are started from, so that nothing outlives the run inside a longer-lived process."""
    # In a thread: an orphan of an environment may hold the pipe whose end both processes wait for.
    thread = threading.Thread(target=_end_servers, daemon=True, name="end-start-server")
    thread.start()
    thread.join(_SERVER_END_SEC)


def _end_servers() -> None:
    _kill_server()
    forkserver._forkserver._stop()  # type: ignore[attr-defined]
    resource_tracker._resource_tracker._stop()  # type: ignore[attr-defined]


def start_by_name(target: str, *args: Any) -> None:
    """Import `module:function` here, in the child, and call it: its imports never burden the process that starts it."""
    module, name = target.split(":")
    getattr(importlib.import_module(module), name)(*args)


def _child_main(
    target: Callable[..., None], args: tuple[Any, ...], settings: ProcessSettings, reports: ReportWriter
) -> None:
    enter_child(multiprocessing.current_process().name)
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
        reports.drain(_LAST_WORDS_SEC)
    except BaseException as error:
        # A ValueError is something that a user can mend and that no restart will.
        kind = "fatal" if isinstance(error, ValueError) else "failure"
        reports.send(kind, error=f"{type(error).__name__}: {error}", traceback=traceback.format_exc())
        reports.drain(_LAST_WORDS_SEC)
        sys.stdout.flush()
        os._exit(_HARD_EXIT)


def enter_child(name: str) -> None:
    """What every child does first: a name for `ps` and `top`, no end by Ctrl-C, an end with the supervisor."""
    for number in _ENDING_SIGNALS:
        # The supervisor decides when the run ends. A handler instead of SIG_IGN: programs that an environment starts
        # would inherit that, and could not be terminated any more.
        signal.signal(number, lambda *_: None)
        signal.siginterrupt(number, False)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING_SIGNALS)
    _set_name(name)
    _follow_parent()


def _set_name(name: str) -> None:
    if sys.platform == "linux":  # it keeps 15 characters
        short = name.replace(" worker", "").encode()[:15]
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_NAME, short)


def _follow_parent() -> None:
    """End with the supervisor, however it dies: by the kernel where it can, and by a thread everywhere."""
    if sys.platform == "linux":
        # Linux kills the children of the start server with it; but the server lives as long as any process holds its
        # "alive" pipe, and children are given one. Without it, the server ends with the supervisor, and then even a
        # child that is stopped, or stuck with the interpreter locked.
        _close_alive_pipe()
    end_with_parent()
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_exit_after, args=(parent.sentinel,), daemon=True, name="follow-parent").start()


def end_with_parent() -> None:
    """Let the kernel kill this process when the one that started it has ended; no effect but on Linux."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _close_alive_pipe() -> None:
    server: Any = forkserver._forkserver
    alive_fd = server._forkserver_alive_fd
    if alive_fd is not None:
        os.close(alive_fd)
        server._forkserver_alive_fd = None


def _exit_after(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(_HARD_EXIT)


def dump_stack(pid: int) -> None:
    """Ask a child to write the stacks of its threads to its log."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGUSR1)


def is_suspended(pid: int) -> bool:
    """Whether somebody has stopped the process with a signal, so that it can do nothing, not even show its stack."""
    try:
        return bool(psutil.Process(pid).status() in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP))
    except psutil.Error:
        return False


def kill_tree(pid: int) -> None:
    """Kill a process and all that it has started."""
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        for member in family:
            with contextlib.suppress(psutil.Error):
                member.kill()


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
