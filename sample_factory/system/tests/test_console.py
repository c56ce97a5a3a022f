"""Tests of both consoles: no escape codes in a pipe, every number on the live display, log lines above it."""

from __future__ import annotations

import io
import logging

import pytest
import rich.console

from sample_factory.system.console import PlainConsole
from sample_factory.system.episode_stats import Spread
from sample_factory.system.live_display import LiveConsole, render
from sample_factory.system.logs import configure_supervisor_logging, reset_logging
from sample_factory.system.status import PolicyStatus, Status
from sample_factory.system.terminal import open_console

STATUS = Status(
    elapsed_sec=3725.0,
    total_frames=2_500_000,
    goal_frames=10_000_000,
    total_samples=625_000,
    fps=(5980.0, 6000.0, None),
    policies=(
        PolicyStatus(
            policy=0,
            train_step=1234,
            env_steps=2_400_000,
            samples_per_sec=1495.0,
            reward=Spread(21.375, 1.0, 50.0),
            length=Spread(310.5, 10.0, 900.0),
            true_objective=Spread(0.625, 0.0, 1.0),
            lag=Spread(4.25, 0.0, 11.0),
            loss=0.0312,
        ),
        PolicyStatus(policy=1),
    ),
    limit="learner (92 % busy): sampling waits for it 60 % of the time",
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restore_logging():
    yield
    reset_logging()


def live_console() -> tuple[LiveConsole, Terminal]:
    terminal = Terminal()
    console = rich.console.Console(file=terminal, force_terminal=True, width=140, color_system="standard")
    return LiveConsole(console=console), terminal


def test_plain_console_prints_lines_without_escape_codes(tmp_path):
    stream = io.StringIO()
    console = PlainConsole(stream)
    configure_supervisor_logging(tmp_path, console.handler)
    console.show(STATUS)
    console.close()
    text = stream.getvalue()
    assert "\x1b" not in text
    assert "\r" not in text
    assert "Fps is (10 sec: 5980.0, 60 sec: 6000.0, 300 sec: nan). Total num frames: 2500000." in text
    assert "Throughput: 0: 1495.0, 1: nan. Samples: 625000." in text
    assert "Policy #0 lag: (min: 0.0, avg: 4.2, max: 11.0)" in text
    assert "Avg episode reward: [(0, '21.375')]" in text
    assert (tmp_path / "sf_log.txt").read_text() == text


def test_live_display_contains_every_field():
    console = rich.console.Console(record=True, width=140, file=io.StringIO())
    console.print(render(STATUS))
    text = " ".join(console.export_text().split())
    for field in (
        "25.0%",
        "2,500,000 of 10,000,000",
        "elapsed 1:02:05",
        "ETA 0:20:50",
        "FPS 5,980 (10 s) 6,000 (60 s) - (300 s)",
        "0 1,234 2,400,000 1,495 21.375 0.625 310.5 4.2 (max 11) 0.0312",
        "1 0 0 - - - - - -",
        "Limit: learner (92 % busy): sampling waits for it 60 % of the time",
    ):
        assert field in text


@pytest.mark.parametrize("goal", [0, 1_000_000])
def test_live_display_survives_a_goal_that_is_passed_or_missing(goal):
    console = rich.console.Console(record=True, width=140, file=io.StringIO())
    console.print(render(Status(0.0, 2_000_000, goal, 0, (None, None, None), (PolicyStatus(0),))))
    assert ("100.0%" if goal else "0.0%") in console.export_text()


def test_log_lines_go_above_the_display_and_status_lines_only_to_the_file(tmp_path, monkeypatch):
    console, terminal = live_console()
    monkeypatch.setattr(console._lines_due, "due", lambda: True)
    configure_supervisor_logging(tmp_path, console.handler)
    console.show(STATUS)
    logging.getLogger("test").warning("policy worker 1 was restarted [/not markup]")
    console.close()
    shown = terminal.getvalue()
    assert "WARNING: policy worker 1 was restarted [/not markup]" in shown
    assert shown.index("was restarted") < shown.rindex("Limit:")  # the display was drawn again below it
    assert "Fps is" not in shown
    log_file = (tmp_path / "sf_log.txt").read_text()
    assert "Fps is (10 sec: 5980.0" in log_file
    assert "was restarted" in log_file
    assert "\x1b" not in log_file


def test_terminal_that_goes_away_does_not_stop_the_run(monkeypatch):
    console, terminal = live_console()
    console.show(STATUS)

    def broken(_: str) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(terminal, "write", broken)
    console.show(STATUS)
    console.close()


def test_display_is_live_only_on_a_capable_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    assert isinstance(open_console(io.StringIO()), PlainConsole)
    assert isinstance(open_console(Terminal()), LiveConsole)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(open_console(Terminal()), PlainConsole)
