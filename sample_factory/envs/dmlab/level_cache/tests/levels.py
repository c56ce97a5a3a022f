"""Compiled levels for tests: everything about one follows from its number. Knows no store."""

from __future__ import annotations

import hashlib
import io
import random
import zipfile

from sample_factory.envs.dmlab.level_cache.entries import Entry

LEVELS = ("contributed/dmlab30/explore_goal_locations_small", "contributed/dmlab30/lasertag_one_opponent_small")


def key_of(number: int) -> str:
    """A key as DeepMind Lab makes them."""
    kind = "explore_maze_noaas" if number % 2 == 0 else "lt_procedural_aas"
    return f"{kind}_{hashlib.md5(str(number).encode()).hexdigest()}"


def pk3(key: str, size: int = 500) -> bytes:
    """A zip with the members that the key asks for, always the same for a key and a size of the map."""
    name, bots, _ = key.rsplit("_", 2)
    members = [f"maps/{name}.bsp"] + [f"maps/{name}.aas"] * (bots == "aas")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for member in members:
            archive.writestr(zipfile.ZipInfo(member), random.Random(key + member).randbytes(size))
    return buffer.getvalue()


def payload_of(number: int) -> bytes:
    """Between half and ten kilobytes."""
    return pk3(key_of(number), 500 + 37 * (number % 251))


def entry_of(number: int) -> Entry:
    """Level and seed as well."""
    return Entry(key_of(number), LEVELS[number % 2], number, payload_of(number))
