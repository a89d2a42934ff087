"""The octets of one slot: round trip, and a typed reason for everything else."""

from __future__ import annotations

import io
import struct
from dataclasses import replace

import pytest
from checkpoint_states import CHUNK, CHUNKS, LENGTH, checkpoint, parse, small_chunks, state
from hypothesis import given, settings
from hypothesis import strategies as st

from flight.dictionary.content import content_hash
from flight.executor import slotfile
from flight.executor.checkpoint import CheckpointError
from flight.executor.slotfile import Base, Front, chunk, chunk_count, draft, read_front
from flight.runtime.crc import crc32c


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    small_chunks(monkeypatch)


def written(front: Front, octets: bytes) -> bytes:
    file = io.BytesIO()
    file.write(front.encode())
    for number, offset, size in front.places():
        file.seek(offset)
        assert file.write(chunk(memoryview(octets), number)) == size
    return file.getvalue()


def front_of(octets: bytes, stored: list[bool] | None = None, base: Base | None = None) -> Front:
    whole = [True] * chunk_count(len(octets))
    unsummed = draft(checkpoint(3, octets), whole if stored is None else stored, base)
    view = memoryview(octets)
    crcs = [crc32c(octets[at : at + CHUNK]) for at in range(0, len(view), CHUNK)]
    return replace(unsummed, crcs=crcs)


@given(st.binary(max_size=5 * CHUNK), st.data())
@settings(max_examples=150, deadline=None)
def test_round_trip(octets: bytes, data: st.DataObject) -> None:
    count = -(-len(octets) // CHUNK)
    stored = data.draw(st.lists(st.booleans(), min_size=count, max_size=count))
    front = front_of(octets, stored, Base(2, 99))
    raw = written(front, octets)
    found = read_front(io.BytesIO(raw))
    assert found == front
    assert found.meta == front.meta
    assert found.crc == crc32c(octets)
    generation, _, held = parse(raw)
    assert (generation, list(held)) == (3, [n for n in range(count) if stored[n]])
    assert all(raw[a:b] == octets[n * CHUNK : (n + 1) * CHUNK] for n, (a, b) in held.items())


def test_header_carries_dictionary_program_and_digest() -> None:
    meta = read_front(io.BytesIO(written(front_of(state(3)), state(3)))).meta
    assert meta.origin.dictionary == content_hash()
    assert (meta.origin.program, meta.origin.models) == ("rows 1", {"toy": "ab"})
    assert meta.sha256 == checkpoint(3).sha256


def test_chunks_begin_on_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slotfile, "PAGE", 4096)
    assert front_of(state(1)).start == 4096
    assert len(front_of(state(1)).encode()) == 4096


def test_every_truncation_and_extension_is_refused() -> None:
    raw = written(front_of(state(3)), state(3))
    for size in range(len(raw)):
        with pytest.raises(CheckpointError):
            read_front(io.BytesIO(raw[:size]))
    for more in (b"\0", raw):
        with pytest.raises(CheckpointError, match="instead of"):
            read_front(io.BytesIO(raw + more))
    assert read_front(io.BytesIO(raw)).length == LENGTH


def test_every_flip_in_front_of_the_chunks_is_refused() -> None:
    raw = written(front_of(state(3)), state(3))
    _, end, _ = parse(raw)
    for bit in range(8 * end):
        damaged = bytearray(raw)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(CheckpointError):
            read_front(io.BytesIO(bytes(damaged)))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"version": 1}, "of format 1, this software reads 2"),
        ({"magic": b"TGST"}, "not a checkpoint"),
        ({"packed": 1 << 31}, "cut to"),
        ({"chunks": 1 << 31}, "cut to"),
        ({"length": LENGTH + CHUNK}, "9 chunks for"),
        ({"meta": b"\x80"}, "header of other software: Object missing required field"),
        ({"meta": b"\xc1"}, "header of other software"),
    ],
)
def test_what_verifies_but_is_of_another_software_is_refused_with_its_reason(
    change: dict[str, int | bytes], reason: str
) -> None:
    """As a future format, or a faulty writer, would leave it: all CRCs are right."""
    names = ("magic", "version", "packed", "chunks", "task", "generation", "length", "table_crc")
    front = front_of(state(3))
    raw = front.encode()
    fields = dict(zip(names, struct.unpack_from("<4sIIIQQQI", raw), strict=True))
    meta = change.get("meta", front.packed)
    assert isinstance(meta, bytes)
    fields |= {"packed": len(meta)} | {name: change[name] for name in names if name in change}
    head = struct.pack("<4sIIIQQQI", *fields.values())
    tail = raw[48 + len(front.packed) :]
    data = head + struct.pack("<I", crc32c(head + meta)) + meta + tail
    with pytest.raises(CheckpointError, match=reason):
        read_front(io.BytesIO(data + bytes(CHUNK * CHUNKS)))


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_random_octets_raise_nothing_else(data: bytes) -> None:
    for candidate in (data, b"TGCK\x02\0\0\0" + data):
        with pytest.raises(CheckpointError):
            read_front(io.BytesIO(candidate))
