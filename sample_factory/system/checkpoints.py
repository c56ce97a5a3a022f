"""The checkpoint folder of one policy: atomic saves, loading that survives damage. Does not know what a state means.

Every file appears under its final name only when all of its bytes are on the disk, so a crash at any moment leaves the
earlier files as they were. The temporary file has one fixed name: the next save overwrites what a killed one left.
"""

from __future__ import annotations

import io
import logging
import math
import os
import re
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

log = logging.getLogger(__name__)

_TEMPORARY_NAME = ".temp_checkpoint"
_CHECKPOINT = re.compile(r"checkpoint_(\d+)_(\d+)\.pth")
_BEST = re.compile(r"best_(\d+)_(\d+)_(.+)_(-?\d+\.\d+)\.pth")
_PLAIN_TYPES = (bool, int, float, str, type(None))

State = dict[str, Any]
"""Nested dicts, lists and tuples of tensors, Python numbers, strings and None."""


class CheckpointError(RuntimeError):
    """A checkpoint could not be written, or none of those present could be read. The message is one line."""


def save_state(path: Path, state: State) -> None:
    """Write one file, all of it or nothing.

    Raises:
        CheckpointError: it could not be written.
    """
    _write_atomically(path, _serialized(state))


def load_state(path: Path, map_location: str | torch.device = "cpu") -> State:
    """Contents of a file.

    Raises:
        CheckpointError: it cannot be read.
        FileNotFoundError: there is none.
    """
    return _load(path, map_location)


class CheckpointStore:
    """The files of one policy. One process saves; any number may load at the same time."""

    def __init__(self, directory: Path, keep: int) -> None:
        if keep < 1:
            raise ValueError(f"at least one checkpoint must be kept, not {keep}")
        self.directory = directory
        self.keep = keep
        self._unreadable: set[Path] = set()

    def save(self, state: State, train_step: int, env_steps: int) -> Path:
        """Write a checkpoint and delete the oldest beyond `keep`.

        Raises:
            CheckpointError: the file could not be written; the earlier ones are intact.
            ValueError: `state` holds something that cannot be loaded again safely.
        """
        path = self.directory / f"checkpoint_{train_step:09d}_{env_steps}.pth"
        _write_atomically(path, _serialized(state))
        self._unreadable.discard(path)
        self._set_unreadable_aside()
        for old in self.checkpoints()[: -self.keep]:
            if old != path:
                _remove_quietly(old)
        return path

    def save_best(self, state: State, train_step: int, env_steps: int, metric: str, value: float) -> Path | None:
        """Write the best checkpoint and delete the previous one; None, doing nothing, if `value` is not better."""
        best_value = self.best_value(metric)
        if not math.isfinite(value) or (best_value is not None and value <= best_value):
            return None
        previous = self._best_files()
        path = self.directory / f"best_{train_step:09d}_{env_steps}_{_file_name(metric)}_{value:.3f}.pth"
        _write_atomically(path, _serialized(state))
        for old in previous:
            if old != path:
                _remove_quietly(old)
        return path

    def best_value(self, metric: str) -> float | None:
        """The value (to three decimals) of the best checkpoint on disk; None if there is none for this metric."""
        matches = [_BEST.fullmatch(path.name) for path in self._best_files()]
        return max((float(m[4]) for m in matches if m and m[3] == _file_name(metric)), default=None)

    def milestone(self, name: str | None = None) -> Path | None:
        """Copy the newest checkpoint, if any, to `milestones/<name>.milestone`; without a name it keeps its own."""
        checkpoints = self.checkpoints()
        if not checkpoints:
            return None
        path = self.directory / "milestones" / f"{name or checkpoints[-1].name}.milestone"
        try:
            data = checkpoints[-1].read_bytes()
        except OSError as error:
            raise CheckpointError(f"cannot read checkpoint {checkpoints[-1]}: {error.strerror or error}") from error
        _write_atomically(path, data)
        return path

    def checkpoints(self) -> list[Path]:
        """Complete checkpoints, oldest first by train step, then environment steps."""
        found = [(match, path) for path in self._files() if (match := _CHECKPOINT.fullmatch(path.name))]
        return [path for _, path in sorted(found, key=lambda item: (int(item[0][1]), int(item[0][2])))]

    def load_latest(self, map_location: str | torch.device = "cpu") -> tuple[State, Path] | None:
        """The newest checkpoint that can be read, with its path; None if the folder has none at all.

        Raises:
            CheckpointError: there are checkpoints, but none can be read. Training must not silently start over.
        """
        tried: set[Path] = set()
        # The folder is listed again each time: a learner may delete old files while an evaluation loads.
        while remaining := [path for path in self.checkpoints() if path not in tried]:
            path = remaining[-1]
            try:
                state = _load(path, map_location)
            except FileNotFoundError:
                continue
            except CheckpointError as error:
                log.warning("%s; trying the one before", error)
                tried.add(path)
            else:
                self._unreadable = tried
                return state, path
        if tried:
            raise CheckpointError(
                f"none of the {len(tried)} checkpoint(s) in {self.directory} can be read; move them away to start over"
            )
        return None

    def load_best(self, map_location: str | torch.device = "cpu") -> tuple[State, Path] | None:
        """The best checkpoint with its path; None if there is none.

        Raises:
            CheckpointError: it cannot be read.
        """
        files = self._best_files()
        return (_load(files[-1], map_location), files[-1]) if files else None

    def _files(self) -> list[Path]:
        return list(self.directory.iterdir()) if self.directory.is_dir() else []

    def _best_files(self) -> list[Path]:
        return sorted(path for path in self._files() if _BEST.fullmatch(path.name))

    def _set_unreadable_aside(self) -> None:
        """Rename what `load_latest` skipped: with a higher train step than new checkpoints it would outlive them."""
        for path in self._unreadable:
            _rename_quietly(path, path.with_name(path.name + ".damaged"))
        self._unreadable.clear()


