"""Calling a function in a process that is thrown away afterwards. Does not know what it does."""

from __future__ import annotations

import multiprocessing.context
import os
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, TypeVar

Result = TypeVar("Result")


def call_in_trial_process(
    context: multiprocessing.context.ForkServerContext, what: str, function: Callable[..., Result], *args: Any
) -> Result:
    """Result of `function(*args)`, computed elsewhere.

    Raises:
        ValueError: it raised one, or its process died; `what` says what was tried.
    """
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_call, args=(sender, function, args), name="trial", daemon=True)
    process.start()
    sender.close()
    try:
        kind, value = receiver.recv()
    except EOFError:
        process.join()
        raise ValueError(f"{what} crashed its process ({_cause(process.exitcode)})") from None
    process.join()
    if kind == "error":
        raise value
    result: Result = value
    return result


def _call(sender: Connection, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    os.setpgid(0, 0)  # Ctrl-C belongs to the supervisor
    try:
        sender.send(("result", function(*args)))
    except ValueError as error:
        sender.send(("error", ValueError(str(error))))


def _cause(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        return signal.Signals(-exitcode).name
    return f"exit code {exitcode}"
