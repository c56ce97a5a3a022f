"""Tells whether a user's WAD can be played, before the interpreter crashes over it. Knows no environment."""

from __future__ import annotations

import contextlib
import math
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from sample_factory.envs.doom.scenario.wad import Lump, read_wad
from sample_factory.envs.doom.shared_memory import sweep

_ENGINE_TRIAL = "sample_factory.envs.doom.engine_trial"
_AFTER_MAP_NAME = ("THINGS", "TEXTMAP")  # the first lump of a level, in its two formats


def check_wad(path: str | Path, map_name: str, *, game_args: str = "", timeout_sec: float = 20.0) -> None:
    """Reads the WAD and starts the level once, in a process that is thrown away (0.3 s).

    Args:
        game_args: of the engine, for levels that can be played only in a certain way, such as by several players.

    Raises:
        ValueError: the level cannot be played; one line says why and what to do.
    """
    path = Path(path).expanduser().resolve()
    names = _map_names(path)
    # The engine falls back to a level of the main game without a word.
    if map_name.upper() not in names:
        known = f"it has {', '.join(names)}" if names else "it has no map at all"
        raise ValueError(f"{path} has no map {map_name!r}: {known}")
    with tempfile.TemporaryDirectory(prefix="sample_factory_doom_", ignore_cleanup_errors=True) as folder:
        _try_out(path, map_name, game_args, Path(folder), timeout_sec)


def map_names(lumps: Sequence[Lump]) -> list[str]:
    """Names of the levels among the lumps of a WAD."""
    return [lump.name for lump, after in pairwise(lumps) if after.name in _AFTER_MAP_NAME]


def _map_names(path: Path) -> list[str]:
    try:
        return map_names(read_wad(path.read_bytes()))
    except OSError as error:
        raise ValueError(f"the scenario {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{path} is no WAD that Doom can read: {error}; export or download it again") from None


def _try_out(path: Path, map_name: str, game_args: str, folder: Path, timeout_sec: float) -> None:
    limit_sec = max(1, math.ceil(timeout_sec))
    command = [sys.executable, "-m", _ENGINE_TRIAL, _launcher(folder), str(path), map_name, str(limit_sec), game_args]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry or os.getcwd() for entry in sys.path)}
    with _in_own_session(command, folder, environment) as process:
        try:
            _, errors = process.communicate(timeout=timeout_sec)
        except subprocess.TimeoutExpired:
            raise ValueError(f"{map_name} of {path} was not running after {timeout_sec:g} seconds") from None
        finally:
            _end(process, folder)
    if process.returncode == -signal.SIGALRM:
        raise ValueError(f"{map_name} of {path} was not running after {limit_sec} seconds")
    if process.returncode:
        reason = _last_words(folder / "output", errors, path.name)
        raise ValueError(f"Doom cannot run {map_name} of {path}: {reason}")


def _in_own_session(command: list[str], folder: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def _launcher(folder: Path) -> str:
    """Path of a program that runs the engine, notes its arguments and output, and dies with its parent."""
    import vizdoom

    engine = Path(vizdoom.__file__).parent / "vizdoom"
    bound = "setpriv --pdeathsig KILL --"
    launcher = folder / "launcher"
    launcher.write_text(
        f"#!/bin/sh\ncd {shlex.quote(str(folder))}\n"
        'printf "%s\\n" "$@" >arguments\nexec >output 2>&1\n'
        f'{bound} true && exec {bound} {shlex.quote(str(engine))} "$@"\n'
        f'exec {shlex.quote(str(engine))} "$@"\n'
    )
    launcher.chmod(0o700)
    return str(launcher) if os.access(launcher, os.X_OK) else str(engine)  # not executable: mounted noexec


def _end(process: subprocess.Popen[str], folder: Path) -> None:
    """Kill what is left of the trial, and remove what a crash leaves in shared memory."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    with contextlib.suppress(OSError, ValueError, IndexError):  # it never came to start the engine
        arguments = (folder / "arguments").read_text().splitlines()
        sweep([arguments[arguments.index("+viz_instance_id") + 1]])


# The engine does not always say what is wrong, but it says what it begins to do.
_STAGES = (
    ("LoadActors", "its DECORATE lump has an error"),
    ("G_ParseMapInfo", "its MAPINFO lump has an error"),
    ("S_InitData", "its SNDINFO lump has an error"),
    ("Texman.Init", "a texture lump has an error"),
)


def _last_words(output: Path, errors: str, name: str) -> str:
    """What the engine complained about, or what it was doing when it ended."""
    lines = output.read_text(errors="replace").splitlines() if output.exists() else errors.splitlines()
    lines = [line.strip() for line in lines if line.strip()]
    if not lines:
        return "the engine ended without a word"
    for index, line in enumerate(lines):
        if line.startswith("Script error"):
            return f"{' '.join(lines[index : index + 2])} (correct it in {name})"
    stage = next((reason for start, reason in _STAGES if lines[-1].startswith(start)), None)
    return f"{stage or 'the level is damaged'} (correct it in {name}; the engine ended after saying {lines[-1]!r})"
