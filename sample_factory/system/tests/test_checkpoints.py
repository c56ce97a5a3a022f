"""Tests of the checkpoint folder: what survives a full disk, a crash, damage and time."""

from __future__ import annotations

import logging
import os
import resource
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from sample_factory.system.checkpoints import CheckpointError, CheckpointStore, describe_mismatch


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    return CheckpointStore(tmp_path / "checkpoint_p0", keep=3)


def state_of(train_step: int) -> dict[str, object]:
    return {"train_step": train_step, "model": {"w": torch.full((4,), float(train_step))}}


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@contextmanager
def full_disk(limit_bytes: int) -> Iterator[None]:
    """No file of this process may grow beyond the limit: writing further fails, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_saved_state_is_loaded_with_the_documented_name(store):
    path = store.save(state_of(7), 7, 7168)
    assert path == store.directory / "checkpoint_000000007_7168.pth"
    state, loaded_from = store.load_latest()
    assert loaded_from == path
    assert state["train_step"] == 7
    assert torch.equal(state["model"]["w"], torch.full((4,), 7.0))


def test_empty_or_missing_folder_has_nothing_to_load(store):
    assert store.load_latest() is None
    assert store.load_best() is None
    assert store.milestone() is None
    assert store.best_value("reward") is None


def test_oldest_checkpoints_beyond_keep_are_deleted(store):
    for step in (1, 2, 10, 11):
        store.save(state_of(step), step, step * 100)
    assert names(store.directory) == [f"checkpoint_{step:09d}_{step * 100}.pth" for step in (2, 10, 11)]


def test_newest_is_decided_by_number_not_by_text(store):
    store.save(state_of(1), 999_999_999, 5)
    store.save(state_of(2), 1_000_000_000, 5)
    assert store.load_latest()[0]["train_step"] == 2


def test_full_disk_leaves_previous_checkpoints_and_no_rubbish(store):
    store.save(state_of(1), 1, 100)
    before = names(store.directory)
    big = {"model": torch.zeros(100_000)}
    with (
        full_disk(50_000),
        pytest.raises(CheckpointError, match=r"checkpoint_000000002_200\.pth: File too large") as caught,
    ):
        store.save(big, 2, 200)
    assert "\n" not in str(caught.value)
    assert names(store.directory) == before
    assert store.load_latest()[0]["train_step"] == 1


def test_full_disk_while_saving_best_keeps_the_old_best(store):
    store.save_best(state_of(1), 1, 100, "reward", 1.0)
    with full_disk(50_000), pytest.raises(CheckpointError):
        store.save_best({"model": torch.zeros(100_000)}, 2, 200, "reward", 2.0)
    assert names(store.directory) == ["best_000000001_100_reward_1.000.pth"]


def test_failing_fsync_is_reported_and_cleaned_up(store, monkeypatch):
    def no_space(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(CheckpointError, match="No space left on device"):
        store.save(state_of(1), 1, 100)
    assert names(store.directory) == []


def test_leftover_temporary_file_is_ignored_and_replaced(store):
    store.save(state_of(1), 1, 100)
    leftover = store.directory / ".temp_checkpoint"
    leftover.write_bytes(b"half a file")
    assert store.load_latest()[0]["train_step"] == 1
    store.save(state_of(2), 2, 200)
    assert not leftover.exists()


@pytest.mark.parametrize("damage", ["truncated", "empty", "garbage"])
def test_damaged_newest_file_is_skipped_with_one_warning(store, caplog, damage):
    store.save(state_of(1), 1, 100)
    newest = store.save(state_of(2), 2, 200)
    content = newest.read_bytes()
    newest.write_bytes({"truncated": content[: len(content) // 2], "empty": b"", "garbage": b"\x93" * 500}[damage])
    with caplog.at_level(logging.WARNING):
        state, path = store.load_latest()
    assert state["train_step"] == 1
    assert path.name == "checkpoint_000000001_100.pth"
    [record] = caplog.records
    assert newest.name in record.getMessage()
    assert "\n" not in record.getMessage()


def test_damaged_file_does_not_outlive_the_checkpoints_saved_after_it(tmp_path):
    store = CheckpointStore(tmp_path, keep=1)
    store.save(state_of(5), 5, 500)
    (tmp_path / "checkpoint_000000009_900.pth").write_bytes(b"damaged")
    store.load_latest()
    store.save(state_of(6), 6, 600)
    assert names(tmp_path) == ["checkpoint_000000006_600.pth", "checkpoint_000000009_900.pth.damaged"]


def test_loading_alone_changes_nothing_on_disk(store):
    store.save(state_of(1), 1, 100)
    (store.directory / "checkpoint_000000002_200.pth").write_bytes(b"damaged")
    before = names(store.directory)
    store.load_latest()
    assert names(store.directory) == before


def test_training_never_starts_over_when_every_checkpoint_is_damaged(store):
    store.save(state_of(1), 1, 100).write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match=r"none of the 1 checkpoint"):
        store.load_latest()


def test_file_deleted_while_loading_is_not_an_error(store, monkeypatch):
    first = store.save(state_of(1), 1, 100)
    real_load = torch.load

    def load_after_the_learner_went_on(path, **kwargs):
        if path == first and first.exists():
            first.unlink()
            CheckpointStore(store.directory, keep=1).save(state_of(2), 2, 200)
        return real_load(path, **kwargs)

    monkeypatch.setattr(torch, "load", load_after_the_learner_went_on)
    assert store.load_latest()[0]["train_step"] == 2


def test_only_the_best_is_kept_and_worse_values_write_nothing(store):
    assert store.save_best(state_of(1), 1, 100, "reward", 1.5) is not None
    assert store.save_best(state_of(2), 2, 200, "reward", 1.25) is None
    assert store.save_best(state_of(3), 3, 300, "reward", float("nan")) is None
    path = store.save_best(state_of(4), 4, 400, "reward", 2.0)
    assert names(store.directory) == ["best_000000004_400_reward_2.000.pth"]
    state, loaded_from = store.load_best()
    assert (state["train_step"], loaded_from) == (4, path)


def test_best_value_survives_a_restart_and_negative_values(store):
    store.save_best(state_of(1), 1, 100, "true_objective", -20.5)
    again = CheckpointStore(store.directory, keep=3)
    assert again.best_value("true_objective") == -20.5
    assert again.save_best(state_of(2), 2, 200, "true_objective", -21.0) is None
    assert again.save_best(state_of(3), 3, 300, "true_objective", -20.0) is not None


def test_best_and_newest_do_not_count_as_each_other(store):
    store.save_best(state_of(9), 9, 900, "reward", 1.0)
    for step in (1, 2, 3, 4):
        store.save(state_of(step), step, step)
    assert len(store.checkpoints()) == 3
    assert store.load_latest()[0]["train_step"] == 4
    assert store.load_best()[0]["train_step"] == 9


def test_milestone_is_a_copy_that_pruning_does_not_touch(store):
    first = store.save(state_of(1), 1, 100)
    content = first.read_bytes()
    path = store.milestone()
    assert path == store.directory / "milestones" / "checkpoint_000000001_100.pth.milestone"
    for step in (2, 3, 4, 5):
        store.save(state_of(step), step, step)
    assert not first.exists()
    assert path.read_bytes() == content
    assert store.milestone("halfway") == store.directory / "milestones" / "halfway.milestone"


@pytest.mark.parametrize(
    ("state", "where"),
    [
        ({"a": {"b": [1, object()]}}, r"state\['a'\]\['b'\]\[1\] is a builtins\.object"),
        ({"lr": np.float64(0.1)}, r"state\['lr'\] is a numpy\.float64"),
        ({"array": np.zeros(2)}, r"state\['array'\] is a numpy\.ndarray"),
        ({"shape": torch.Size([1])}, r"state\['shape'\] is a torch\.Size"),
        ({("a", 1): 2}, r"state has the key \('a', 1\)"),
    ],
)
def test_what_a_safe_load_would_refuse_is_rejected_by_name(store, state, where):
    with pytest.raises(ValueError, match=where):
        store.save(state, 1, 1)
    assert not store.directory.exists()


def test_model_and_optimizer_states_round_trip(store):
    model = torch.nn.GRU(3, 5)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.randn(2, 1, 3))[0].sum().backward()
    optimizer.step()
    store.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "none": None}, 1, 1)
    state, _ = store.load_latest()
    fresh = torch.nn.GRU(3, 5)
    fresh.load_state_dict(state["model"])
    fresh_optimizer = torch.optim.Adam(fresh.parameters(), lr=1.0)
    fresh_optimizer.load_state_dict(state["optimizer"])
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), fresh.parameters(), strict=True))
    assert fresh_optimizer.param_groups[0]["lr"] == optimizer.param_groups[0]["lr"]


def test_view_of_a_large_tensor_is_saved_alone(store):
    arena = torch.arange(1_000_000, dtype=torch.float32)
    path = store.save({"model": OrderedDict(w=arena[10:14])}, 1, 1)
    assert path.stat().st_size < 10_000
    assert store.load_latest()[0]["model"]["w"].tolist() == [10.0, 11.0, 12.0, 13.0]


def test_keeping_no_checkpoint_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at least one"):
        CheckpointStore(tmp_path, keep=0)


def test_mismatch_names_the_first_tensor_that_differs():
    model = {"a.weight": torch.zeros(2, 3), "b.bias": torch.zeros(4)}
    assert describe_mismatch(model, {name: t.clone() for name, t in model.items()}) is None
    assert describe_mismatch(model, {"a.weight": torch.zeros(2, 3)}) == (
        "the checkpoint has no 'b.bias', which the model has with shape (4,)"
    )
    wrong_shape = {"a.weight": torch.zeros(2, 5), "b.bias": torch.zeros(4)}
    assert (
        describe_mismatch(model, wrong_shape) == "'a.weight' has shape (2, 5) in the checkpoint and (2, 3) in the model"
    )
    extra = {**model, "c": torch.zeros(1)}
    assert describe_mismatch(model, extra) == "the checkpoint has 'c' with shape (1,), which the model does not have"
