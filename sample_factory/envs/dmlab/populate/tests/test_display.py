"""What a person sees of the filling. Knows no level."""

from __future__ import annotations

import io

from sample_factory.envs.dmlab.populate.display import Display, State, describe


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_line_says_how_far_how_fast_how_long_and_how_large() -> None:
    state = State(1200, 89_100, 50_000_000, 123_400_000_000)
    assert describe(state, 1.5) == (
        "1,200 of 89,100 levels, 1.50 levels/s, ETA 16:16:40, 0.05 GB stored, 123.4 GB free"
    )
    assert "ETA 10 d 4 h" in describe(state, 0.1)
    assert "- levels/s, ETA -" in describe(state, None)
    assert "0.00 levels/s, ETA -" in describe(state, 0.0)


def test_lines_come_every_ten_seconds() -> None:
    now = 0.0
    stream = io.StringIO()
    display = Display(stream, lambda: now)
    for second in range(25):
        now = float(second)
        display.show(State(second, 100, 0, 0))
    display.close()
    lines = stream.getvalue().splitlines()
    assert [line.partition(" ")[0] for line in lines] == ["0", "10", "20"]
    assert "1.00 levels/s, ETA 0:01:20" in lines[2]


def test_a_terminal_has_a_bar_and_lines_above_it(monkeypatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    display = Display(stream)
    display.show(State(1, 2, 0, 0))
    display.say("a/level: [cannot be compiled]")
    display.close()
    assert "a/level: [cannot be compiled]" in stream.getvalue() and "1 of 2 levels" in stream.getvalue()
