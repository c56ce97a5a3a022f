"""A store that forgets. Knows no files."""

from __future__ import annotations


class LevelsInMemory:
    """Keeps levels in a dictionary; fails if it is told to."""

    def __init__(self, levels: dict[str, bytes] | None = None) -> None:
        self.levels = dict(levels or {})
        self.written: list[tuple[str, str, int]] = []
        self.error: Exception | None = None
        self.is_full = False

    def read(self, key: str) -> bytes | None:
        if self.error:
            raise self.error
        return self.levels.get(key)

    def write(self, key: str, payload: bytes, level: str, seed: int) -> bool:
        if self.error:
            raise self.error
        self.written.append((key, level, seed))
        if self.is_full:
            return False
        self.levels[key] = payload
        return True
