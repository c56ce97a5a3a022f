"""Running statistics against the moments of everything at once. Knows no model."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sample_factory.rl.normalization import denormalize, initial_statistics, normalize, update_statistics


@given(sizes=st.lists(st.integers(0, 40), min_size=1, max_size=6), seed=st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_any_split_into_batches_gives_the_moments_of_the_whole(sizes: list[int], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    batches = [torch.randn(size, 3, generator=generator) * 5 + 100 for size in sizes]
    statistics = initial_statistics(3)
    for batch in batches:
        statistics = update_statistics(statistics, batch)
    everything = torch.cat(batches)
    assert float(statistics.num_samples) == len(everything)
    if len(everything):
        torch.testing.assert_close(statistics.mean, everything.mean(0))
        torch.testing.assert_close(statistics.var, everything.var(0, correction=0), rtol=1e-4, atol=1e-4)


def test_masked_rows_are_ignored_even_if_nan() -> None:
    batch = torch.randn(4, 5, 2, generator=torch.Generator().manual_seed(0))
    valid = torch.rand(4, 5, generator=torch.Generator().manual_seed(1)) < 0.5
    poisoned = batch.clone()
    poisoned[~valid] = math.nan
    result = update_statistics(initial_statistics(2), poisoned, valid)
    torch.testing.assert_close(result.mean, batch[valid].mean(0))
    torch.testing.assert_close(result.var, batch[valid].var(0, correction=0))


def test_nothing_valid_changes_nothing() -> None:
    before = update_statistics(initial_statistics(2), torch.randn(8, 2))
    after = update_statistics(before, torch.randn(8, 2), torch.zeros(8, dtype=torch.bool))
    for old, new in zip(before, after, strict=True):
        torch.testing.assert_close(new, old, rtol=0, atol=0)


def test_update_leaves_its_inputs_alone() -> None:
    before = initial_statistics(2)
    update_statistics(before, torch.ones(8, 2))
    assert not before.mean.any() and float(before.num_samples) == 0.0


def test_normalized_data_is_standard_and_clipped_and_denormalize_undoes_it() -> None:
    x = torch.randn(1000, 2, generator=torch.Generator().manual_seed(0)) * torch.tensor([3.0, 0.1]) + 7
    statistics = update_statistics(initial_statistics(2), x)
    normalized = normalize(x, statistics)
    torch.testing.assert_close(normalized.mean(0), torch.zeros(2), rtol=0, atol=1e-4)
    torch.testing.assert_close(normalized.std(0), torch.ones(2), rtol=0, atol=2e-3)
    torch.testing.assert_close(denormalize(normalized, statistics), x, rtol=1e-5, atol=1e-5)
    assert float(normalize(x + 1e6, statistics, clip=2.5).max()) == pytest.approx(2.5)
