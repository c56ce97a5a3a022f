"""Weights are read whole, and with the version that they belong to."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from sample_factory.sampling.weights import Weights, weights_specs
from sample_factory.system.arena import Arena

SIZE = 20_000


def new_arena(num_policies: int = 1, size: int = SIZE) -> Arena:
    return Arena.create(weights_specs(num_policies, size))


def publish(weights: Weights, version: int) -> None:
    weights.slot_to_write()[:] = version
    weights.publish(version)


def read_into(weights: Weights, out: np.ndarray) -> tuple[int, int]:
    def copy(newest: np.ndarray) -> None:
        out[:] = newest

    return weights.read(copy)


def test_the_newest_weights_are_read_with_their_version():
    weights, out = Weights(new_arena(), 0), np.empty(SIZE, np.float32)
    assert weights.publication == 0
    for number, version in enumerate((5, 9, 11), start=1):
        publish(weights, version)
        assert read_into(weights, out) == (number, version)
        assert (out == version).all()


def test_policies_do_not_share_weights():
    arena, out = new_arena(2), np.empty(SIZE, np.float32)
    first, second = Weights(arena, 0), Weights(arena, 1)
    publish(first, 3)
    assert second.publication == 0
    publish(second, 8)
    assert read_into(first, out) == (1, 3) and (out == 3).all()


def test_weights_that_are_being_written_are_not_read():
    weights, out = Weights(new_arena(), 0), np.empty(SIZE, np.float32)
    publish(weights, 1)
    weights.slot_to_write()[: SIZE // 2] = 2
    assert read_into(weights, out) == (1, 1) and (out == 1).all()


def test_a_copy_that_was_overtaken_is_not_used():
    """The writer comes back to the slot while it is being copied: the reader must start again."""
    weights = Weights(new_arena(), 0)
    publish(weights, 1)

    class Overtaken(np.ndarray):
        """An output that lets two publications pass in the middle of the first copy."""

        was_overtaken = False

        def __setitem__(self, key, value):
            super().__setitem__(key, value)
            if not self.was_overtaken:
                self.was_overtaken = True
                publish(weights, 2)
                weights.slot_to_write()[:7] = 3  # the slot that was copied is half overwritten

    out = np.empty(SIZE, np.float32).view(Overtaken)
    assert read_into(weights, out) == (2, 2)
    assert (np.asarray(out) == 2).all()


def test_a_writer_that_never_rests_is_reported():
    weights = Weights(new_arena(size=1), 0)
    publish(weights, 1)

    class Chased(np.ndarray):
        def __setitem__(self, key, value):
            publish(weights, 1)
            publish(weights, 1)

    with pytest.raises(RuntimeError, match="rewritten faster"):
        read_into(weights, np.empty(1, np.float32).view(Chased))


def test_no_reader_ever_sees_a_torn_copy():
    arena, done, torn = new_arena(), threading.Event(), []
    publish(Weights(arena, 0), 1)

    def read() -> None:
        weights, out, last = Weights(arena, 0), np.empty(SIZE, np.float32), 0
        while not done.is_set():
            _, version = read_into(weights, out)
            if not (out == version).all() or version < last:
                torn.append((version, last))
            last = version

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    writer = Weights(arena, 0)
    for version in range(2, 400):
        publish(writer, version)
    done.set()
    for reader in readers:
        reader.join()
    assert torn == []
