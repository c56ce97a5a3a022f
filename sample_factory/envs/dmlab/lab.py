"""Opens levels with the `deepmind_lab` module. Knows no action set and no reward.

The module is imported only here, and only when a level is opened: it is built by its users, and belongs into the
processes that step environments.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

IMAGE, INSTRUCTION = "RGB_INTERLEAVED", "INSTR"

_HOW_TO_INSTALL = (
    "DeepMind Lab is in no package index: clone github.com/google-deepmind/lab and in it run `bazel build -c opt "
    "//python/pip_package:build_pip_package`, `./bazel-bin/python/pip_package/build_pip_package /tmp/dmlab` and "
    "`pip install /tmp/dmlab/*.whl`"
)


class LabError(Exception):
    """What DeepMind Lab says about a level that it cannot open or start."""


def load_module() -> Any:
    """The `deepmind_lab` module.

    Raises:
        ValueError: it is not installed, or cannot be loaded.
    """
    try:
        return importlib.import_module("deepmind_lab")
    except ModuleNotFoundError as error:
        if error.name == "deepmind_lab":
            raise ValueError(f"dmlab environments need the module 'deepmind_lab'; {_HOW_TO_INSTALL}") from None
        if error.name == "imp":
            raise ValueError(
                "the installed deepmind_lab needs Python 3.11 or older: its __init__.py imports 'imp', which later "
                "versions do not have"
            ) from None
        raise
    except ImportError as error:
        raise ValueError(f"the installed deepmind_lab cannot be loaded: {error}") from error


def open_lab(
    level: str,
    observations: list[str],
    config: Mapping[str, str],
    renderer: str = "software",
    level_cache: object | None = None,
    temp_folder: str = "",
) -> Any:
    """Open a level; what is returned is a `deepmind_lab.Lab`.

    Args:
        level: path within the levels of DeepMind Lab.
        observations: names of what `observations()` is to give. A level without instructions is opened without.
        config: settings of the engine and of the level.
        level_cache: has `fetch` and `write`; see `level_cache.handover`.
        temp_folder: for the module's files, of this level alone; removed by the caller. Empty: it makes one itself.

    Raises:
        ValueError: the module is missing, or the level does not exist or refuses a setting, in one line.
    """
    lab = load_module()
    arguments: dict[str, Any] = {"config": dict(config), "renderer": renderer}
    if level_cache is not None:
        arguments["level_cache"] = level_cache
    if temp_folder:
        arguments["temp_folder"] = temp_folder
    try:
        return lab.Lab(level, list(observations), **arguments)
    except ValueError as error:
        # Levels that are not made with the usual decorators know no instructions.
        if INSTRUCTION not in observations or INSTRUCTION not in str(error):
            raise
        return lab.Lab(level, [name for name in observations if name != INSTRUCTION], **arguments)
    except RuntimeError as error:
        raise ValueError(f"DeepMind Lab cannot open level {level!r}: {_in_one_line(error)}") from error


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())
