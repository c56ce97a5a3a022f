"""Tests of the event file: TensorBoard reads it back, and a full disk costs nothing but time."""

from __future__ import annotations

import logging
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from sample_factory.system.summaries import SummaryWriter


def read(directory: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(directory))
    accumulator.Reload()
    return {
        tag: [(event.step, event.value) for event in accumulator.Scalars(tag)] for tag in accumulator.Tags()["scalars"]
    }


def test_scalars_are_read_back_by_tensorboard(tmp_path):
    writer = SummaryWriter(tmp_path / "0")
    writer.scalar("train/loss", 0.5, 1000)
    writer.flush()
    writer.scalar("train/loss", 0.25, 5_000_000_000)
    writer.scalar("0_aux/_fps", 1e5, 5_000_000_000)
    writer.close()
    assert len(list((tmp_path / "0").iterdir())) == 1
    assert read(tmp_path / "0") == {
        "train/loss": [(1000, 0.5), (5_000_000_000, 0.25)],
        "0_aux/_fps": [(5_000_000_000, 1e5)],
    }


def test_full_disk_is_logged_once_and_what_was_collected_is_written_later(tmp_path, caplog):
    writer = SummaryWriter(tmp_path)
    writer.scalar("a", 1.0, 1)
    writer.flush()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = next(tmp_path.iterdir()).stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, hard))  # a part of the next record still fits
    try:
        with caplog.at_level(logging.ERROR):
            for step in (2, 3):
                writer.scalar("a", float(step), step)
                writer.flush()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(caplog.records) == 1
    assert "training goes on" in caplog.text
    assert read(tmp_path) == {"a": [(1, 1.0)]}
    writer.close()
    assert read(tmp_path) == {"a": [(1, 1.0), (2, 2.0), (3, 3.0)]}


def test_folder_that_cannot_be_created_does_not_raise(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    writer = SummaryWriter(tmp_path / "file" / "0")
    for step in range(40_000):  # nor does memory grow without end
        writer.scalar("a", 0.0, step)
        if step % 100 == 0:
            writer.flush()
    assert len(caplog.records) == 1
    assert len(writer._unwritten.getvalue()) < 2 << 20


@pytest.mark.parametrize(
    "module", ["telemetry", "summaries", "console", "logs", "wandb_process", "wandb_session", "limits", "every"]
)
def test_importing_loads_neither_torch_nor_tensorboard_nor_rich_nor_wandb(module):
    code = (
        f"import sys, sample_factory.system.{module}; "
        "print([name for name in ('torch', 'tensorboard', 'tensorflow', 'rich', 'wandb') if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
