"""Loads the shared libraries of Qt 5, which EnvPool's Procgen is linked with, from the wheel. Knows no EnvPool."""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import re
import sys
from pathlib import Path

_LIBRARIES = ("libQt5Core.so.5", "libQt5Gui.so.5")
# What the wheel's libraries want from the system.
_DEBIAN_PACKAGES = {
    "libGL.so": "libgl1",
    "libglib-2.0.so": "libglib2.0-0",
    "libgthread-2.0.so": "libglib2.0-0",
    "libstdc++.so": "libstdc++6",
    "libz.so": "zlib1g",
}


@functools.cache
def load_qt() -> str | None:
    """Load the libraries of the wheel PyQt5-Qt5, once per process, so that whatever is linked with them finds them.

    Not needed where the system has its own.

    Returns:
        None if they are loaded or this is no Linux, otherwise in one line why they are not and what to do.
    """
    if not sys.platform.startswith("linux"):
        return None
    package = importlib.util.find_spec("PyQt5")
    folders = [Path(path, "Qt5", "lib") for path in (package and package.submodule_search_locations) or ()]
    folder = next((folder for folder in folders if all((folder / name).exists() for name in _LIBRARIES)), None)
    if folder is None:
        return "the libraries of Qt 5 are missing: pip install 'sample-factory[procgen]'"
    try:
        for name in _LIBRARIES:
            ctypes.CDLL(str(folder / name), mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        return explain(str(error))
    return None


def explain(reason: str) -> str:
    """What the dynamic linker said, with the Debian package that has what it misses."""
    missing = re.match(r"(lib[\w+.-]+?\.so)[\d.]*: cannot open shared object file", reason)
    package = _DEBIAN_PACKAGES.get(missing[1]) if missing else None
    remedy = f" (on Debian or Ubuntu: sudo apt install {package})" if package else ""
    return f"Qt 5 cannot be loaded: {reason}{remedy}"
