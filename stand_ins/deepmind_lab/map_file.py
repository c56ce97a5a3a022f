"""Compiled maps: a zip with the member `maps/<map>.bsp`, written and read. Run as a program it is the compiler.

Usage: map_file.py SOURCE MAP_NAME BOTS PK3 RECORD, where RECORD gets a line of JSON about this process. Needs nothing
but the standard library, so that the compiler starts quickly. Knows nothing about what the source says.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import struct
import sys
import zipfile
import zlib
from pathlib import Path

_HEADER = struct.Struct("<4sIII")  # magic, version, checksum of the body, length of the source in it
_MAGIC, _VERSION, _BOT_MAGIC = b"IBSP", 46, b"EAAS"
_LARGEST_NOISE = 26_000


def compile_map(source: str, map_name: str, bots: bool, pk3_path: Path) -> None:
    """Write the compiled map, replacing what is there in one go; OSError if that cannot be done."""
    text = source.encode()
    # Real maps are mostly geometry and light that does not compress, and no two are alike.
    noise = random.Random(hashlib.md5(text).digest()).randbytes(min(_LARGEST_NOISE, 2_000 + 16 * len(text)))
    body = text + noise
    members = {f"maps/{map_name}.bsp": _HEADER.pack(_MAGIC, _VERSION, zlib.crc32(body), len(text)) + body}
    if bots:
        members[f"maps/{map_name}.aas"] = _BOT_MAGIC + noise[:1_000]
    temporary = pk3_path.with_suffix(".compiling")
    with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    os.replace(temporary, pk3_path)


def read_map(map_name: str, bots: bool, pk3_path: Path) -> str:
    """The source of a compiled map; an exception of some kind if the file is not a sound map of this name."""
    with zipfile.ZipFile(pk3_path) as archive:
        content = archive.read(f"maps/{map_name}.bsp")
        if bots and not archive.read(f"maps/{map_name}.aas").startswith(_BOT_MAGIC):
            raise ValueError("not a map for bots")
    magic, version, checksum, length = _HEADER.unpack_from(content)
    body = content[_HEADER.size :]
    if (magic, version) != (_MAGIC, _VERSION) or zlib.crc32(body) != checksum:
        raise ValueError("not a sound map")
    return body[:length].decode()


def _main(source: str, map_name: str, bots: str, pk3_path: str, record: str) -> None:
    about = {
        "map": map_name,
        "affinity": sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "niceness": os.nice(0),
    }
    with open(record, "a") as lines:
        lines.write(json.dumps(about) + "\n")
    compile_map(Path(source).read_text(), map_name, bots == "aas", Path(pk3_path))


if __name__ == "__main__":
    _main(*sys.argv[1:])
