"""Event files that grow, as the project's own writer writes them."""

from __future__ import annotations

import io

import pytest
from tensorboard.summary.writer.record_writer import RecordWriter

from sample_factory.dashboard import event_tail
from sample_factory.dashboard.event_tail import EventTail
from sample_factory.runner.results.event_file import parse_events
from sample_factory.system.summaries import SummaryWriter


def never() -> bool:
    return False


@pytest.fixture
def writer(tmp_path):
    return SummaryWriter(tmp_path)


def write(writer: SummaryWriter, *points: tuple[str, int, float]) -> None:
    for tag, frames, value in points:
        writer.scalar(tag, value, frames)
    writer.flush()


def seen(tail: EventTail) -> list[tuple[str, int, float]]:
    events = tail.events()
    names = [events.tags[number] for number in events.tag]
    return list(zip(names, events.frames.tolist(), events.values.tolist(), strict=True))


def test_what_is_appended_is_read_and_nothing_twice(writer):
    write(writer, ("a", 1, 1.0), ("b", 1, 2.0))
    tail = EventTail(writer._path)
    assert tail.read(never)
    write(writer, ("c", 2, 3.0), ("a", 2, 4.0))
    assert tail.read(never)
    assert seen(tail) == [("a", 1, 1.0), ("b", 1, 2.0), ("c", 2, 3.0), ("a", 2, 4.0)]
    assert tail.events().started == parse_events(writer._path).started


def test_only_what_is_new_is_parsed(writer, monkeypatch):
    write(writer, *(("a", i, float(i)) for i in range(100)))
    tail = EventTail(writer._path)
    tail.read(never)
    sizes = []
    real = event_tail.read_records
    monkeypatch.setattr(event_tail, "read_records", lambda data: sizes.append(len(data)) or real(data))
    tail.read(never)
    assert sizes == []
    write(writer, ("a", 100, 0.0))
    tail.read(never)
    assert len(sizes) == 1
    assert sizes[0] < 100


def test_half_a_record_is_read_once_it_is_whole(writer):
    write(writer, ("a", 1, 1.0), ("a", 2, 2.0))
    whole = writer._path.read_bytes()
    writer._path.write_bytes(whole[:-5])
    tail = EventTail(writer._path)
    assert tail.read(never)
    assert seen(tail) == [("a", 1, 1.0)]
    writer._path.write_bytes(whole)
    assert tail.read(never)
    assert seen(tail) == [("a", 1, 1.0), ("a", 2, 2.0)]


def test_file_that_was_cut_off_is_read_anew(writer):
    write(writer, ("a", 1, 1.0))
    short = writer._path.read_bytes()
    write(writer, ("a", 2, 2.0))
    tail = EventTail(writer._path)
    tail.read(never)
    version = tail.version
    writer._path.write_bytes(short)
    tail.read(never)
    assert seen(tail) == [("a", 1, 1.0)]
    assert tail.version != version


def test_damaged_part_ends_the_file(writer):
    write(writer, ("a", 1, 1.0), ("a", 2, 2.0))
    damaged = bytearray(writer._path.read_bytes())
    damaged[-6] ^= 1
    writer._path.write_bytes(damaged)
    tail = EventTail(writer._path)
    assert tail.read(never)
    assert seen(tail) == [("a", 1, 1.0)]


def test_sound_records_that_are_no_events_are_passed_over(tmp_path):
    file = io.BytesIO()
    RecordWriter(file).write(b"\xff\xff\xff no event")
    (tmp_path / "tfevents").write_bytes(file.getvalue())
    tail = EventTail(tmp_path / "tfevents")
    assert tail.read(never)
    assert seen(tail) == []


def test_reading_stops_when_there_is_no_time_and_goes_on_later(writer, monkeypatch):
    monkeypatch.setattr(event_tail, "_PIECE_BYTES", 64)  # less than two records
    points = [("a", i, float(i)) for i in range(20)]
    write(writer, *points)
    tail = EventTail(writer._path)
    left = [False, False, True]
    assert not tail.read(lambda: left.pop(0))
    assert len(seen(tail)) < 20
    assert tail.read(never)
    assert seen(tail) == points
