"""From shared memory to the device of a learner. Knows no batch and no block.

On a GPU an array is one transfer, straight from the arena: its memory is locked for that, and copies run on a stream of
their own, beside training.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sample_factory.system.arena import Arena

log = logging.getLogger(__name__)


def lock_pages(arena: Arena, runtime: Any = None) -> None:
    """Let the GPU read the arena by itself, from this process; where that is refused, the driver copies it first.

    Args:
        runtime: of CUDA; torch's.
    """
    runtime = torch.cuda.cudart() if runtime is None else runtime  # type: ignore[no-untyped-call]
    failure = int(runtime.cudaHostRegister(arena.address, arena.size_bytes, 0))
    if failure:
        log.warning("shared memory could not be locked (CUDA error %d): copies to the GPU take longer", failure)


class Uploads:
    """Of one learner."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        is_gpu = device.type == "cuda"
        self._stream = torch.cuda.Stream(device) if is_gpu else None  # type: ignore[no-untyped-call]

    @contextlib.contextmanager
    def begin(self) -> Iterator[Callable[[np.ndarray], Tensor]]:
        """Gives what turns arrays into tensors on the device, on the CPU without a copy.

        At the end everything has been copied that was asked for: the arrays may change, and the copies may be used.
        """
        if self._stream is None:
            yield torch.from_numpy
            return
        with torch.cuda.stream(self._stream):
            yield lambda array: torch.from_numpy(array).to(self._device, non_blocking=True)
        self._stream.synchronize()
