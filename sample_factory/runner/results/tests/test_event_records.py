"""Our reader of records and TensorBoard's give the same, whatever is in the file."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.summary.writer.record_writer import RecordWriter

from sample_factory.runner.results.event_records import LONGEST, read_records

RECORDS = st.lists(st.binary(max_size=40), max_size=8)


def written(records: list[bytes]) -> bytes:
    file = io.BytesIO()
    writer = RecordWriter(file)
    for record in records:
        writer.write(record)
    return file.getvalue()


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    path = tmp_path_factory.mktemp("events") / "events.out.tfevents"

    def read(data: bytes) -> list[bytes]:
        path.write_bytes(data)
        return list(RawEventFileLoader(str(path)).Load())

    return read


@given(RECORDS)
def test_records_are_read_as_they_were_written(records):
    assert read_records(written(records)) == records


@given(RECORDS, st.data())
def test_unfinished_file_is_read_as_tensorboard_does(theirs, records, data):
    whole = written(records)
    part = whole[: data.draw(st.integers(0, len(whole)))]
    assert read_records(part) == theirs(part)


@given(RECORDS.filter(bool), st.data())
def test_damaged_file_is_read_as_tensorboard_does(theirs, records, data):
    damaged = bytearray(written(records))
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    assert read_records(bytes(damaged)) == theirs(bytes(damaged))


def test_long_records_are_left_out_and_those_behind_them_are_not():
    assert read_records(written([b"a", b"x" * (LONGEST + 1), b"b", b"y" * LONGEST])) == [b"a", b"b", b"y" * LONGEST]


def test_anything_may_be_in_a_file(theirs):
    for data in (b"", b"x", bytes(100), b"no events at all, but long enough for a record"):
        assert read_records(data) == theirs(data)
