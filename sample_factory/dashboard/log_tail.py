"""What the end of an experiment's log says. Does not know whether anybody still writes it."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

LOG_TAIL_BYTES = 64 * 1024

_RECORD = re.compile(r"\[\d{4}-\d\d-\d\d [\d:,]+\]\[\d+\] (.*)")
_STATUS = re.compile(r"Fps is \(10 sec: \S+, 60 sec: (\S+), 300 sec: \S+\)\. Total num frames: (\d+)\.")
_END = re.compile(r"Collected \{.*\}, FPS: (\S+)")
_LIMIT = "Limit: "
_ERROR = "ERROR: "


class LogTail(NamedTuple):
    """None and empty: it does not say."""

    frames: int | None = None
    """Of all policies."""
    fps: float | None = None
    """Over the last minute; over the whole run if that has ended in order."""
    limit: str = ""
    """Which component limits the run."""
    has_ended: bool = False
    """It ended in order, whatever for."""
    error: str = ""
    """What the run says last, if that is an error."""


def read_log(text: str) -> LogTail:
    """Whatever there is to be found; the first line may be the end of one."""
    found, last = LogTail(), ""
    for line in text.splitlines():
        record = _RECORD.fullmatch(line)
        if record is None:
            continue  # a further line of the same message
        last = record[1]
        if status := _STATUS.match(last):
            found = found._replace(frames=int(status[2]), fps=_number(status[1]), has_ended=False)
        elif last.startswith(_LIMIT):
            found = found._replace(limit=last.removeprefix(_LIMIT), has_ended=False)
        elif end := _END.match(last):
            found = found._replace(fps=_number(end[1]), has_ended=True)
    return found._replace(error=last.removeprefix(_ERROR) if last.startswith(_ERROR) else "")


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
