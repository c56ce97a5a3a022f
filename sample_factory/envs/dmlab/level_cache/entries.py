"""What is stored: an entry is one compiled level under its key; here is what makes one sound. Knows no folder.

A key is what DeepMind Lab calls a compiled level: the name of its map, `aas` or `noaas` (with or without routes for
bots), and a hash of the map's text. The payload is a pk3: a zip that holds the map. The engine ends its process when it
is handed one without the map, so what is not sound must never leave the store.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from typing import Any, NamedTuple
from urllib.parse import quote

MAX_PAYLOAD_BYTES = 256 * 2**20
"""A thousand times what is usual: what is larger is no level, and must not fill the memory of who reads it."""
HEADER_BYTES = 8192
"""The first line of a file is never longer."""

_KEY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,199}")
_MAP = re.compile(r"(?P<map>.+)_(?P<bots>aas|noaas)_[^_]+")
_MAX_LEVEL_CHARACTERS = 512
_MAX_NAME_BYTES = 250
"""A part of a level's path is the name of a folder (`seed_lists.py`); most file systems take 255 bytes."""
_MAX_UNPACKED_BYTES = 2**30
_SEEDS = range(-(2**63), 2**63)


class Entry(NamedTuple):
    """One compiled level."""

    key: str
    level: str
    """Path of the level that it was compiled for (contributed/dmlab30/rooms_watermaze); empty if nobody knows."""
    seed: int
    """Seed of that level; without a meaning if nobody knows the level."""
    payload: bytes


class DamagedError(Exception):
    """What was read is not what was written. The message says what is wrong, without saying where."""


def is_key(text: str) -> bool:
    """Whether this may be the name of a file that holds an entry; no path, no hidden file, at most 200 characters."""
    return _KEY.fullmatch(text) is not None


def is_level(level: object) -> bool:
    """Whether this may be the path of a level."""
    if not isinstance(level, str) or len(level) > _MAX_LEVEL_CHARACTERS or "\0" in level:
        return False
    if any("\ud800" <= character <= "\udfff" for character in level):  # half a character: not UTF-8
        return False
    return all(len(quote(part, safe="")) <= _MAX_NAME_BYTES for part in level.split("/"))


def shard(key: str) -> str:
    """One of 256 names, two hexadecimal digits, evenly spread over keys."""
    return hashlib.md5(key.encode(), usedforsecurity=False).hexdigest()[:2]


def fault(entry: Entry) -> str | None:
    """Why an entry must not be stored; None if it is sound. Unpacks the whole payload."""
    if not is_key(entry.key):
        return "that is no key"
    if not is_level(entry.level) or type(entry.seed) is not int or entry.seed not in _SEEDS:
        return f"level {entry.level!r} with seed {entry.seed!r} cannot be written down"
    return payload_fault(entry.key, entry.payload)


def payload_fault(key: str, payload: bytes) -> str | None:
    """Why the engine could not load the map of this key from the payload; None if it could."""
    name = _MAP.fullmatch(key)
    if name is None:
        return "its key does not end in _aas_ or _noaas_ and a hash"
    if len(payload) > MAX_PAYLOAD_BYTES:
        return f"{len(payload)} bytes are too many for a level"
    try:
        with zipfile.ZipFile(io.BytesIO(payload)) as archive:
            sizes = {member.filename: member.file_size for member in archive.infolist()}
            if sum(sizes.values()) > _MAX_UNPACKED_BYTES:
                return "it unpacks to more than a level can have"
            broken = archive.testzip()
    except Exception as error:  # damaged bytes can fail anywhere in the reader, with almost any type
        return f"it is no sound zip: {type(error).__name__}: {error}"
    if broken is not None:
        return f"the checksum of {broken} in the zip is wrong"
    needed = [f"maps/{name['map']}.bsp"] + [f"maps/{name['map']}.aas"] * (name["bots"] == "aas")
    missing = [member for member in needed if not sizes.get(member)]
    return f"the zip has no {missing[0]}" if missing else None


def encode(entry: Entry) -> bytes:
    """Contents of a file: one line of JSON, then the payload."""
    header = {"key": entry.key, "level": entry.level, "seed": entry.seed, "size": len(entry.payload)}
    header["sha256"] = hashlib.sha256(entry.payload).hexdigest()
    return json.dumps(header).encode() + b"\n" + entry.payload


# hot path
def decode(key: str, contents: bytes) -> Entry:
    """The entry that was encoded.

    Raises:
        DamagedError: it is not the whole of an entry with this key, every bit as it was.
    """
    header, begin = _header(key, contents)
    payload = contents[begin:]
    if header.get("size") != len(payload):
        raise DamagedError(f"it has {len(payload)} bytes instead of {header.get('size')!r:.40}")
    if header.get("sha256") != hashlib.sha256(payload).hexdigest():
        raise DamagedError("its checksum is wrong")
    return Entry(key, header["level"], header["seed"], payload)


def decode_level(key: str, beginning: bytes) -> str:
    """Level of an entry, from the first `HEADER_BYTES` of its file.

    Raises:
        DamagedError: they do not begin with a header of this key.
    """
    level: str = _header(key, beginning)[0]["level"]
    return level


def _header(key: str, contents: bytes) -> tuple[dict[str, Any], int]:
    """The header, of which key, level and seed have been looked at, and where the payload begins."""
    end = contents.find(b"\n", 0, HEADER_BYTES)
    try:
        header = json.loads(contents[:end]) if end > 0 else None
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise DamagedError("it does not begin with a header")
    if header.get("key") != key:
        raise DamagedError(f"its header has the key {header.get('key')!r:.250}")
    if not is_level(header.get("level")) or type(header.get("seed")) is not int or header["seed"] not in _SEEDS:
        raise DamagedError("its header has no level and seed")
    return header, end + 1
