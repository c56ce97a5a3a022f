"""The lineage of a population: a file with one line per decision, which is the population's memory. Decides nothing.

A decision is on the disk before anything is done about it, and everything that follows from it may be done twice; so
whatever is killed, the last line of each policy says where it stands.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FILE_NAME = "lineage.jsonl"


@dataclass(frozen=True)
class Decision:
    """What became of one policy at one of its updates."""

    policy: int
    number: int
    """Of the update; 0 where the policy began."""
    source: int | None
    """The policy whose weights it took over, with whose hyper-parameters it went on."""
    why: str
    env_steps: int
    """Frames of the policy so far."""
    objectives: Sequence[float]
    """Of all policies, larger is better; empty where the policy began."""
    hyper_parameters: dict[str, float]
    """From here on."""
    reward_shaping: dict[str, Any] | None
    """From here on; None if the environment has none."""
    time: str
    """Of day, ISO 8601."""


def append(folder: Path, decision: Decision) -> None:
    """Add a line to the file of an experiment; it is on the disk when this returns.

    Raises:
        OSError: it could not be written; the file is as it was.
    """
    path = folder / FILE_NAME
    with path.open("ab") as file:
        end = file.tell()
        try:
            file.write(json.dumps(asdict(decision)).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            os.truncate(path, end)
            raise


def read(folder: Path) -> list[Decision]:
    """All decisions, oldest first; empty if there is no file.

    Raises:
        ValueError: a line is not what it should be.
    """
    path = folder / FILE_NAME
    lines = path.read_bytes().split(b"\n") if path.is_file() else [b""]
    try:
        return [Decision(**json.loads(line)) for line in lines[:-1]]
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} is damaged: {error}") from None


def mend(folder: Path) -> None:
    """Cut off a last line that was being written when the run was killed."""
    path = folder / FILE_NAME
    if path.is_file():
        whole = path.read_bytes().rfind(b"\n") + 1
        os.truncate(path, whole)
