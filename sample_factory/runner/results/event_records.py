"""Records of an event file, checked against their checksums all at once. Does not know what is in them.

TensorBoard's reader computes the checksums byte by byte in Python. Measured, 27,000 scalars of one training run: 0.36 s
with it, 0.07 s like this; a hundred such experiments are 36 s or 7 s. A test holds the two to the same answers.

A record is its length (8 bytes, the lowest first), the checksum of these (4), the data, and their checksum (4). The
checksum is CRC-32C, rotated and with a constant added.
"""

from __future__ import annotations

import struct

import numpy as np

_LENGTH, _CHECKSUM = 8, 4
_AROUND = _LENGTH + 2 * _CHECKSUM
LONGEST = 1 << 13
"""Bytes; longer records, such as images, hold no scalar and are left out."""
_POLYNOMIAL = 0x82F63B78
_MASK_DELTA = 0xA282EAD8


def read_records(data: bytes) -> list[bytes]:
    """The records up to the first one that is not complete or not sound."""
    starts, lengths = _walk(data)
    if not len(starts):
        return []
    contents = np.frombuffer(data, np.uint8)
    is_short = lengths <= LONGEST
    ends = starts + _LENGTH + _CHECKSUM + lengths
    is_sound = _masked_crc(contents, starts, np.full_like(starts, _LENGTH)) == _stored(contents, starts + _LENGTH)
    first = starts[is_short] + _LENGTH + _CHECKSUM
    is_sound[is_short] &= _masked_crc(contents, first, lengths[is_short]) == _stored(contents, ends[is_short])
    count = len(starts) if is_sound.all() else int(np.argmin(is_sound))
    chosen = np.flatnonzero(is_short[:count])
    begins = starts + _LENGTH + _CHECKSUM
    return [data[begin:end] for begin, end in zip(begins[chosen].tolist(), ends[chosen].tolist(), strict=True)]


def _walk(data: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Where the complete records begin, and how long their data are; both int64 [n]."""
    starts, lengths = [], []
    position, size = 0, len(data)
    while position + _AROUND <= size:
        (length,) = struct.unpack_from("<Q", data, position)
        if position + _AROUND + length > size:
            break
        starts.append(position)
        lengths.append(length)
        position += _AROUND + length
    return np.array(starts, np.int64), np.array(lengths, np.int64)


def _masked_crc(contents: np.ndarray, begins: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Checksum of each stretch of bytes, uint32 [n]: one step of all of them at a time."""
    order = np.argsort(-lengths, kind="stable")  # those that go on are always the first ones
    begins, remaining = begins[order], -lengths[order]
    crc = np.full(len(begins), 0xFFFFFFFF, np.uint32)
    for offset in range(int(lengths.max(initial=0))):
        count = int(np.searchsorted(remaining, -offset))
        part = crc[:count]
        crc[:count] = _TABLE[(part ^ contents[begins[:count] + offset]) & 0xFF] ^ (part >> 8)
    crc ^= np.uint32(0xFFFFFFFF)
    masked = np.empty_like(crc)
    masked[order] = ((crc >> 15) | (crc << 17)) + np.uint32(_MASK_DELTA)
    return masked


def _stored(contents: np.ndarray, begins: np.ndarray) -> np.ndarray:
    """The checksums that stand there, uint32 [n]."""
    return np.ascontiguousarray(contents[begins[:, None] + np.arange(_CHECKSUM)]).view("<u4")[:, 0]


def _table() -> np.ndarray:
    """What a byte does to a checksum, uint32 [256]."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(_POLYNOMIAL), table >> 1)
    return table


_TABLE = _table()
