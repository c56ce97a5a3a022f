"""Passes of a model in batches of few sizes, each recorded once as a graph that a GPU replays. Knows no model.

A pass of a small batch is some sixty operations of a few microseconds each; launching them one by one takes longer
than computing them. A graph is launched as one, but only ever for the same shapes and the same memory: so rows are
copied to where the graph of the next larger size reads them, and what lies behind them is computed for nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from sample_factory.models.actor_critic import PolicyStep

log = logging.getLogger(__name__)

_SMALLEST = 16
_WARM_UP = 3
_TOLERANCE = 0.02
"""Between a graph and the pass that it was recorded from: another algorithm may be chosen, bfloat16 is coarse."""

Act = Callable[[Mapping[str, Tensor], Tensor, torch.Generator], PolicyStep]
"""Observations [n, ...], state [n, state_size] and source of randomness to what the sampler records."""


class Recorder(Protocol):
    """`GraphRecorder` on a GPU."""

    generator: torch.Generator
    """For what is recorded, and nothing else: a recording that fails may leave it unusable."""

    def __call__(self, compute: Callable[[], PolicyStep]) -> tuple[Callable[[], None], PolicyStep]:
        """Returns what replays a computation, and where its results are then.

        Raises:
            RuntimeError: the computation cannot be recorded.
        """
        ...


class FixedBatches:
    """Acts for any number of rows."""

    def __init__(self, act: Act, generator: torch.Generator, recorder: Recorder) -> None:
        """
        Args:
            act: reads and writes the same memory at each call, but for its arguments and results.
            generator: its source of randomness where it is not recorded; on the device.
        """
        self._act, self._generator, self._device = act, generator, generator.device
        self._recorder: Recorder | None = recorder
        self._batches: dict[int, _Batch] = {}

    # hot path
    @torch.inference_mode()
    def act(self, obs: Mapping[str, np.ndarray], state: np.ndarray) -> PolicyStep:
        """Act for n rows: obs[key] [n, ...], state [n, state_size].

        Returns:
            Tensors in the main memory, which the next call may overwrite.
        """
        size, inputs = batch_size(len(state)), {**obs, _STATE: state}
        batch = self._batches.get(size)
        if batch is None:
            batch = self._batches[size] = _Batch(inputs, size, self._device)
        batch.fill(inputs)
        if batch.replay is None and not self._recorded(batch):
            return batch.fetch(self._act(*batch.arguments, self._generator), len(state))
        assert batch.replay is not None and batch.results is not None
        batch.replay()
        return batch.fetch(batch.results, len(state))

    def _recorded(self, batch: _Batch) -> bool:
        """Record a pass; with a model of which that cannot be done, everything goes on without."""
        recorder = self._recorder
        if recorder is None:
            return False
        try:
            expected = self._act(*batch.arguments, self._generator)
            replay, results = recorder(lambda: self._act(*batch.arguments, recorder.generator))
            replay()
            _check(results, expected)
        except RuntimeError as error:
            self._recorder = None
            reason = str(error).partition("\n")[0]
            log.warning("the network cannot be replayed as a graph (%s): each operation is launched by itself", reason)
            return False
        batch.replay, batch.results = replay, results
        return True


class GraphRecorder:
    """Records CUDA graphs, which share what memory they need in between."""

    def __init__(self, device: torch.device, seed: int) -> None:
        self.generator = torch.Generator(device).manual_seed(seed)
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, compute: Callable[[], PolicyStep]) -> tuple[Callable[[], None], PolicyStep]:
        """Record a CUDA graph; random numbers go on from replay to replay."""
        # What libraries do at a first call (allocate, choose algorithms) must not be in the graph.
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UP):
                compute()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self.generator)
        with torch.cuda.graph(graph, pool=self._pool):
            results = compute()
        return graph.replay, results


def batch_size(num_rows: int) -> int:
    """The size of the batch for so many rows: of 64 rows and more, at most a quarter is added."""
    step = max(_SMALLEST, 1 << (num_rows.bit_length() - 3) if num_rows > 4 else 0)
    return -(-num_rows // step) * step


_STATE = ""
"""Stands for the recurrent state among the names of observations."""


class _Input(NamedTuple):
    """Where one input lies."""

    array: np.ndarray
    """In the main memory, page-locked."""
    host: Tensor
    """The same."""
    device: Tensor


class _Batch:
    """Memory for a batch of one size, and the graph that reads it."""

    def __init__(self, like: Mapping[str, np.ndarray], size: int, device: torch.device) -> None:
        self._device = device
        self._inputs = {name: _input(array, size, device) for name, array in like.items()}
        on_device = {name: place.device for name, place in self._inputs.items()}
        self.arguments = ({name: tensor for name, tensor in on_device.items() if name != _STATE}, on_device[_STATE])
        """Of `Act`: always the same tensors."""
        self.replay: Callable[[], None] | None = None
        self.results: PolicyStep | None = None
        self._fetched: PolicyStep | None = None

    # hot path
    def fill(self, values: Mapping[str, np.ndarray]) -> None:
        """Put rows where the pass reads them; those behind them keep what an earlier batch has left."""
        for name, place in self._inputs.items():
            rows = len(values[name])
            place.array[:rows] = values[name]
            place.device[:rows].copy_(place.host[:rows], non_blocking=True)

    # hot path
    def fetch(self, results: PolicyStep, rows: int) -> PolicyStep:
        """The first rows of the results, in the main memory."""
        if self._fetched is None:
            self._fetched = PolicyStep(*(_locked(tensor, self._device) for tensor in results))
        for host, tensor in zip(self._fetched, results, strict=True):
            host[:rows].copy_(tensor[:rows], non_blocking=True)
        if self._device.type == "cuda":
            torch.cuda.current_stream(self._device).synchronize()
        return PolicyStep(*(host[:rows] for host in self._fetched))


def _input(like: np.ndarray, size: int, device: torch.device) -> _Input:
    rows = torch.from_numpy(np.zeros((size, *like.shape[1:]), like.dtype))
    host = rows.pin_memory() if device.type == "cuda" else rows
    return _Input(host.numpy(), host, rows.to(device, copy=True))


def _locked(like: Tensor, device: torch.device) -> Tensor:
    return torch.empty(like.shape, dtype=like.dtype, pin_memory=device.type == "cuda")


def _check(results: PolicyStep, expected: PolicyStep) -> None:
    """Whether what is not random is the same; a module that decides something in Python is found out here."""
    for name in ("action_logits", "values", "state"):
        found, wanted = getattr(results, name).float(), getattr(expected, name).float()
        if not torch.allclose(found, wanted, rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True):
            raise RuntimeError(f"the graph gives other {name.replace('_', ' ')}")
