"""One region, many arrays that do not touch. Knows not what they are for (children: see test_process)."""

from __future__ import annotations

import os

import numpy as np
import pytest

from sample_factory.system.arena import Arena, ArraySpec

SPECS = {
    "flags": ArraySpec((3,), np.bool_),
    "empty": ArraySpec((0, 5), np.float32),
    "matrix": ArraySpec((2, 3), np.float64),
    "bytes": ArraySpec((65,), np.uint8),
    "last": ArraySpec((1,), np.int64),
}


def test_arrays_have_their_shape_start_at_zero_and_do_not_overlap() -> None:
    arena = Arena.create(SPECS)
    for name, spec in SPECS.items():
        assert arena[name].shape == spec.shape
        assert arena[name].dtype == spec.dtype
        assert not arena[name].any()
    for number, name in enumerate(SPECS, start=1):
        arena[name][...] = number
    for number, name in enumerate(SPECS, start=1):
        assert (arena[name] == (True if name == "flags" else number)).all()
    arena.close()


def test_writers_never_share_a_cache_line() -> None:
    arena = Arena.create(SPECS)
    addresses = [arena[name].ctypes.data for name in SPECS if arena[name].size]
    assert all(address % 64 == 0 for address in addresses)
    assert len(set(addresses)) == len(addresses)
    arena.close()


def test_it_has_no_name_in_shared_memory_and_is_known_by_name_only_inside() -> None:
    before = set(os.listdir("/dev/shm")) if os.path.isdir("/dev/shm") else set()
    arena = Arena.create(SPECS)
    after = set(os.listdir("/dev/shm")) if os.path.isdir("/dev/shm") else set()
    assert not {name for name in after - before if "sample_factory" in name}
    assert "matrix" in arena
    assert "nothing" not in arena
    with pytest.raises(KeyError):
        arena["nothing"]
    arena.close()


def test_views_outlive_the_descriptor() -> None:
    arena = Arena.create(SPECS)
    matrix = arena["matrix"]
    arena.close()
    arena.close()
    matrix[:] = 1.0
    assert matrix.sum() == 6.0
