"""Reads and writes WADs, Doom's containers of named pieces of data (lumps). Knows nothing of their content."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

_HEADER = struct.Struct("<4sii")  # kind, number of lumps, position of the directory
_ENTRY = struct.Struct("<ii8s")  # position, size in bytes, name
_NAME_BYTES = 8


class Lump(NamedTuple):
    """One named piece of a WAD."""

    name: str
    data: bytes = b""


def write_wad(lumps: Sequence[Lump]) -> bytes:
    """A patch WAD (one that is loaded on top of a game) of these lumps, in this order."""
    content, directory = bytearray(), bytearray()
    for name, data in lumps:
        assert 0 < len(name) <= _NAME_BYTES, name
        directory += _ENTRY.pack(_HEADER.size + len(content), len(data), name.encode("ascii"))
        content += data
    header = _HEADER.pack(b"PWAD", len(lumps), _HEADER.size + len(content))
    return bytes(header + content + directory)


def read_wad(data: bytes) -> list[Lump]:
    """The lumps of a WAD in their order.

    Raises:
        ValueError: these bytes are not a whole WAD; says why.
    """
    if data[:4] not in (b"PWAD", b"IWAD"):
        raise ValueError("it does not begin with PWAD or IWAD")
    if len(data) < _HEADER.size:
        raise ValueError("it ends within its header")
    _, count, position = _HEADER.unpack_from(data)
    if count < 0 or position < 0 or position + count * _ENTRY.size > len(data):
        raise ValueError("it is cut short: its directory lies beyond its end")
    entries = [_ENTRY.unpack_from(data, position + index * _ENTRY.size) for index in range(count)]
    return [_read_lump(data, *entry) for entry in entries]


def _read_lump(data: bytes, position: int, size: int, name: bytes) -> Lump:
    text = name.split(b"\0")[0].decode("latin-1").upper()
    if size and (position < 0 or size < 0 or position + size > len(data)):
        raise ValueError(f"it is damaged: its lump {text!r} lies beyond its end")
    return Lump(text, data[position : position + size] if size else b"")
