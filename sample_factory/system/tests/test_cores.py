"""Workers are spread evenly over the cores."""

from __future__ import annotations

import pytest

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
