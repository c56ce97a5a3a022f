"""Calling a function in a process that is thrown away afterwards. Does not know what it does."""

from __future__ import annotations

import faulthandler
import multiprocessing.context
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from sample_factory.system.process import NotStartedError, dump_stack, enter_child, kill_tree, start_within

Result = TypeVar("Result")

_END_SEC = 2.0
_STACK_SEC = 0.5


class TrialCancelledError(Exception):
    """The run is to end before the trial has."""


class TrialCrashedError(ValueError):
    """The process of the trial died."""


def call_in_trial_process(
    context: multiprocessing.context.ForkServerContext,
    what: str,
    timeout_sec: float,
    cancelled: Callable[[], bool],
    function: Callable[..., Result],
    *args: Any,
) -> Result:
    """Result of `function(*args)`, computed elsewhere.

    Raises:
        ValueError: it raised one, its process died (`TrialCrashedError`), or it took too long; `what` says what was
            tried.
        TrialCancelledError: `cancelled` became true first.
    """
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_call, args=(sender, function, args), name="trial", daemon=True)
    try:
        start_within(process, timeout_sec, cancelled)
        sender.close()
        result: Result = _result(receiver, process, what, timeout_sec, cancelled)
        return result
    except NotStartedError as error:
        if cancelled():
            raise TrialCancelledError from None
        raise ValueError(f"{what} cannot be tried: {error}") from None
    finally:
        sender.close()
        receiver.close()
        _end(process)


def _result(
    receiver: Connection, process: BaseProcess, what: str, timeout_sec: float, cancelled: Callable[[], bool]
) -> Any:
    deadline = time.monotonic() + timeout_sec
    while not receiver.poll(0.1):
        if cancelled():
            raise TrialCancelledError
        if time.monotonic() > deadline:
            assert process.pid is not None
            dump_stack(process.pid)
            time.sleep(_STACK_SEC)
            raise ValueError(f"{what} was not ready after {timeout_sec:.0f} seconds")
    try:
        kind, value = receiver.recv()
    except EOFError:
        process.join(_END_SEC)
        raise TrialCrashedError(f"{what} crashed its process ({_cause(process.exitcode)})") from None
    if kind == "error":
        raise value
    return value


def _end(process: BaseProcess) -> None:
    """However long it may want to take to say good-bye."""
    if process.pid is None:
        return
    if process.exitcode is None:
        process.join(_END_SEC if sys.exc_info()[0] is None else 0)
    if process.exitcode is None:
        kill_tree(process.pid)
        process.join(_END_SEC)
    if process.exitcode is not None:
        process.close()


def _call(sender: Connection, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    enter_child("trial")
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    try:
        sender.send(("result", function(*args)))
    except ValueError as error:
        sender.send(("error", ValueError(str(error))))


def _cause(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        return signal.Signals(-exitcode).name
    return f"exit code {exitcode}"
