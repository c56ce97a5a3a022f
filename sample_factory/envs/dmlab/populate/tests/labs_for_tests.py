"""Labs and a store that processes of tests work with. Know no test."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_LAYOUTS = 5
"""Of the level `few_layouts`."""
KEY_LENGTH = 8


class LabForTests:
    """Calls the cache as DeepMind Lab does; what else happens in a reset is in the name of the level."""

    def __init__(self, level: str, level_cache: Any) -> None:
        self._level, self._cache = level.rpartition("/")[2], level_cache
        self._folder = tempfile.TemporaryDirectory(dir=os.environ["TMPDIR"])
        self._num_compiled = 0

    def reset(self, *, seed: int) -> bool:
        layout = seed % _LAYOUTS if self._level == "few_layouts" else seed
        key = hashlib.sha256(f"{self._level} {layout}".encode()).hexdigest()[:KEY_LENGTH]
        path = Path(self._folder.name) / "map.pk3"
        path.unlink(missing_ok=True)
        if self._cache.fetch(key, str(path)):
            assert path.read_text() == key
            return True
        self._compile(path, key)
        self._cache.write(key, str(path))
        return True

    def close(self) -> bool:
        self._folder.cleanup()
        return True

    def _compile(self, path: Path, key: str) -> None:
        if self._level == "never_compiles":
            raise RuntimeError('Failed to start environment - "Failed to compile map"')
        self._num_compiled += 1
        if self._level == "kills_its_process" and self._num_compiled == 3:
            os.write(2, b"a long story\nDidn't find map\n")
            os._exit(1)
        if self._level == "always_kills_its_process":
            os.kill(os.getpid(), 9)
        if self._level == "takes_for_ever":
            time.sleep(600)
        if self._level == "slow":
            time.sleep(0.2)
        path.write_text(key)


def open_lab(level: str, observations: list[str], config: Mapping[str, str], *, level_cache: Any) -> LabForTests:
    assert observations == [] and all(isinstance(value, str) for value in config.values())
    return LabForTests(level, level_cache)


def open_missing_lab(level: str, observations: list[str], config: Mapping[str, str], *, level_cache: Any) -> Any:
    raise ValueError("the package deepmind_lab is missing")


class FolderOfLevels:
    """A file a level, named for its key, with the level and the seed in the name of another."""

    def __init__(self, path: Path, max_levels: int = 10_000) -> None:
        self._path, self._max_levels = path, max_levels

    def read(self, key: str) -> bytes | None:
        path = self._path / f"{key}.pk3"
        return path.read_bytes() if path.exists() else None

    def write(self, key: str, payload: bytes, level: str, seed: int) -> bool:
        if self.read(key) is None and len(self.keys()) >= self._max_levels:
            return False
        partial = self._path / f"{os.getpid()}.partial"
        partial.write_bytes(payload)
        os.replace(partial, self._path / f"{key}.pk3")
        (self._path / f"{level.replace('/', '_')}-{seed}.seed").touch()
        return True

    def seeds(self, level: str) -> list[int]:
        prefix = f"{level.replace('/', '_')}-"
        return sorted(int(path.stem[len(prefix) :]) for path in self._path.glob(f"{prefix}*.seed"))

    def keys(self) -> list[str]:
        return sorted(path.stem for path in self._path.glob("*.pk3"))

    def close(self) -> None:
        pass
