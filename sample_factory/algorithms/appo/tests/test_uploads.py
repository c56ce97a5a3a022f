"""What a learner gets from shared memory is there when the copying is said to have ended, with or without a GPU."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch

from sample_factory.algorithms.appo.uploads import Uploads, lock_pages
from sample_factory.system.arena import Arena, ArraySpec


class Runtime:
    """CUDA's, as far as it is called."""

    def __init__(self, answer: int = 0) -> None:
        self._answer = answer
        self.calls: list[tuple[int, int, int]] = []

    def cudaHostRegister(self, address: int, size: int, flags: int) -> int:  # noqa: N802
        self.calls.append((address, size, flags))
        return self._answer


@pytest.fixture
def arena() -> Arena:
    return Arena.create({"a": ArraySpec((3, 5), np.float32), "b": ArraySpec((7,), np.uint8)})


def test_the_whole_arena_is_locked_where_it_is_mapped(arena: Arena, caplog: pytest.LogCaptureFixture):
    runtime = Runtime()
    lock_pages(arena, runtime)
    ((address, size, _),) = runtime.calls
    for name in ("a", "b"):
        first = arena[name].ctypes.data
        assert address <= first and first + arena[name].nbytes <= address + size
    assert address == arena["a"].ctypes.data and not caplog.records


def test_memory_that_cannot_be_locked_is_a_warning(arena: Arena, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.WARNING):
        lock_pages(arena, Runtime(answer=2))
    assert "CUDA error 2" in caplog.text


def test_on_the_cpu_nothing_is_copied(arena: Arena):
    with Uploads(torch.device("cpu")).begin() as load:
        tensor = load(arena["a"])
    arena["a"][1, 2] = 4
    assert tensor[1, 2] == 4
