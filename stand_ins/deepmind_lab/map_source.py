"""Where maps come from: the level cache, the compiler or the engine's own files. Knows nothing about playing on them.

If the file is missing or wrong after the cache has said that it is there, the process ends: nothing can be caught.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import time
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

from deepmind_lab.layout import Layout, make_layout
from deepmind_lab.levels import MapSpec
from deepmind_lab.map_file import compile_map, read_map
from deepmind_lab.switches import Switches, be_busy


class CompileError(Exception):
    """A map could not be compiled."""


class MapSource:
    """Gets the maps of one `Lab`: their files lie in its folder, one for each name of a map."""

    def __init__(self, folder: Path, runfiles: Path, level_cache: Any, switches: Switches) -> None:
        self._folder = folder / "baselab"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._compiler = runfiles / "deepmind" / "level_generation" / "compile_map.sh"
        self._cache = level_cache
        self._switches = switches
        self._error: BaseException | None = None
        self._kept: dict[str, Layout] = {}

    def load(self, spec: MapSpec, random: Random) -> Layout:
        """The map in a layout drawn with `random`; CompileError if it cannot be compiled. May call the cache."""
        if not spec.layouts:
            return _built_map(spec)
        return self._read(spec, make_layout(spec.name, spec.plan, random.randrange(spec.layouts) + 1))

    def load_once(self, spec: MapSpec, random: Random) -> Layout:
        """The map as it was first drawn for this `Lab`, whatever the episode: only its first use needs a file."""
        if spec.name not in self._kept:
            self._kept[spec.name] = self.load(spec, random)
        return self._kept[spec.name]

    def raise_error_of_cache(self) -> None:
        """Raise what the cache has raised since the last call, if it has."""
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _read(self, spec: MapSpec, wanted: Layout) -> Layout:
        path = self._folder / f"{spec.name}.pk3"
        source = wanted.to_text()
        key = f"{spec.name}_{'aas' if spec.bots else 'noaas'}_{hashlib.md5(source.encode()).hexdigest()}"
        _spoil(path)
        if not self._ask_cache("fetch", key, path):
            self._compile(spec, source, path)
            if self._error is None:
                self._ask_cache("write", key, path)
        # Whatever the file says is what is played: a wrong one gives a wrong world.
        return Layout.from_text(_read_or_die(spec, path))

    def _ask_cache(self, method: str, key: str, path: Path) -> bool:
        if self._cache is None:
            return False
        try:
            return bool(getattr(self._cache, method)(key, str(path)))
        except BaseException as error:  # as the engine keeps it until it is back in Python, Ctrl-C included
            self._error = error
            return False

    def _compile(self, spec: MapSpec, source: str, path: Path) -> None:
        if self._switches.hold_gil:
            be_busy(self._switches.compile_seconds)
        else:
            time.sleep(self._switches.compile_seconds)
        try:
            if self._switches.compile_in_child:
                self._compile_in_child(spec, source, path)
            else:
                compile_map(source, spec.name, spec.bots, path)
        except OSError as error:
            self._error = None
            raise CompileError(f"Failed to compile map {spec.name}: {error}") from None

    def _compile_in_child(self, spec: MapSpec, source: str, path: Path) -> None:
        with tempfile.TemporaryDirectory() as folder:
            source_path = Path(folder) / "source.map"
            source_path.write_text(source)
            arguments = (str(source_path), spec.name, "aas" if spec.bots else "noaas", str(path))
            command = ("bash", str(self._compiler), sys.executable, *arguments, self._switches.compile_in_child)
            pid = os.posix_spawnp("bash", command, os.environ)
            try:
                _, status = os.waitpid(pid, 0)
            except ChildProcessError:  # somebody ignores SIGCHLD, so the child's status is lost
                os.abort()
        if status:
            raise OSError(f"the compiler ended with status {os.waitstatus_to_exitcode(status)}")


@lru_cache
def _built_map(spec: MapSpec) -> Layout:
    seed = int.from_bytes(hashlib.md5(spec.name.encode()).digest()[:3], "big")
    return make_layout(spec.name, spec.plan, seed)


def _spoil(path: Path) -> None:
    """Make what the last episode has left unusable, in place: a file shared with the cache is spoilt there too."""
    if path.exists():
        path.write_bytes(b"left by an earlier episode")


def _read_or_die(spec: MapSpec, path: Path) -> str:
    try:
        return read_map(spec.name, spec.bots, path)
    except Exception as error:  # the engine survives none of the ways in which a file can be wrong
        print(f"Didn't find map {spec.name} in {path}: {error}", file=sys.stderr, flush=True)
        os._exit(1)
