"""Return estimators against sums written out from the papers. Knows nothing about learning."""

from __future__ import annotations

import math
from typing import NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sample_factory.rl.returns import VTrace, gae, vtrace

GAMMA = 0.9
CLIPS = [(1.0, 1.0), (2.0, 0.7), (0.6, 1.5)]


class Trajectory(NamedTuple):
    log_ratios: Tensor
    rewards: Tensor
    terminated: Tensor
    valid: Tensor
    resets: Tensor
    values: Tensor

    def vtrace(self, rho_clip: float = 1.0, c_clip: float = 1.0) -> VTrace:
        return vtrace(*self, gamma=GAMMA, rho_clip=rho_clip, c_clip=c_clip)

    def gae(self, gae_lambda: float) -> tuple[Tensor, Tensor]:
        return gae(*self[1:], gamma=GAMMA, gae_lambda=gae_lambda)


def random_trajectory(
    seed: int,
    steps: int = 12,
    rows: int = 5,
    ends: float = 0.15,
    inactive: float = 0.15,
    dtype: torch.dtype = torch.float64,
) -> Trajectory:
    """Ratios span [0.2, 5]; episodes end and reset at random, agents pause at random."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator, dtype=dtype)

    terminated = uniform(steps, rows) < ends
    valid = uniform(steps, rows) >= inactive
    resets = uniform(steps, rows) < ends
    # A valid step resets only where it terminates as well; a reset step is never the end of an episode.
    valid &= ~(resets & ~terminated)
    terminated &= ~(resets & ~valid)
    ratios = (uniform(steps, rows) * 2 - 1) * math.log(5.0)
    return Trajectory(ratios, uniform(steps, rows) - 0.5, terminated, valid, resets, uniform(steps + 1, rows) - 0.5)


def clone(trajectory: Trajectory) -> Trajectory:
    return Trajectory(*(tensor.clone() for tensor in trajectory))


class Decision(NamedTuple):
    """A valid step joined with the inactive ones that follow."""

    reward: float
    discount: float
    next_row: int | None


def decision_at(trajectory: Trajectory, t: int, b: int) -> Decision:
    reward, discount = 0.0, 1.0
    for k in range(t, len(trajectory.rewards)):
        reward += discount * float(trajectory.rewards[k, b])
        if trajectory.terminated[k, b]:
            return Decision(reward, 0.0, None)
        discount *= GAMMA
        last = k + 1 == len(trajectory.rewards)
        if last or trajectory.valid[k + 1, b] or trajectory.resets[k + 1, b]:
            return Decision(reward, discount, k + 1)
    raise AssertionError("unreachable")


def decides(trajectory: Trajectory, t: int, b: int) -> bool:
    return t < len(trajectory.rewards) and bool(trajectory.valid[t, b])


def vtrace_double_sum(trajectory: Trajectory, t: int, b: int, rho_clip: float, c_clip: float) -> float:
    """v_s = V(x_s) + sum over t of the product of discounts and c's times rho_t delta_t (equation 1 of the paper)."""
    total, weight, row = float(trajectory.values[t, b]), 1.0, t
    while True:
        reward, discount, after = decision_at(trajectory, row, b)
        ratio = math.exp(float(trajectory.log_ratios[row, b]))
        bootstrap = 0.0 if after is None else discount * float(trajectory.values[after, b])
        total += weight * min(rho_clip, ratio) * (reward + bootstrap - float(trajectory.values[row, b]))
        if after is None or not decides(trajectory, after, b):
            return total
        weight *= discount * min(c_clip, ratio)
        row = after


def expected_targets(trajectory: Trajectory, rho_clip: float, c_clip: float) -> Tensor:
    targets = trajectory.values.clone()
    for t in reversed(range(len(trajectory.rewards))):
        for b in range(trajectory.rewards.shape[1]):
            if trajectory.valid[t, b]:
                targets[t, b] = vtrace_double_sum(trajectory, t, b, rho_clip, c_clip)
            elif not trajectory.resets[t, b]:
                future = 0.0 if trajectory.terminated[t, b] else GAMMA * float(targets[t + 1, b])
                targets[t, b] = float(trajectory.rewards[t, b]) + future
    return targets


