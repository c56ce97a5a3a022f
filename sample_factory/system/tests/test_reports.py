"""Reports arrive whole and in order, and never block their sender. Knows no supervisor."""

from __future__ import annotations

import os
import threading

from sample_factory.system import reports as module
from sample_factory.system.reports import Report, ReportReader, ReportWriter, report_pipe


def numbers(received: list[Report]) -> list[int]:
    return [report.data["number"] for report in received]


def test_messages_arrive_with_their_sender() -> None:
    reader, writer = report_pipe("learner 0")
    writer.send("train", policy=1, statistics={"loss": 0.5})
    assert reader.read() == [Report("learner 0", "train", {"policy": 1, "statistics": {"loss": 0.5}})]
    assert reader.read() == []
    assert not reader.at_end
    writer.close()
    assert reader.read() == []
    assert reader.at_end
    reader.close()


def test_a_line_cut_off_by_death_is_dropped_and_waits_for_its_end_until_then() -> None:
    read_fd, write_fd = os.pipe()
    reader = ReportReader(read_fd)
    os.write(write_fd, b'["a","x",{}]\n["a",')
    assert reader.read() == [Report("a", "x", {})]
    os.write(write_fd, b'"y",{}]\n["a","z"')
    assert reader.read() == [Report("a", "y", {})]
    os.close(write_fd)
    assert reader.read() == []
    reader.close()


def test_a_slow_reader_blocks_nobody_and_loses_nothing() -> None:
    reader, writer = report_pipe("a")
    for number in range(5000):  # far more than a pipe holds
        writer.send("n", number=number, padding="x" * 100)
    received = []
    while fresh := reader.read():
        received += numbers(fresh)
        writer.flush()
    assert received == list(range(5000))
    writer.close()
    reader.close()


def test_behind_a_reader_that_never_comes_the_oldest_are_dropped(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(module, "_MAX_WAITING_LINES", 10)
    reader, writer = report_pipe("a")
    for number in range(3000):
        writer.send("n", number=number, padding="x" * 1000)
    received = []
    while fresh := reader.read():
        received += numbers(fresh)
        writer.flush()
    assert received == sorted(received)
    assert received[-10:] == list(range(2990, 3000))
    assert len(received) < 3000
    writer.close()
    reader.close()


def test_draining_waits_for_the_reader_and_not_for_ever() -> None:
    reader, writer = report_pipe("a")
    for number in range(2000):
        writer.send("n", number=number, padding="x" * 100)
    assert not writer.drain(0.01)
    received: list[int] = []

    def read() -> None:
        while len(received) < 2000:
            received.extend(numbers(reader.read()))

    thread = threading.Thread(target=read)
    thread.start()
    assert writer.drain(30.0)
    thread.join(30.0)
    assert received == list(range(2000))
    reader.close()
    writer.send("n", number=1)  # nobody listens any more: no error
    assert not writer.drain(30.0)
    writer.close()


def test_a_writer_needs_no_reader() -> None:
    read_fd, write_fd = os.pipe()
    os.close(read_fd)
    writer = ReportWriter(write_fd, "a")
    writer.send("x")
    writer.close()
