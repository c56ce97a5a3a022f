"""How far an experiment has got, from what is in its folder. Does not know whether it runs."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import NamedTuple

from sample_factory.system.logs import LOG_FILE_NAME

_TAIL_BYTES = 64 * 1024
_FRAMES = re.compile(rb"Total num frames: (\d+)\.")
_REWARDS = re.compile(rb"Avg episode reward: \[(.*)\]")
_REWARD = re.compile(rb"'(-?[\d.]+)'")
_CHECKPOINT = re.compile(r"checkpoint_\d+_(\d+)\.pth")


class Progress(NamedTuple):
    """None: the folder does not tell."""

    frames: int | None
    reward: float | None
    """Average of the latest episodes; of several policies, the best one's."""


def progress(folder: Path) -> Progress:
    """What the log, the checkpoints and the mark of a finished training say."""
    tail = _tail(folder / LOG_FILE_NAME)
    logged = _FRAMES.findall(tail)
    known = [*map(int, logged[-1:]), *_frames_of_checkpoints(folder), *_frames_when_done(folder)]
    rewards = _REWARDS.findall(tail)
    values = [float(text) for text in _REWARD.findall(rewards[-1])] if rewards else []
    return Progress(max(known, default=None), max(values, default=None))


def last_line(path: Path) -> str:
    """The last line of a text file that has something in it; empty if there is none."""
    lines = [line for line in _tail(path).decode(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _tail(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            return file.read()
    except OSError:
        return b""


def _frames_of_checkpoints(folder: Path) -> list[int]:
    matches = [_CHECKPOINT.fullmatch(path.name) for path in folder.glob("checkpoint_p*/checkpoint_*.pth")]
    return [int(match[1]) for match in matches if match]


def _frames_when_done(folder: Path) -> list[int]:
    try:
        return [int(json.loads((folder / "done").read_text(encoding="utf-8"))["env_steps"])]
    except (OSError, ValueError, TypeError, KeyError):
        return []
