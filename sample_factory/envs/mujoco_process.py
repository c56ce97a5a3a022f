"""What holds for MuJoCo in the whole process: where its warnings go and how it draws. Knows no model."""

from __future__ import annotations

import logging
import os
import sys

_log = logging.getLogger(__name__)
_seen: set[str] = set()


def report_once() -> None:
    """Log each of MuJoCo's warnings once; comes after the import of dm_control, which takes them over as well.

    By itself MuJoCo prints each for every environment and appends it to a file in the working folder.
    """
    import mujoco

    mujoco.set_mju_user_warning(report)


def report(message: str) -> None:
    """Log a message that is new; where it names the time within the episode, that makes no difference.

    What is deprecated in a model is for the authors of the model, not for its users.
    """
    what = message.partition(" Time =")[0]
    if what not in _seen and "deprecated" not in what:
        _seen.add(what)
        _log.warning("MuJoCo: %s", message)


def prefer_rendering_without_display() -> None:
    """Let MuJoCo draw with EGL where there is no display and nothing else was chosen; before MuJoCo is imported."""
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        os.environ.setdefault("MUJOCO_GL", "egl")
