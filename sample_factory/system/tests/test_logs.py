"""Tests of the log set-up: the line format, one file for many processes, a full disk."""

from __future__ import annotations

import io
import logging
import os
import re
import resource
import subprocess
import sys
import warnings

import pytest

from sample_factory.system.logs import configure_supervisor_logging, configure_worker_logging, reset_logging

LINE = re.compile(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\]\[(\d{5,})\] (.*)")


def parse(line: str) -> tuple[str, str]:
    match = LINE.fullmatch(line)
    assert match is not None, line
    return match[1], match[2]


@pytest.fixture(autouse=True)
def _restore_logging():
    yield
    reset_logging()


def test_lines_go_to_console_and_file_in_the_same_format(tmp_path):
    stream = io.StringIO()
    configure_supervisor_logging(tmp_path, logging.StreamHandler(stream))
    logging.getLogger("x").info("hello %d", 1)
    logging.getLogger("x").warning("careful")
    logging.getLogger("x").debug("hidden")
    text = (tmp_path / "sf_log.txt").read_text()
    assert text == stream.getvalue()
    pid = f"{os.getpid():05d}"
    assert [parse(line) for line in text.splitlines()] == [(pid, "hello 1"), (pid, "WARNING: careful")]


def test_a_second_run_appends_and_a_second_set_up_does_not_double_lines(tmp_path):
    for text in ("first", "second"):
        configure_supervisor_logging(tmp_path, logging.StreamHandler(io.StringIO()))
        logging.getLogger("x").info(text)
    assert [parse(line)[1] for line in (tmp_path / "sf_log.txt").read_text().splitlines()] == ["first", "second"]


def test_workers_write_everything_to_the_file_and_only_warnings_to_stderr(tmp_path, capsys):
    configure_worker_logging(tmp_path, to_stderr=True)
    logging.getLogger("x").info("quiet")
    logging.getLogger("x").error("loud")
    error_stream = capsys.readouterr().err
    assert "loud" in error_stream
    assert "quiet" not in error_stream
    assert "quiet" in (tmp_path / "sf_log.txt").read_text()


def test_workers_leave_the_terminal_alone_under_a_live_display(tmp_path, capsys):
    configure_worker_logging(tmp_path, to_stderr=False)
    logging.getLogger("x").error("loud")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("an environment complains", stacklevel=1)
    assert capsys.readouterr().err == ""
    text = (tmp_path / "sf_log.txt").read_text()
    assert "loud" in text
    assert "an environment complains" in text


def test_lines_of_many_processes_never_mix(tmp_path):
    code = (
        "import logging, pathlib, sys\n"
        "from sample_factory.system.logs import configure_worker_logging\n"
        "configure_worker_logging(pathlib.Path(sys.argv[1]), to_stderr=False)\n"
        "for _ in range(200): logging.getLogger('x').info(sys.argv[2] * 20_000)\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), letter]) for letter in "abc"]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    lines = (tmp_path / "sf_log.txt").read_text().splitlines()
    assert len(lines) == 600
    assert {parse(line)[1] for line in lines} == {letter * 20_000 for letter in "abc"}


def test_full_disk_loses_lines_and_nothing_else(tmp_path, capsys):
    configure_worker_logging(tmp_path, to_stderr=False)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        logging.getLogger("x").error("lost")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    logging.getLogger("x").error("kept")
    assert [parse(line)[1] for line in (tmp_path / "sf_log.txt").read_text().splitlines()] == ["ERROR: kept"]
    assert capsys.readouterr().err == ""
