"""Whether a model is being traced for export: then it must consist of operators that others have. Knows no format."""

from __future__ import annotations

import torch


def is_being_traced() -> bool:
    """Whether TorchScript records what runs in this thread."""
    return bool(torch.jit.is_tracing())  # type: ignore[attr-defined, no-untyped-call]
