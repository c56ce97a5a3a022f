"""Workers are spread evenly over the cores."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sample_factory.system.cores import pin


@pytest.mark.parametrize(
    ("cores", "num_workers", "pinned"),
    [
        ((0, 1), 2, [(0,), (1,)]),
        ((4, 5, 6, 7), 2, [(4, 5), (6, 7)]),
        ((0, 1), 3, [(0,), (1,), (0, 1)]),
        ((0, 1, 2), 2, [(0,), (1,)]),
        ((3,), 2, [(3,), (3,)]),
    ],
)
def test_a_full_round_has_a_core_each_and_the_rest_share(
    cores: tuple[int, ...], num_workers: int, pinned: list[tuple[int, ...]]
) -> None:
    assert pin(cores, num_workers) == pinned


@given(st.integers(1, 64), st.integers(1, 200))
def test_every_worker_has_cores_and_no_core_has_two_workers_more_than_another(num_cores, num_workers):
    cores = pin(tuple(range(num_cores)), num_workers)
    assert len(cores) == num_workers and all(cores)
    load = [sum(core in own for own in cores) for core in range(num_cores)]
    assert max(load) - min(load) <= 1
