"""A policy as ONNX: written, and read again to act. Knows no environment.

Needs the optional packages onnx and onnxruntime.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch

from sample_factory.algorithms.appo.export.acting_module import ActingModule
from sample_factory.algorithms.appo.export.torchscript import trace

ROWS = "rows"
_OPSET = 17
_QUIET = 3  # errors and worse


@torch.no_grad()
def write_onnx(module: ActingModule, num_rows: int, path: Path) -> None:
    """Write the module to one file, its first axes free.

    Raises:
        ValueError: one line: something in the model has no counterpart in ONNX.
    """
    names = (*module.input_names, *module.output_names)
    traced = trace(module, num_rows)
    try:
        # The exporter prints the whole network where it fails.
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            # The exporter that starts from TorchScript is deprecated, but what is exported is one trace in all formats.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                traced,
                module.example_inputs(num_rows),
                str(path),
                input_names=list(module.input_names),
                output_names=list(module.output_names),
                dynamic_axes={name: {0: ROWS} for name in names},
                opset_version=_OPSET,
                dynamo=False,
            )
        onnx.checker.check_model(str(path), full_check=True)
    except (torch.onnx.errors.OnnxExporterError, onnx.checker.ValidationError, RuntimeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(f"this model cannot be exported to ONNX: {reason}; try --format=torchscript") from error


class OnnxRunner:
    """The exported policy, on the CPU."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _QUIET
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def __call__(self, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        """Arrays by name to outputs in their order.

        Raises:
            ValueError: one line: the function fails.
        """
        try:
            return [np.asarray(output) for output in self._session.run(None, inputs)]
        except Exception as error:  # onnxruntime's have no common type
            raise ValueError(f"the exported policy cannot be run: {str(error).strip().splitlines()[-1]}") from error
