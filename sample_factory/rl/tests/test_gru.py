"""The GRU over time against torch's own, step by step. Knows no model."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from sample_factory.rl.gru import gru_sequence

FEATURES, HIDDEN = 3, 5


def oracle(cell: nn.GRUCell, x: Tensor, state: Tensor, dropped: Tensor) -> Tensor:
    outputs = []
    for row, is_dropped in zip(x, dropped, strict=True):
        state = cell(row, torch.where(is_dropped, 0.0, state))
        outputs.append(state)
    return torch.stack(outputs)


def make(
    steps: int, rows: int, density: float, seed: int, dtype: torch.dtype
) -> tuple[nn.GRUCell, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    cell = nn.GRUCell(FEATURES, HIDDEN).to(dtype)
    x = torch.randn(steps, rows, FEATURES, generator=generator, dtype=dtype, requires_grad=True)
    state = torch.randn(rows, HIDDEN, generator=generator, dtype=dtype, requires_grad=True)
    dropped = torch.rand(steps, rows, 1, generator=generator) < density
    return cell, x, state, dropped


@given(steps=st.integers(1, 7), rows=st.integers(1, 4), density=st.floats(0, 1), seed=st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_values_and_gradients_equal_a_loop_over_cells(steps: int, rows: int, density: float, seed: int) -> None:
    cell, x, state, dropped = make(steps, rows, density, seed, torch.float64)
    leaves = (x, state, *cell.parameters())
    weights = torch.randn(steps, rows, HIDDEN, dtype=torch.float64)
    mine = gru_sequence(x, state, dropped, list(cell.parameters()))
    theirs = oracle(cell, x, state, dropped)
    torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-12)
    found, wanted = (torch.autograd.grad((out * weights).sum(), leaves) for out in (mine, theirs))
    torch.testing.assert_close(found, wanted, rtol=1e-11, atol=1e-11)


def test_no_mask_means_that_every_state_is_kept() -> None:
    cell, x, state, dropped = make(6, 3, 0.0, 0, torch.float64)
    weights = list(cell.parameters())
    leaves = (x, state, *weights)
    results = [gru_sequence(x, state, mask, weights) for mask in (None, dropped)]
    torch.testing.assert_close(*results)
    torch.testing.assert_close(*(torch.autograd.grad(out.square().sum(), leaves) for out in results))


def test_gradients_survive_a_finite_difference_check() -> None:
    cell, x, state, dropped = make(4, 2, 0.4, 1, torch.float64)
    inputs = (x, state, *cell.parameters())
    assert torch.autograd.gradcheck(lambda x, state, *weights: gru_sequence(x, state, dropped, weights), inputs)


def test_computes_in_the_precision_of_its_input() -> None:
    cell, x, state, dropped = make(4, 2, 0.4, 1, torch.float32)
    exact = gru_sequence(x, state, dropped, list(cell.parameters()))
    rough = gru_sequence(x.bfloat16(), state, dropped, list(cell.parameters()))
    assert rough.dtype == torch.bfloat16
    assert bool(((exact - rough).abs() < 0.05).all())
    rough.sum().backward()
    assert all(parameter.grad is not None and parameter.grad.dtype == torch.float32 for parameter in cell.parameters())


def test_a_state_that_is_dropped_gets_no_gradient() -> None:
    cell, x, state, dropped = make(3, 2, 0.0, 2, torch.float32)
    dropped[0, 1] = True
    (gradient,) = torch.autograd.grad(gru_sequence(x, state, dropped, list(cell.parameters())).sum(), [state])
    assert bool((gradient[1] == 0).all()) and bool((gradient[0] != 0).any())


def test_not_even_nan_gets_past_a_dropped_state() -> None:
    cell, x, state, dropped = make(4, 2, 0.0, 2, torch.float32)
    dropped[2, 0] = True
    with torch.no_grad():
        x[1, 0] = float("nan")
    outputs = gru_sequence(x, state, dropped, list(cell.parameters()))
    finite = outputs.isfinite().all(2)
    assert finite.tolist() == [[True, True], [False, True], [True, True], [True, True]]
