"""The end of a log, written by those who write it in a training."""

from __future__ import annotations

import logging

import pytest

from sample_factory.dashboard.log_tail import LogTail, read_log
from sample_factory.system.console import PlainConsole
from sample_factory.system.limits import ComponentShare
from sample_factory.system.logs import LOG_FILE_NAME, configure_supervisor_logging, reset_logging
from sample_factory.system.telemetry import Telemetry

log = logging.getLogger(__name__)


@pytest.fixture
def folder(tmp_path):
    configure_supervisor_logging(tmp_path, logging.NullHandler())
    yield tmp_path
    reset_logging()


def train(folder, seconds: int) -> Telemetry:
    """Ten frames a second."""
    telemetry = Telemetry(folder, 1, 100, 20.0, 10_000, PlainConsole())
    shares = {"rollout worker": ComponentShare("rollout worker", {"environments": 0.9})}
    for now in range(seconds):
        telemetry.sampled(10 * now, [10 * now], float(now))
        telemetry.components(shares)
        telemetry.tick(float(now))
    return telemetry


def said(folder) -> LogTail:
    return read_log((folder / LOG_FILE_NAME).read_text())


def test_running_training(folder):
    train(folder, 61)
    found = said(folder)
    assert found.frames == 600
    assert found.fps == pytest.approx(10)
    assert found.limit.startswith("environments: rollout workers spend 90 %")
    assert not found.has_ended
    assert not found.error


def test_training_that_has_ended_in_order(folder):
    train(folder, 31).close(31.0)
    log.info("2 blocks: FREE 2")
    found = said(folder)
    assert found.has_ended
    assert found.fps == pytest.approx(300 / 31, abs=0.1)


def test_training_that_was_resumed_has_not_ended(folder):
    train(folder, 11).close(11.0)
    train(folder, 11)
    assert not said(folder).has_ended


def test_training_that_has_failed_says_so_last(folder):
    train(folder, 11).close(11.0)
    log.error("learner 0 failed: disk\nTraceback (most recent call last):\n  File x")
    assert said(folder).error == "learner 0 failed: disk"


def test_error_that_was_survived_is_no_failure(folder):
    log.error("rollout worker 1 failed; a new one starts")
    train(folder, 11)
    assert not said(folder).error


@pytest.mark.parametrize("text", ["", "no log\nat all", "Fps is (", "[2026-01-01 00:00:00,000][1] Fps is (10 sec: x"])
def test_anything_may_be_in_a_file(text):
    assert read_log(text) == LogTail()


def test_speed_that_is_not_known_yet():
    line = "[2026-01-01 00:00:00,000][00001] Fps is (10 sec: nan, 60 sec: nan, 300 sec: nan). Total num frames: 0."
    assert read_log(line).fps is None
