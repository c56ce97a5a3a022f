"""Which console a stream gets. Knows neither how it looks nor what it shows."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from sample_factory.system.console import Console, PlainConsole


def open_console(stream: TextIO | None = None) -> Console:
    """A live display if the stream (standard output by default) is a capable terminal, plain lines otherwise."""
    stream = stream or sys.stdout
    if stream.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        from sample_factory.system.live_display import LiveConsole  # rich takes 0.1 s to load; pipes do without

        return LiveConsole(stream)
    return PlainConsole(stream)
