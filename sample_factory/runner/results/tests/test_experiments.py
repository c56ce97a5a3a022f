"""Experiments are found and read as they are on the disk, also while they run and after they were resumed."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sample_factory.runner.results import event_file
from sample_factory.runner.results.event_file import parse_events, read_events
from sample_factory.runner.results.experiments import load_experiment, load_experiments, still_valid
from sample_factory.runner.results.tests.studies import REWARD, line, make_experiment, write_summaries


def points(folder, tag=REWARD, policy=0):
    found = load_experiment(folder, "x").policies[policy][tag]
    return list(zip(found.frames.tolist(), found.values.tolist(), strict=True))


def test_summaries_of_all_policies_are_read(tmp_path):
    folder = make_experiment(
        tmp_path / "a", [{REWARD: [(0, 1.0), (10, 2.0)], "x/y": [(10, 0.5)]}, {REWARD: [(5, 7.0)]}]
    )
    experiment = load_experiment(folder, "a")
    assert [sorted(policy) for policy in experiment.policies] == [[REWARD, "x/y"], [REWARD]]
    assert points(folder) == [(0, 1.0), (10, 2.0)]
    assert points(folder, policy=1) == [(5, 7.0)]
    assert experiment.is_done


def test_policies_are_in_the_order_of_their_numbers(tmp_path):
    folder = make_experiment(tmp_path, [{REWARD: [(1, float(policy))]} for policy in range(11)])
    assert points(folder, policy=10) == [(1, 10.0)]


def test_what_a_resumed_run_has_lost_is_void(tmp_path):
    folder = make_experiment(tmp_path, [{REWARD: [(10, 1.0), (20, 2.0), (30, 3.0)], "rare": [(30, 9.0)]}])
    # From the checkpoint at frame 15; before the learner has said so, there are summaries at frame 0.
    write_summaries(folder, 0, {"memory": [(0, 1.0)], REWARD: [(25, 5.0)]})
    assert points(folder) == [(10, 1.0), (20, 2.0), (25, 5.0)]
    assert set(load_experiment(folder, "x").policies[0]) == {REWARD}


def test_the_newest_of_two_points_at_the_same_frame_counts(tmp_path):
    folder = make_experiment(tmp_path, [{REWARD: [(10, 1.0)]}])
    write_summaries(folder, 0, {REWARD: [(10, 2.0)]})
    assert points(folder) == [(10, 2.0)]


@given(st.lists(st.integers(0, 20), max_size=30))
def test_what_is_valid_never_goes_back(frames):
    frames = np.array(frames, dtype=np.int64)
    valid = still_valid(frames)
    assert (np.diff(frames[valid]) >= 0).all()
    if (frames > 0).any():
        assert valid[np.flatnonzero(frames > 0)[-1]]


def test_half_a_record_is_left_for_the_next_time(tmp_path):
    folder = make_experiment(tmp_path, [{REWARD: line(100, 1.0)}])
    [path] = (folder / ".summary" / "0").iterdir()
    data = path.read_bytes()
    path.write_bytes(data[:-7])
    assert len(points(folder)) == 10
    path.write_bytes(data)
    assert len(points(folder)) == 11


def test_what_comes_after_a_damaged_record_is_not_read(tmp_path):
    folder = make_experiment(tmp_path, [{REWARD: line(100, 1.0)}])
    [path] = (folder / ".summary" / "0").iterdir()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    assert 0 < len(points(folder)) < 11


def test_unchanged_files_are_not_parsed_again(tmp_path, monkeypatch):
    folder = make_experiment(tmp_path, [{REWARD: line(100, 1.0)}])
    before = points(folder)
    monkeypatch.setattr(event_file, "parse_events", None)
    assert points(folder) == before


def test_what_was_kept_is_what_was_parsed(tmp_path):
    path = write_summaries(tmp_path, 0, {REWARD: [(1, 0.1), (2, float("nan"))], "ä/ö": [(5_000_000_000, -1e30)]})
    parsed, first = parse_events(path), read_events(path, tmp_path / "kept.npz")
    again = read_events(path, tmp_path / "kept.npz")
    for found in (first, again):
        assert found.tags == parsed.tags
        assert found.started == parsed.started
        for name in ("tag", "frames", "values"):
            np.testing.assert_array_equal(getattr(found, name), getattr(parsed, name))


@pytest.mark.parametrize("contents", [b"", b"PK\x03\x04 no archive", b"x" * 100])
def test_broken_kept_file_is_made_anew(tmp_path, contents):
    path = write_summaries(tmp_path, 0, {REWARD: [(1, 0.5)]})
    kept = tmp_path / "kept.npz"
    kept.write_bytes(contents)
    assert read_events(path, kept).frames.tolist() == [1]
    assert kept.read_bytes()[:2] == b"PK"


@pytest.mark.parametrize(
    "wrong",
    [{"tag": [5]}, {"tag": [-1]}, {"frames": [1, 2]}, {"values": [[0.5]]}, {"values": ["x"]}, {"frames": [0.5]}],
)
def test_kept_file_that_cannot_be_right_is_made_anew(tmp_path, wrong):
    path = write_summaries(tmp_path, 0, {REWARD: [(1, 0.5)]})
    kept = tmp_path / "kept.npz"
    read_events(path, kept)
    arrays = dict(np.load(kept)) | {name: np.array(value) for name, value in wrong.items()}
    np.savez(kept, **arrays)
    assert read_events(path, kept).values.tolist() == [0.5]


def test_experiments_that_cannot_be_written_to_are_read(tmp_path):
    path = write_summaries(tmp_path, 0, {REWARD: [(1, 0.5)]})
    (tmp_path / "file").write_text("in the way")
    assert read_events(path, tmp_path / "file" / "kept.npz").frames.tolist() == [1]


def test_tensorboard_does_not_read_what_is_kept(tmp_path):
    folder = make_experiment(tmp_path, [{REWARD: [(1, 0.5)]}])
    points(folder)
    assert [path for path in folder.rglob("*tfevents*") if ".summary" not in path.parts] == []


def test_experiments_are_found_at_any_depth_and_by_masks(tmp_path):
    for name in ("study/a_/00", "study/a_/01", "study/b_/00", "else/c"):
        make_experiment(tmp_path / name)
    found = load_experiments([str(tmp_path / "study")])
    assert [experiment.name for experiment in found.experiments] == ["a_/00", "a_/01", "b_/00"]
    assert found.root == tmp_path / "study"
    found = load_experiments([str(tmp_path / "study" / "*" / "00"), str(tmp_path / "study" / "a_")])
    assert [experiment.name for experiment in found.experiments] == ["a_/00", "a_/01", "b_/00"]
    found = load_experiments([str(tmp_path / "else" / "c")])
    assert [experiment.name for experiment in found.experiments] == ["c"]
    assert found.root == tmp_path / "else"
    found = load_experiments([str(tmp_path / "study" / "a_")])
    assert found.root == tmp_path / "study" / "a_"


def test_replaced_experiments_are_passed_over(tmp_path):
    for name in ("a", "a_old0000", "b_old0000"):
        make_experiment(tmp_path / name)
    found = load_experiments([str(tmp_path)])
    assert [experiment.name for experiment in found.experiments] == ["a", "b_old0000"]
    assert any("1 experiments" in note for note in found.notes)


def test_broken_experiment_does_not_hide_the_others(tmp_path):
    make_experiment(tmp_path / "a")
    make_experiment(tmp_path / "b")
    (tmp_path / "b" / "cfg.json").write_text("{")
    make_experiment(tmp_path / "c", env=None)
    make_experiment(tmp_path / "d", seed="x")
    found = load_experiments([str(tmp_path)])
    assert [experiment.name for experiment in found.experiments] == ["a"]
    assert len(found.notes) == 3


def test_masks_without_experiments_are_mistakes(tmp_path):
    with pytest.raises(ValueError, match="matches no folder"):
        load_experiments([str(tmp_path / "nothing*")])
    with pytest.raises(ValueError, match="there is no experiment"):
        load_experiments([str(tmp_path)])


def test_file_that_grew_is_read_again_even_at_the_same_time(tmp_path):
    path = write_summaries(tmp_path, 0, {REWARD: [(1, 0.5)]})
    kept = tmp_path / "kept.npz"
    read_events(path, kept)
    times = path.stat()
    with path.open("ab") as file:
        file.write(write_summaries(tmp_path, 1, {REWARD: [(2, 0.5)]}).read_bytes())
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert read_events(path, kept).frames.tolist() == [1, 2]
