"""A layer of gated recurrent units over time for the CPU, with its gradient. Knows no model, only arrays.

Torch records each step of a GRU on its own and adds up the gradients of the weights step by step. Here everything that
does not depend on the step before is one operation for all steps, forward and backward, and where an episode ends the
state is set to zero, so that nothing needs to be packed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def gru_sequence(x: Tensor, state: Tensor, dropped: Tensor | None, weights: Sequence[Tensor]) -> Tensor:
    """Outputs [T, B, H] of a GRU (Cho et al. 2014, with the reset gate behind the matrix product, as in torch).

    Args:
        x: [T, B, F]; everything is computed in its precision.
        state: [B, H] before the first step.
        dropped: [T, B, 1] bool, where step t starts with a zero state; None if no step does.
        weights: [3H, F] of the input, [3H, H] of the state, and their biases [3H]; reset, update and new gate.
    """
    with torch.autocast("cpu", enabled=False):
        same = (tensor.to(x.dtype) for tensor in (state, *weights))
        outputs: Tensor = _GruSequence.apply(x, dropped, *same)  # type: ignore[no-untyped-call]
    return outputs


class _GruSequence(torch.autograd.Function):
    # hot path
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, dropped: Tensor | None, state: Tensor, w_x: Tensor, w_h: Tensor, b_x: Tensor, b_h: Tensor
    ) -> Tensor:
        steps, size = len(x), state.shape[1]
        from_x = torch.addmm(b_x, x.flatten(0, 1), w_x.t()).view(steps, -1, 3 * size)
        from_h, gates = torch.empty_like(from_x), torch.empty_like(from_x)
        outputs = torch.empty_like(gates[..., :size], memory_format=torch.contiguous_format)
        x_gates, x_new = torch.split(from_x, [2 * size, size], 2)
        h_gates, h_new = torch.split(from_h, [2 * size, size], 2)
        reset_update, new = torch.split(gates, [2 * size, size], 2)
        reset, update = torch.split(reset_update, size, 2)
        first, columns = state, w_h.t()
        for t in range(steps):
            if dropped is not None:
                state = state.masked_fill(dropped[t], 0)
            torch.addmm(b_h, state, columns, out=from_h[t])
            torch.add(x_gates[t], h_gates[t], out=reset_update[t]).sigmoid_()
            torch.addcmul(x_new[t], reset[t], h_new[t], out=new[t]).tanh_()
            state = torch.lerp(new[t], state, update[t], out=outputs[t])
        ctx.save_for_backward(x, dropped, first, w_x, w_h, gates, h_new, outputs)
        return outputs

    # hot path
    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, dropped, first, w_x, w_h, gates, h_new, outputs = ctx.saved_tensors
        previous = torch.cat((first[None], outputs[:-1]))
        if dropped is not None:
            previous.masked_fill_(dropped, 0)
        reset, update, new = gates.chunk(3, 2)
        # What the gradient of a step's output is multiplied with to give those of its gates before the nonlinearity;
        # for the new gate, that of the product with the state.
        is_new = 1 - update
        by_new = is_new * (1 - new * new)
        by_update = (previous - new) * update * is_new
        by_h = torch.stack((by_new * h_new * reset * (1 - reset), by_update, by_new * reset), 2)
        from_later = torch.zeros_like(first)
        by_output, h_gradient = torch.empty_like(outputs), torch.empty_like(by_h)
        for t in range(len(x) - 1, -1, -1):
            here = torch.add(gradient[t], from_later, out=by_output[t])
            torch.mul(by_h[t], here[:, None], out=h_gradient[t])
            from_later = torch.addcmul(h_gradient[t].flatten(1) @ w_h, here, update[t])
            if dropped is not None:
                from_later.masked_fill_(dropped[t], 0)
        x_gradient = h_gradient.clone()
        torch.mul(by_new, by_output, out=x_gradient[:, :, 2])
        by_x_gates, by_h_gates = x_gradient.flatten(2).flatten(0, 1), h_gradient.flatten(2).flatten(0, 1)
        return (
            (by_x_gates @ w_x).view_as(x),
            None,
            from_later,
            by_x_gates.t() @ x.flatten(0, 1),
            by_h_gates.t() @ previous.flatten(0, 1),
            by_x_gates.sum(0),
            by_h_gates.sum(0),
        )