@pytest.mark.parametrize(("rho_clip", "c_clip"), CLIPS)
@pytest.mark.parametrize("inactive", [0.0, 0.3])
def test_vtrace_equals_the_double_sum_of_the_paper(rho_clip: float, c_clip: float, inactive: float) -> None:
    for seed in range(4):
        trajectory = random_trajectory(seed, inactive=inactive)
        result = trajectory.vtrace(rho_clip, c_clip)
        targets = expected_targets(trajectory, rho_clip, c_clip)
        torch.testing.assert_close(result.targets, targets[:-1], rtol=0, atol=1e-12)
        ratios = trajectory.log_ratios.exp()
        assert (ratios > max(rho_clip, c_clip)).any() and (ratios < min(rho_clip, c_clip)).any()
        next_targets = torch.where(trajectory.terminated, 0.0, targets[1:])
        advantages = ratios.clamp(max=rho_clip) * (trajectory.rewards + GAMMA * next_targets - trajectory.values[:-1])
        torch.testing.assert_close(
            result.advantages, torch.where(trajectory.valid, advantages, 0.0), rtol=0, atol=1e-12
        )


def test_a_typed_in_example() -> None:
    # Two steps, ratios 2 and 0.5, V = 1, 2, 4, gamma = 0.9, both clips 1.
    def column(*x: float) -> Tensor:
        return torch.tensor(x, dtype=torch.float64)[:, None]

    no = torch.zeros(2, 1, dtype=torch.bool)
    trajectory = Trajectory(column(2.0, 0.5).log(), column(1.0, 1.0), no, ~no, no, column(1.0, 2.0, 4.0))
    # Last step: 2 + 0.5 * (1 + 3.6 - 2) = 3.3. First: 1 + (1 + 1.8 - 1) + 0.9 * 1 * (3.3 - 2) = 3.97.
    result = trajectory.vtrace()
    torch.testing.assert_close(result.targets, column(3.97, 3.3))
    torch.testing.assert_close(result.advantages, column(1 + 0.9 * 3.3 - 1, 0.5 * (1 + 3.6 - 2)))


@given(seed=st.integers(0, 10_000), inactive=st.sampled_from([0.0, 0.3]))
@settings(max_examples=25, deadline=None)
def test_on_policy_vtrace_is_gae_with_lambda_one(seed: int, inactive: float) -> None:
    trajectory = random_trajectory(seed, inactive=inactive)
    trajectory = trajectory._replace(log_ratios=torch.zeros_like(trajectory.log_ratios))
    targets, vtrace_advantages = trajectory.vtrace()
    advantages, returns = trajectory.gae(1.0)
    torch.testing.assert_close(targets, returns)
    if not inactive:
        torch.testing.assert_close(vtrace_advantages, advantages)


@pytest.mark.parametrize("gae_lambda", [0.0, 0.7, 1.0])
def test_gae_equals_the_sum_of_discounted_temporal_differences(gae_lambda: float) -> None:
    trajectory = random_trajectory(3, inactive=0.3)
    advantages, returns = trajectory.gae(gae_lambda)
    for t in range(len(trajectory.rewards)):
        for b in range(trajectory.rewards.shape[1]):
            if not trajectory.valid[t, b]:
                assert advantages[t, b] == 0.0
                continue
            total, weight, row = 0.0, 1.0, t
            while True:
                reward, discount, after = decision_at(trajectory, row, b)
                bootstrap = 0.0 if after is None else discount * float(trajectory.values[after, b])
                total += weight * (reward + bootstrap - float(trajectory.values[row, b]))
                if after is None or not decides(trajectory, after, b):
                    break
                weight *= discount * gae_lambda
                row = after
            assert float(advantages[t, b]) == pytest.approx(total, abs=1e-12)
            assert float(returns[t, b]) == pytest.approx(total + float(trajectory.values[t, b]), abs=1e-12)


def test_lambda_zero_is_the_one_step_error_and_zero_ratio_leaves_values_alone() -> None:
    trajectory = random_trajectory(0, ends=0.0, inactive=0.0)
    errors = trajectory.rewards + GAMMA * trajectory.values[1:] - trajectory.values[:-1]
    torch.testing.assert_close(trajectory.gae(0.0)[0], errors)
    never = trajectory._replace(log_ratios=torch.full_like(trajectory.log_ratios, -1e4))
    torch.testing.assert_close(never.vtrace().targets, trajectory.values[:-1])
    assert not never.vtrace().advantages.any()


