"""Calls of a cluster's own programs. Knows no cluster."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

_TIMEOUT_SEC = 120.0
_LINES = 3
"""Of what it says that may matter."""


class ClientError(RuntimeError):
    """A program did not do what it was asked to; the message is one line."""


def call(words: Sequence[str]) -> str:
    """What a program prints.

    Raises:
        ClientError: it fails, or does not answer.
    """
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_SEC,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ClientError(f"{words[0]}: {error}") from error
    if done.returncode != 0:
        lines = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()
        raise ClientError(f"{words[0]} ended with status {done.returncode}: {'; '.join(lines[-_LINES:])}")
    return done.stdout
