"""What is an entry and what is not. Knows no folder."""

from __future__ import annotations

import contextlib
import io
import json
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sample_factory.envs.dmlab.level_cache.entries import (
    DamagedError,
    Entry,
    decode,
    encode,
    fault,
    is_key,
    payload_fault,
    shard,
)
from sample_factory.envs.dmlab.level_cache.tests.levels import entry_of, key_of, pk3

ENTRY = entry_of(1)
CONTENTS = encode(ENTRY)


@pytest.mark.parametrize(
    "text",
    ["", ".", "..", "../x", "a/b", "/a", ".hidden", "a" * 201, "a\n", "a\0", "ä", "a b", "a@b", "x\\y", "\ud800"],
)
def test_what_could_be_another_file_is_no_key(text):
    assert not is_key(text)


def test_keys_of_deepmind_lab_are_keys():
    assert is_key(key_of(0)) and is_key("twoAreaMap_customFloors_noaas_" + "0f" * 16) and is_key("a" * 200)


@given(st.text(max_size=220))
def test_a_key_stays_in_its_folder(text):
    if is_key(text):
        assert "/" not in text and not text.startswith(".") and len(text.encode()) <= 200
        assert len(shard(text)) == 2


@given(level=st.text(max_size=600), seed=st.integers(-(2**70), 2**70), payload=st.binary(min_size=1, max_size=50))
def test_what_may_be_stored_is_read_back_unchanged(level, seed, payload):
    entry = Entry("some_key", level, seed, payload)
    if (fault(entry._replace(key="m_noaas_0", payload=pk3("m_noaas_0"))) is None) and "\0" not in level:
        assert decode("some_key", encode(entry)) == entry


@given(st.integers(0, len(CONTENTS) - 1))
def test_a_torn_file_is_damaged(length):
    with pytest.raises(DamagedError):
        decode(ENTRY.key, CONTENTS[:length])


@given(position=st.integers(0, len(CONTENTS) - 1), change=st.integers(1, 255))
def test_a_changed_byte_never_changes_the_payload_unseen(position, change):
    changed = bytearray(CONTENTS)
    changed[position] ^= change
    with contextlib.suppress(DamagedError):
        assert decode(ENTRY.key, bytes(changed)).payload == ENTRY.payload  # only level or seed are different


def test_a_file_under_another_key_is_damaged():
    with pytest.raises(DamagedError, match="has the key"):
        decode(key_of(3), CONTENTS)


@pytest.mark.parametrize(
    "change",
    [
        {"level": 5},
        {"level": "a\0"},
        {"level": "\ud800"},
        {"level": "x" * 513},
        {"seed": "1"},
        {"seed": True},
        {"seed": 2**63},
        {"size": 0},
        {"sha256": None},
        {"key": ["x"]},
    ],
)
def test_headers_that_could_not_be_ours_are_damaged(change):
    header, _, payload = CONTENTS.partition(b"\n")
    with pytest.raises(DamagedError):
        decode(ENTRY.key, json.dumps(json.loads(header) | change).encode() + b"\n" + payload)


@pytest.mark.parametrize("header", [b"", b"{}", b"[]", b"null", b"[" * 8000, b'{"a":' * 1500, b"\xff\xfe", b"9" * 8000])
def test_lines_that_are_no_header_are_damaged(header):
    with pytest.raises(DamagedError):
        decode(ENTRY.key, header + b"\npayload")


def test_sound_pk3s_are_sound():
    assert payload_fault(key_of(0), pk3(key_of(0))) is None
    assert payload_fault(key_of(1), pk3(key_of(1))) is None


def zip_of(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, contents in members.items():
            archive.writestr(name.replace("__", "/"), contents)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("key", "payload", "why"),
    [
        ("m_noaas_0", b"", "no sound zip"),
        ("m_noaas_0", b"text", "no sound zip"),
        ("m_noaas_0", zip_of(), "no maps/m.bsp"),
        ("m_noaas_0", zip_of(maps__other=b"1"), "no maps/m.bsp"),
        ("m_noaas_0", zip_of(**{"m.bsp": b"1"}), "no maps/m.bsp"),
        ("m_noaas_0", zip_of(**{"maps__m.bsp": b""}), "no maps/m.bsp"),
        ("m_aas_0", zip_of(**{"maps__m.bsp": b"1"}), "no maps/m.aas"),
        ("m_noaas", zip_of(**{"maps__m.bsp": b"1"}), "its key"),
        ("m_noaas_0", zip_of(**{"maps__m.bsp": b"1", "bomb": bytes(2**20)}), None),
    ],
)
def test_a_pk3_without_the_map_is_refused(key, payload, why):
    found = payload_fault(key, payload)
    assert found is None if why is None else why in found


@given(st.data())
def test_a_pk3_that_is_cut_short_is_refused(data):
    payload = pk3("m_noaas_0", 100)
    assert payload_fault("m_noaas_0", payload[: data.draw(st.integers(0, len(payload) - 1))]) is not None


def test_a_wrong_checksum_in_a_zip_is_refused():
    payload = bytearray(pk3("m_noaas_0", 100))
    payload[payload.index(b"m.bsp") + 20] ^= 1
    assert "checksum" in payload_fault("m_noaas_0", bytes(payload))


@given(st.binary(max_size=300))
def test_any_bytes_can_be_looked_at(payload):
    assert payload_fault("m_noaas_0", payload) is not None


def test_what_unpacks_to_far_too_much_is_refused(monkeypatch):
    monkeypatch.setattr("sample_factory.envs.dmlab.level_cache.entries._MAX_UNPACKED_BYTES", 1000)
    payload = zip_of(**{"maps__m.bsp": b"1", "bomb": bytes(2000)})
    assert "unpacks to more" in payload_fault("m_noaas_0", payload)