def test_truncation_bootstraps_from_the_final_observation_and_termination_does_not() -> None:
    trajectory = random_trajectory(1, steps=4, rows=2, ends=0.0, inactive=0.0)
    # Both rows end their episode at step 1: row 0 terminates, row 1 is truncated. Step 2 resets.
    trajectory.terminated[1, 0] = True
    trajectory.valid[2] = False
    trajectory.resets[2] = True
    trajectory.log_ratios.zero_()
    for targets in (trajectory.vtrace().targets, trajectory.gae(1.0)[1]):
        assert targets[1, 0] == trajectory.rewards[1, 0]
        assert targets[1, 1] == pytest.approx(float(trajectory.rewards[1, 1] + GAMMA * trajectory.values[2, 1]))
        torch.testing.assert_close(targets[2], trajectory.values[2])
        # Episodes after the reset go on as usual.
        torch.testing.assert_close(targets[3], trajectory.rewards[3] + GAMMA * trajectory.values[4])


def test_a_valid_step_that_lost_its_successor_is_cut() -> None:
    trajectory = random_trajectory(1, steps=3, rows=1, ends=0.0, inactive=0.0)
    trajectory.resets[1] = True
    targets, advantages = trajectory.vtrace()
    assert targets[1, 0] == trajectory.values[1, 0] and advantages[1, 0] == 0.0


@given(
    seed=st.integers(0, 10_000),
    end=st.integers(0, 9),
    truncated=st.booleans(),
    poison=st.sampled_from([math.nan, math.inf, 7.0]),
)
@settings(max_examples=40, deadline=None)
def test_nothing_after_an_episode_end_reaches_what_came_before(
    seed: int, end: int, truncated: bool, poison: float
) -> None:
    trajectory = random_trajectory(seed)
    trajectory.valid[end], trajectory.terminated[end], trajectory.resets[end] = True, not truncated, False
    trajectory.valid[end + 1], trajectory.terminated[end + 1], trajectory.resets[end + 1] = False, False, True
    changed = clone(trajectory)
    changed.log_ratios[end + 1 :] = poison
    changed.rewards[end + 1 :] = poison
    # The final observation is the only thing that a truncated episode may look at.
    changed.values[end + 1 + truncated :] = poison
    for before, after in (
        (trajectory.vtrace(), changed.vtrace()),
        (trajectory.gae(0.9), changed.gae(0.9)),
    ):
        for old, new in zip(before, after, strict=True):
            torch.testing.assert_close(new[: end + 1], old[: end + 1], rtol=0, atol=0)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_nan_in_entries_that_do_not_count_stays_there(seed: int) -> None:
    trajectory = random_trajectory(seed)
    cut = trajectory.resets & ~trajectory.valid
    inactive = ~trajectory.valid & ~cut
    after_end = torch.zeros_like(cut)
    after_end[1:] = trajectory.terminated[:-1]
    poisoned = clone(trajectory)
    poisoned.log_ratios[~trajectory.valid] = math.nan
    poisoned.rewards[cut] = math.nan
    poisoned.values[:-1][inactive | (cut & after_end)] = math.nan
    for clean, dirty in (
        (trajectory.vtrace(1.3, 0.8), poisoned.vtrace(1.3, 0.8)),
        (trajectory.gae(0.9), poisoned.gae(0.9)),
    ):
        for old, new in zip(clean, dirty, strict=True):
            torch.testing.assert_close(new[~(cut & after_end)], old[~(cut & after_end)], rtol=0, atol=0)


def test_inactive_steps_pass_reward_and_discount_through_whatever_the_clips() -> None:
    trajectory = random_trajectory(5, inactive=0.4)
    targets, advantages = trajectory.vtrace(0.5, 0.5)
    inactive = ~trajectory.valid & ~trajectory.resets & ~trajectory.terminated
    inactive[-1] = False
    expected = trajectory.rewards[:-1] + GAMMA * targets[1:]
    torch.testing.assert_close(targets[:-1][inactive[:-1]], expected[inactive[:-1]])
    assert inactive.any() and not advantages[inactive].any()


def test_single_precision_is_close_to_double() -> None:
    double = random_trajectory(2, steps=64)
    single = Trajectory(*(x.float() if x.is_floating_point() else x for x in double))
    for x, y in zip(single.vtrace(), double.vtrace(), strict=True):
        torch.testing.assert_close(x.double(), y, rtol=0, atol=5e-6)


def test_shapes_are_checked() -> None:
    trajectory = random_trajectory(0)
    with pytest.raises(AssertionError, match="one row more"):
        trajectory._replace(values=trajectory.values[:-1]).vtrace()