def describe_mismatch(model_state: Mapping[str, Tensor], checkpoint_state: Mapping[str, Tensor]) -> str | None:
    """One line about the first tensor in which a checkpoint differs from the model; None if it fits."""
    for name, tensor in model_state.items():
        if name not in checkpoint_state:
            return f"the checkpoint has no {name!r}, which the model has with shape {tuple(tensor.shape)}"
        if (shape := checkpoint_state[name].shape) != tensor.shape:
            return f"{name!r} has shape {tuple(shape)} in the checkpoint and {tuple(tensor.shape)} in the model"
    for name, tensor in checkpoint_state.items():
        if name not in model_state:
            return f"the checkpoint has {name!r} with shape {tuple(tensor.shape)}, which the model does not have"
    return None


def _load(path: Path, map_location: str | torch.device) -> State:
    try:
        state: State = torch.load(path, map_location=map_location, weights_only=True)
    except (FileNotFoundError, torch.cuda.OutOfMemoryError):
        raise
    except Exception as error:  # damaged bytes can fail anywhere in the unpickler, with almost any type
        reason = str(error).strip().splitlines() or [""]
        raise CheckpointError(f"cannot read checkpoint {path}: {type(error).__name__}: {reason[0]}") from error
    return state


def _serialized(state: State) -> memoryview:
    # Through memory, not straight to the file: torch's own writer turns a full disk into an unrelated internal error.
    buffer = io.BytesIO()
    torch.save(_portable(state, "state"), buffer)
    return buffer.getbuffer()


def _portable(value: Any, where: str) -> Any:
    """The same value with every tensor compact and on the CPU; ValueError for what a weights-only load would refuse."""
    # Exact types: subclasses such as numpy.float64 (a float) or enums (an int) are pickled as themselves, then refused.
    kind = type(value)
    if kind in _PLAIN_TYPES:
        return value
    if kind in (dict, OrderedDict):
        return {_checked_key(key, where): _portable(child, f"{where}[{key!r}]") for key, child in value.items()}
    if kind in (list, tuple):
        return kind(_portable(child, f"{where}[{index}]") for index, child in enumerate(value))
    if kind in (Tensor, torch.nn.Parameter):
        return _compact(value.detach())
    raise ValueError(
        f"{where} is a {kind.__module__}.{kind.__qualname__}; "
        "a checkpoint holds only tensors, numbers, strings, lists and dicts"
    )


def _checked_key(key: Any, where: str) -> Any:
    if type(key) not in (str, int):
        raise ValueError(f"{where} has the key {key!r}; keys must be strings or integers")
    return key


def _compact(tensor: Tensor) -> Tensor:
    """A CPU tensor that owns exactly its own bytes: saving a view would save everything it is a view of."""
    tensor = tensor.cpu()
    owns_more = tensor.untyped_storage().nbytes() != tensor.numel() * tensor.element_size()
    return tensor.clone() if owns_more else tensor


def _write_atomically(path: Path, data: bytes | memoryview) -> None:
    temporary = path.with_name(_TEMPORARY_NAME)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_directory(path.parent)
    except OSError as error:
        _remove_quietly(temporary)
        raise CheckpointError(f"cannot write checkpoint {path}: {error.strerror or error}") from error


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_quietly(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        log.warning("cannot remove %s: %s", path, error.strerror)


def _rename_quietly(path: Path, target: Path) -> None:
    try:
        path.rename(target)
    except OSError as error:
        log.warning("cannot rename %s: %s", path, error.strerror)


def _file_name(metric: str) -> str:
    return re.sub(r"[^\w.-]", "-", metric)
