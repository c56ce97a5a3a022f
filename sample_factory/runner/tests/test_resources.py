"""How GPUs and cores are shared. Needs neither."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sample_factory.runner.ledger import Place
from sample_factory.runner.resources import choose_place, core_shares, visible_gpus


def _fill(num_gpus: int, per_gpu: int, max_parallel: int) -> list[str | None]:
    """GPUs of experiments in the order of their starts, none of which ends."""
    used: list[Place] = []
    gpus = visible_gpus(num_gpus, None)
    while (place := choose_place(used, max_parallel, gpus, per_gpu, [])) is not None:
        used.append(place)
    return [place.gpu for place in used]


def test_the_least_loaded_gpu_is_next_and_none_is_overloaded() -> None:
    assert _fill(num_gpus=4, per_gpu=3, max_parallel=100) == ["0", "1", "2", "3"] * 3
    assert _fill(num_gpus=4, per_gpu=3, max_parallel=5) == ["0", "1", "2", "3", "0"]
    used = [Place("0"), Place("1"), Place("1"), Place("0"), Place("2")]
    assert choose_place(used, 100, ["0", "1", "2"], 2, []) == Place("2")
    assert choose_place([*used, Place("2")], 100, ["0", "1", "2"], 2, []) is None


@pytest.mark.parametrize("per_gpu", [-1, 0])
def test_gpus_may_be_left_alone(per_gpu: int) -> None:
    assert _fill(num_gpus=2, per_gpu=per_gpu, max_parallel=3) == [None, None, None]


def test_only_gpus_that_the_runner_may_use_are_given_away() -> None:
    assert visible_gpus(2, None) == ["0", "1"]
    assert visible_gpus(2, "5, 7,GPU-abc") == ["5", "7"]
    with pytest.raises(ValueError, match=r"--num_gpus=2, but CUDA_VISIBLE_DEVICES=5 has 1"):
        visible_gpus(2, "5")
    with pytest.raises(ValueError, match="has 0"):
        visible_gpus(1, "")


@given(st.integers(1, 70), st.integers(1, 70))
def test_shares_are_fair_and_disjoint_unless_there_are_too_few_cores(num_cores: int, num_shares: int) -> None:
    cores = [core * 2 + 1 for core in range(num_cores)]
    shares = core_shares(cores, num_shares)
    assert len(shares) == num_shares and all(shares)
    sizes = [len(share) for share in shares]
    assert max(sizes) - min(sizes) <= 1
    users = [sum(core in share for share in shares) for core in cores]
    assert (set(users) == {1}) if num_shares <= num_cores else (min(users) >= 1 and max(users) - min(users) <= 1)


def test_parallel_experiments_never_have_the_same_cores() -> None:
    shares = core_shares(range(10), 3)
    assert shares == [(0, 1, 2), (3, 4, 5), (6, 7, 8, 9)]
    used = [Place(cores=shares[0]), Place(cores=shares[2])]
    assert choose_place(used, 3, [], -1, shares) == Place(cores=shares[1])
    # What an earlier runner has started may have been given other shares.
    assert choose_place([Place(cores=(4,)), Place(cores=(0, 1))], 3, [], -1, shares) == Place(cores=shares[2])
