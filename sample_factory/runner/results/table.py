"""All summaries of all experiments as one long table: csv, and Parquet where pyarrow is installed. Judges nothing."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sample_factory.runner.results.experiments import Experiment, Points


class _Block(NamedTuple):
    """The rows of one summary; everything but frames and values is the same in all of them."""

    experiment: Experiment
    policy: int
    tag: str
    points: Points


class Table:
    """One row a point: experiment, env, the hyper-parameters that differ, seed, policy, frames, tag, value."""

    def __init__(
        self, experiments: Sequence[Experiment], hyper_parameters: Sequence[str], masks: Sequence[str]
    ) -> None:
        """`masks` say which summaries are in it."""
        self._hyper_parameters = list(hyper_parameters)
        self._blocks = [
            _Block(experiment, number, tag, points)
            for experiment in experiments
            for number, policy in enumerate(experiment.policies)
            for tag, points in sorted(policy.items())
            if any(fnmatchcase(tag, mask) for mask in masks)
        ]

    @property
    def num_rows(self) -> int:
        """Points."""
        return sum(len(block.points.frames) for block in self._blocks)

    @property
    def columns(self) -> list[str]:
        """Names, in order."""
        return ["experiment", "env", *self._hyper_parameters, "seed", "policy", "frames", "tag", "value"]

    def write_csv(self, path: Path) -> None:
        """Write it at once: whoever reads sees the old table or the new one.

        Raises:
            OSError: it cannot be written.
        """
        partial = path.with_name(f".{path.name}.partial")
        with partial.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerow(self.columns)
            for block in self._blocks:
                file.writelines(_lines(self._same(block), block))
        os.replace(partial, path)

    def write_parquet(self, path: Path) -> None:
        """Write it at once; a hyper-parameter is a number if all its values are, else text.

        Raises:
            ImportError: pyarrow is not installed.
            OSError: it cannot be written.
        """
        import pyarrow as pa
        from pyarrow import parquet

        counts = [len(block.points.frames) for block in self._blocks]
        which = pa.array(np.repeat(np.arange(len(counts), dtype=np.int32), counts))
        columns: dict[str, Any] = {}
        for name in self.columns:
            if name == "frames":
                columns[name] = _joined([block.points.frames for block in self._blocks], np.int64)
            elif name == "value":
                columns[name] = _joined([block.points.values for block in self._blocks], np.float32)
            else:
                values = pa.array(self._column(name))
                columns[name] = values.take(which) if len(counts) else values
        partial = path.with_name(f".{path.name}.partial")
        parquet.write_table(pa.table(columns), partial, compression="zstd")
        os.replace(partial, path)

    def _same(self, block: _Block) -> list[Any]:
        """What all rows of a block begin with."""
        experiment = block.experiment
        parameters = [_plain(experiment.cfg.get(name)) for name in self._hyper_parameters]
        return [experiment.name, experiment.env, *parameters, experiment.seed, block.policy]

    def _column(self, name: str) -> list[Any]:
        """Of each block."""
        if name == "tag":
            return [block.tag for block in self._blocks]
        index = self.columns.index(name)
        values = [self._same(block)[index] for block in self._blocks]
        is_text = any(value is not None and not isinstance(value, (int, float)) for value in values)
        is_mixed = len({type(value) is bool for value in values if value is not None}) > 1
        return [None if value is None else str(value) for value in values] if is_text or is_mixed else values


def _lines(same: Sequence[Any], block: _Block) -> Iterator[str]:
    begin = _csv(same)
    tag = _csv([block.tag])
    # float32 as it is: its shortest text is half as long as that of the same number in float64.
    for frames, value in zip(block.points.frames.tolist(), block.points.values.astype("U"), strict=True):
        yield f"{begin},{frames},{tag},{value}\r\n"


def _csv(values: Sequence[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(values)
    return text.getvalue()


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (bool, int, float, str)) else json.dumps(value)


def _joined(arrays: Sequence[np.ndarray], dtype: type) -> np.ndarray:
    return np.concatenate(arrays) if arrays else np.empty(0, dtype)
