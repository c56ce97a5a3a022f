"""Which GPUs processes see."""

from __future__ import annotations

import pytest

from sample_factory.sampling.processes import gpu_of_policy, visible_gpus


@pytest.mark.parametrize(
    ("policy", "num_gpus", "visible", "expected"),
    [(1, 0, None, None), (1, 1, None, None), (0, 2, None, "0"), (3, 2, None, "1"), (3, 2, "4,7", "7")],
)
def test_policies_take_turns_on_the_gpus(policy, num_gpus, visible, expected):
    assert gpu_of_policy(policy, num_gpus, visible).get("CUDA_VISIBLE_DEVICES") == expected


def test_environments_see_a_gpu_only_if_they_are_given_one():
    assert visible_gpus((), 3) == {"CUDA_VISIBLE_DEVICES": ""}
    assert [visible_gpus((2, 5), worker)["CUDA_VISIBLE_DEVICES"] for worker in range(3)] == ["2", "5", "2"]
