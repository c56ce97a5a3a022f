"""Packed sequences against a loop over steps that zeroes the state. Knows no model."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from sample_factory.rl.sequences import run_sequence, segment

STEPS, ROWS, FEATURES, HIDDEN = 9, 4, 3, 5


def step_loop(rnn: nn.GRU | nn.LSTM, inputs: Tensor, state: Any, resets: Tensor) -> Tensor:
    outputs = []
    for t in range(len(inputs)):
        output, state = rnn(inputs[t : t + 1], state)
        outputs.append(output)
        if t < len(resets):
            keep = (~resets[t]).float()[None, :, None]
            state = tuple(x * keep for x in state) if isinstance(state, tuple) else state * keep
    return torch.cat(outputs)


def make_resets(pattern: str) -> Tensor:
    resets = torch.zeros(STEPS, ROWS, dtype=torch.bool)
    if pattern == "random":
        resets = torch.rand(STEPS, ROWS, generator=torch.Generator().manual_seed(3)) < 0.3
    elif pattern == "periodic":
        resets[2::3] = True
    elif pattern == "every step":
        resets[:] = True
    elif pattern == "last step only":
        resets[-1] = True
    elif pattern == "one row":
        resets[4, 2] = True
    return resets


@pytest.mark.parametrize("pattern", ["none", "random", "periodic", "every step", "last step only", "one row"])
@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM])
@pytest.mark.parametrize("layers", [1, 2])
def test_values_and_gradients_equal_a_step_loop(pattern: str, kind: type[nn.GRU] | type[nn.LSTM], layers: int) -> None:
    torch.manual_seed(0)
    rnn = kind(FEATURES, HIDDEN, layers)
    resets = make_resets(pattern)
    inputs = torch.randn(STEPS, ROWS, FEATURES)
    states = [torch.randn(layers, ROWS, HIDDEN) for _ in range(2 if kind is nn.LSTM else 1)]
    weights = torch.randn(STEPS, ROWS, HIDDEN)
    results = []
    for function in (run_sequence, step_loop):
        leaves = [x.clone().requires_grad_() for x in (inputs, *states)]
        state: Any = tuple(leaves[1:]) if kind is nn.LSTM else leaves[1]
        outputs = function(rnn, leaves[0], state, resets)
        rnn.zero_grad()
        torch.autograd.backward((outputs * weights).sum())
        gradients = [leaf.grad for leaf in leaves] + [p.grad for p in rnn.parameters()]
        results.append([outputs, *gradients])
    for packed, looped in zip(*results, strict=True):
        torch.testing.assert_close(packed, looped, rtol=2e-6, atol=2e-6)


@given(steps=st.integers(1, 12), rows=st.integers(1, 6), density=st.floats(0, 1), seed=st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_segments_are_a_permutation_in_which_time_runs_forward(
    steps: int, rows: int, density: float, seed: int
) -> None:
    inner = torch.rand(steps - 1, rows, generator=torch.Generator().manual_seed(seed)) < density
    segments = segment(inner)
    everything = torch.arange(steps * rows)
    assert torch.equal(segments.sources[segments.positions], everything)
    sizes = segments.batch_sizes
    assert int(sizes.sum()) == steps * rows and bool((sizes.diff() <= 0).all())
    assert len(segments.first_states) == int(sizes[0]) == rows + int(inner.sum())
    # Going one step along a segment goes one row down, in the same column.
    starts = sizes.cumsum(0) - sizes
    for k in range(1, len(sizes)):
        here = segments.sources[starts[k] : starts[k] + sizes[k]]
        before = segments.sources[starts[k - 1] : starts[k - 1] + sizes[k]]
        assert torch.equal(here, before + rows)


def test_a_single_step_needs_no_resets() -> None:
    rnn = nn.GRU(FEATURES, HIDDEN)
    inputs, state = torch.randn(1, ROWS, FEATURES), torch.randn(1, ROWS, HIDDEN)
    no_resets = torch.zeros(0, ROWS, dtype=torch.bool)
    torch.testing.assert_close(run_sequence(rnn, inputs, state, no_resets), rnn(inputs, state)[0])
