"""One anonymous shared-memory region carved into named arrays. Knows nothing of what the arrays mean.

The region has no name in any file system, so `kill -9` of every process leaves nothing behind, and the size of
/dev/shm does not matter. Children get it by file descriptor when they are started.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Mapping
from multiprocessing import reduction
from typing import Any, NamedTuple

import numpy as np

_ALIGNMENT = 64  # one cache line: arrays with different writers never share one


class ArraySpec(NamedTuple):
    """Shape and dtype of one array."""

    shape: tuple[int, ...]
    dtype: Any

    @property
    def size_bytes(self) -> int:
        """Bytes in the region, padded to a cache line."""
        size = int(np.prod(self.shape, dtype=np.int64)) * np.dtype(self.dtype).itemsize
        return int(-(-size // _ALIGNMENT) * _ALIGNMENT)


class Arena:
    """Named NumPy arrays in one shared region, zero at the start; `arena["name"]` is a view."""

    def __init__(self, fd: int, specs: Mapping[str, ArraySpec]) -> None:
        self._fd = fd
        self._specs = dict(specs)
        self.size_bytes = _total_size(specs)
        self._map = mmap.mmap(fd, self.size_bytes)
        self._arrays = _carve(self._map, self._specs)

    @classmethod
    def create(cls, specs: Mapping[str, ArraySpec]) -> Arena:
        """Allocate a region for `specs`; the pages are taken when first touched."""
        fd = _anonymous_file()
        os.ftruncate(fd, _total_size(specs))
        return cls(fd, specs)

    def __getitem__(self, name: str) -> np.ndarray:
        return self._arrays[name]

    def __contains__(self, name: str) -> bool:
        return name in self._arrays

    @property
    def address(self) -> int:
        """Where the region begins in this process."""
        return int(np.frombuffer(self._map, np.uint8).ctypes.data)

    def __reduce__(self) -> tuple[Any, ...]:
        # Only meaningful while a child process is being started, like every multiprocessing handle.
        return _reopen, (reduction.DupFd(self._fd), self._specs)

    def close(self) -> None:
        """Drop the file descriptor; the memory goes when the last view does."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _reopen(handle: Any, specs: Mapping[str, ArraySpec]) -> Arena:
    return Arena(handle.detach(), specs)


def _anonymous_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("sample_factory")
    with tempfile.TemporaryFile() as file:  # macOS: already unlinked
        return os.dup(file.fileno())


def _total_size(specs: Mapping[str, ArraySpec]) -> int:
    return max(_ALIGNMENT, sum(spec.size_bytes for spec in specs.values()))


def _carve(region: mmap.mmap, specs: Mapping[str, ArraySpec]) -> dict[str, np.ndarray]:
    arrays, offset = {}, 0
    for name, spec in specs.items():
        count = int(np.prod(spec.shape, dtype=np.int64))
        arrays[name] = np.frombuffer(region, spec.dtype, count, offset).reshape(spec.shape)
        offset += spec.size_bytes
    return arrays
