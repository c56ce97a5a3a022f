"""The interval against published numbers and limiting cases, and that the table is the same from both sides."""

from __future__ import annotations

import json
import re

import pytest

from sample_factory.algorithms.appo.match_report import Tally, print_table, score_interval, tally, write_json
from sample_factory.algorithms.appo.seats import Game

Z_SQUARED = 1.959964**2


def _games(wins: int, ties: int, losses: int) -> list[Game]:
    scores = [1.0] * wins + [0.0] * ties + [-1.0] * losses
    return [Game(number % 2 == 0, score, 0.0) for number, score in enumerate(scores)]


def test_without_ties_it_is_wilsons_interval():
    assert Tally(8, 0, 2).interval == pytest.approx((0.4902, 0.9433), abs=1e-4)


def test_with_ties_it_is_tangos_interval():
    # Airway hyper-responsiveness of 21 children, 1 better and 7 worse (Fagerland, Lydersen and Laake 2014).
    assert score_interval(1, 7, 21) == pytest.approx((-0.517, -0.026), abs=5e-4)


@pytest.mark.parametrize("games", [1, 10, 200])
def test_unanimous_games_leave_some_doubt(games):
    assert Tally(games, 0, 0).interval == pytest.approx((games / (games + Z_SQUARED), 1.0))
    assert Tally(0, 0, games).interval == pytest.approx((0.0, Z_SQUARED / (games + Z_SQUARED)))
    low, high = Tally(0, games, 0).interval
    half = Z_SQUARED / (games + Z_SQUARED) / 2
    assert (low, high) == pytest.approx((0.5 - half, 0.5 + half))


def test_ties_make_it_narrower_than_decided_games():
    def width(found: Tally) -> float:
        return found.interval[1] - found.interval[0]

    assert width(Tally(10, 180, 10)) < width(Tally(50, 100, 50)) < width(Tally(100, 0, 100))


def test_both_sides_see_the_same():
    found = Tally(30, 12, 7)
    low, high = found.interval
    assert found.mirrored == Tally(7, 12, 30)
    assert found.mirrored.interval == pytest.approx((1 - high, 1 - low))
    assert low < found.score < high and found.score == pytest.approx(36 / 49)


def test_games_are_counted_by_who_has_more():
    assert tally(_games(3, 2, 1)) == Tally(3, 2, 1)


def test_the_table_has_each_pair_from_both_sides_and_is_not_cut(capsys):
    names = [f"a_long_name_of_an_experiment_{letter}:0:latest" for letter in "abcd"]
    pairs = {(0, 1): _games(3, 2, 1), (0, 3): _games(0, 4, 0)}
    print_table(names, pairs)
    output = capsys.readouterr().out
    assert all(output.count(name) == 2 for name in names)
    lines = [re.split(r"\s{2,}", line.strip()) for line in output.splitlines() if "/" in line and "row" not in line]
    assert lines[0] == [names[0], "-", "3/2/1", "-", "0/4/0", "0.583"]
    assert lines[1][:3] == [names[1], "1/2/3", "-"] and lines[1][-1] == "0.333"
    assert re.search(rf"{names[2]}\s+-\s+-\s+-\s+-\s+-", output)


def test_the_file_says_who_sat_where(tmp_path):
    path = tmp_path / "result.json"
    write_json(path, {"env": "chess"}, ["a", "b"], {(0, 1): _games(3, 2, 1)})
    contents = json.loads(path.read_text())
    assert contents["env"] == "chess" and contents["confidence"] == 0.95
    (pair,) = contents["pairs"]
    assert (pair["row"], pair["column"], pair["wins"], pair["ties"], pair["losses"]) == ("a", "b", 3, 2, 1)
    assert pair["row_in_even_seats"] == {"wins": 2, "ties": 1, "losses": 0}
    assert pair["row_in_odd_seats"] == {"wins": 1, "ties": 1, "losses": 1}
    assert pair["score"] == pytest.approx(4 / 6) and pair["score_interval"] == list(Tally(3, 2, 1).interval)


def test_a_file_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "result.json").mkdir()
    with pytest.raises(ValueError, match=r"cannot write .*result\.json: Is a directory"):
        write_json(tmp_path / "result.json", {}, ["a", "b"], {})
