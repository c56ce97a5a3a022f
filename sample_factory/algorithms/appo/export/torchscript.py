"""A policy as TorchScript: written, and read again to act. Knows no environment."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sample_factory.algorithms.appo.export.acting_module import ActingModule


@torch.no_grad()
def trace(module: ActingModule, num_rows: int) -> Any:
    """The operators that the module runs, for any number of rows; made with `num_rows`."""
    with warnings.catch_warnings():
        # TorchScript is deprecated, and warns of all that it takes for a constant: whether that is so is tried out.
        warnings.simplefilter("ignore")
        return torch.jit.trace(  # type: ignore[no-untyped-call]
            module, module.example_inputs(num_rows), check_trace=False
        )


def write_torchscript(module: ActingModule, num_rows: int, path: Path) -> None:
    """Write the module to a file that `torch.jit.load` reads."""
    traced = trace(module, num_rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(traced, str(path))


class TorchScriptRunner:
    """The exported policy, on the CPU."""

    def __init__(self, path: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._function = torch.jit.load(  # type: ignore[no-untyped-call]
                str(path), map_location="cpu"
            )

    @torch.no_grad()
    def __call__(self, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        """Arrays by name, in their order, to outputs in theirs.

        Raises:
            ValueError: one line: the function fails.
        """
        try:
            with _without_fusion():
                return [output.numpy() for output in self._function(*map(torch.from_numpy, inputs.values()))]
        except RuntimeError as error:
            raise ValueError(f"the exported policy cannot be run: {str(error).strip().splitlines()[-1]}") from error


@contextlib.contextmanager
def _without_fusion() -> Iterator[None]:
    """As everybody else will run it: the kernels of `models/fused.py` have switched on what breaks other functions."""
    was_enabled = torch.jit.onednn_fusion_enabled()  # type: ignore[no-untyped-call]
    torch.jit.enable_onednn_fusion(False)
    try:
        yield
    finally:
        torch.jit.enable_onednn_fusion(was_enabled)
