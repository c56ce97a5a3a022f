"""Adam on a list of tensors, as one kernel call for all of them. Knows no model.

`torch.optim` would import torch's compiler with its first use: a second of every start and 70 MB of the learner.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor


class Adam:
    """Kingma & Ba 2015, https://arxiv.org/abs/1412.6980, without weight decay."""

    def __init__(self, parameters: Iterable[Tensor]) -> None:
        self._parameters = list(parameters)
        self._steps = [torch.zeros((), device=parameter.device) for parameter in self._parameters]
        self._means = [torch.zeros_like(parameter) for parameter in self._parameters]
        self._squares = [torch.zeros_like(parameter) for parameter in self._parameters]

    @property
    def second_moments(self) -> list[Tensor]:
        """Running mean of the squared gradient, for each parameter."""
        return self._squares

    # hot path
    def clear_gradients(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self._parameters:
            parameter.grad = None

    # hot path
    def gradient_norm(self) -> Tensor:
        """L2 norm of all gradients together, a scalar."""
        gradients = [parameter.grad for parameter in self._parameters if parameter.grad is not None]
        norm: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        return norm

    # hot path
    @torch.no_grad()
    def step(self, learning_rate: float, beta1: float, beta2: float, eps: float, divisor: Tensor | None = None) -> None:
        """Update every parameter that has a gradient.

        Args:
            divisor: what all gradients are divided by first, a scalar; they may be changed by that.
        """
        found = [(i, parameter.grad) for i, parameter in enumerate(self._parameters) if parameter.grad is not None]
        used, gradients = [i for i, _ in found], [gradient for _, gradient in found]
        steps = [self._steps[i] for i in used]
        torch._foreach_add_(steps, 1)
        torch._fused_adam_(
            [self._parameters[i] for i in used],
            gradients,
            [self._means[i] for i in used],
            [self._squares[i] for i in used],
            [],
            steps,
            lr=learning_rate,
            beta1=beta1,
            beta2=beta2,
            weight_decay=0.0,
            eps=eps,
            amsgrad=False,
            maximize=False,
            grad_scale=divisor,
        )

    def state_dict(self) -> dict[str, Any]:
        """What has been gathered about each parameter, by its place and under the names of `torch.optim.Adam`."""
        moments = zip(self._steps, self._means, self._squares, strict=True)
        return {"state": {i: dict(zip(_NAMES, own, strict=True)) for i, own in enumerate(moments)}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from `state_dict`, this one's or that of `torch.optim.Adam`.

        Parameters that it knows nothing of start afresh, and what it knows of others is left out.
        """
        for i, own in enumerate(zip(self._steps, self._means, self._squares, strict=True)):
            saved = state["state"].get(i)
            for name, tensor in zip(_NAMES, own, strict=True):
                if saved is None:
                    tensor.zero_()
                else:
                    tensor.copy_(saved[name])


_NAMES = ("step", "exp_avg", "exp_avg_sq")
