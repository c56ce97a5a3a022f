"""Ratings and lineages, whole and damaged."""

from __future__ import annotations

import json

import pytest

from sample_factory.algorithms.appo import lineage_file
from sample_factory.algorithms.appo.lineage_file import Decision
from sample_factory.dashboard.contained import Contained
from sample_factory.dashboard.players import Rating, draw_lineage, read_lineage, read_ratings


def decision(policy: int, env_steps: int, source: int | None = None, **values: float) -> Decision:
    return Decision(policy, env_steps, source, "why", env_steps, [1.0, 2.0], values, None, "2026-01-01T00:00:00")


def test_highest_rating_is_first(tmp_path):
    entries = [
        {"policy": 0, "env_steps": None, "elo": 990.0, "matches": 3},
        {"policy": 0, "env_steps": 100, "elo": 1010.0, "matches": 2},
    ]
    (tmp_path / "elo.json").write_text(json.dumps(entries))
    assert read_ratings(tmp_path, Contained(tmp_path)) == [Rating(0, 100, 1010.0, 2), Rating(0, None, 990.0, 3)]


def test_no_files_are_no_players(tmp_path):
    assert read_ratings(tmp_path, Contained(tmp_path)) == []
    assert read_lineage(tmp_path, Contained(tmp_path)) is None


@pytest.mark.parametrize("text", ["{", "[{}]", "[1]", "7", '[{"policy": 0, "env_steps": 0, "elo": "x", "matches": 1}]'])
def test_damaged_ratings_are_said_in_one_line(tmp_path, text):
    (tmp_path / "elo.json").write_text(text)
    with pytest.raises(ValueError, match=r"elo\.json") as error:
        read_ratings(tmp_path, Contained(tmp_path))
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("text", ["{\n", "[]\n", '{"policy": 0}\n', "[" * 100_000 + "\n"])
def test_damaged_lineage_is_said_in_one_line(tmp_path, text):
    (tmp_path / "lineage.jsonl").write_text(text)
    with pytest.raises(ValueError, match=r"lineage\.jsonl") as error:
        read_lineage(tmp_path, Contained(tmp_path))
    assert len(str(error.value).splitlines()) == 1


def test_source_that_nobody_is_is_damage(tmp_path):
    lineage_file.append(tmp_path, decision(0, 10, source=7, learning_rate=1.0))
    with pytest.raises(ValueError, match=r"lineage\.jsonl"):
        read_lineage(tmp_path, Contained(tmp_path))


def test_half_a_line_at_the_end_is_left_out(tmp_path):
    lineage_file.append(tmp_path, decision(0, 0, learning_rate=1.0))
    with (tmp_path / "lineage.jsonl").open("a") as file:
        file.write('{"policy": 0, "num')
    assert len(read_lineage(tmp_path, Contained(tmp_path)).decisions) == 1


def test_picture_is_drawn_of_what_there_is(tmp_path):
    pytest.importorskip("matplotlib", reason="the picture needs the extra plot")
    for one in (decision(0, 0, gamma=0.9), decision(1, 0, gamma=0.8), decision(0, 50, source=1, gamma=0.8)):
        lineage_file.append(tmp_path, one)
    lineage = read_lineage(tmp_path, Contained(tmp_path))
    assert lineage.parameter == "gamma"
    picture = draw_lineage(lineage)
    assert b"<svg" in picture
    assert b"1 replacement" in picture


def test_parameter_with_a_name_that_cannot_be_set_is_said(tmp_path):
    pytest.importorskip("matplotlib", reason="the picture needs the extra plot")
    lineage_file.append(tmp_path, decision(0, 0, **{r"$\nothing{$": 0.9}))
    with pytest.raises(ValueError, match="nothing"):
        draw_lineage(read_lineage(tmp_path, Contained(tmp_path)))
