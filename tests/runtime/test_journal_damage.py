"""The journal's reader: damage at every octet, pieces, other journals inside payloads."""

from __future__ import annotations

import os
import random
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight.runtime.journal import HEADER_SIZE, SYNC, Journal, Record, read, scan, segments

SEED = 20260721


@pytest.fixture(autouse=True)
def _no_wait_for_the_medium(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of these files has to last, and a killed process leaves its page cache."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr(os, "fdatasync", lambda _: None)


def journal_of(directory: Path, payloads: list[bytes]) -> tuple[bytes, list[Record]]:
    """Octets of the only segment of a journal, and its records."""
    Journal(directory, 1 << 20, 2).append_many([(p, 7 * n) for n, p in enumerate(payloads)])
    (path,) = segments(directory)
    return path.read_bytes(), [Record(n, 7 * n, p) for n, p in enumerate(payloads)]


@pytest.fixture
def small(tmp_path: Path) -> tuple[bytes, list[Record]]:
    """A file with what misleads a reader: empty records, sync words, a whole other journal."""
    inner, _ = journal_of(tmp_path / "inner", [b"phantom %d" % n for n in range(3)])
    payloads = [b"first", b"", SYNC, b"a" * 30, inner, b"", inner[5:] + inner, b"last"]
    return journal_of(tmp_path / "outer", payloads)


def survivors(data: bytes, records: list[Record]) -> tuple[list[Record], int]:
    """What a scan returns, all of it checked to be original and in order; and octets skipped."""
    reader = scan(data)
    found = list(reader)
    assert [record for record in records if record in found] == found, "a record that never was"
    return found, reader.skipped


def test_whole_file(small: tuple[bytes, list[Record]]) -> None:
    data, records = small
    reader = scan(data)
    assert list(reader) == records
    assert (reader.skipped, reader.lost) == (0, 0)
    assert list(reader) == []
    assert list(scan(b"")) == []


def test_truncated_at_every_octet(small: tuple[bytes, list[Record]]) -> None:
    data, records = small
    ends = [len(data)]
    for record in reversed(records):
        stored = record.payload.replace(SYNC[:3], SYNC[:3] + b"\0")
        ends.insert(0, ends[0] - HEADER_SIZE - len(stored))
    for size in range(len(data)):
        found, skipped = survivors(data[:size], records)
        whole = sum(end <= size for end in ends[1:])
        assert found == records[:whole], f"cut to {size} of {len(data)} octets"
        assert skipped == size - ends[whole]


def test_beginning_cut_off_at_every_octet(small: tuple[bytes, list[Record]]) -> None:
    data, records = small
    for start in range(len(data)):
        found, _ = survivors(data[start:], records)
        assert found == records[len(records) - len(found) :]


def test_every_bit_flipped(small: tuple[bytes, list[Record]]) -> None:
    data, records = small
    flips = [(at, bit) for at in range(len(data)) for bit in range(8)]
    for at, bit in flips:
        reader = scan(data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :])
        found = list(reader)
        assert len(found) == len(records) - 1, f"octet {at}, bit {bit} of {len(flips)} flips"
        assert [record for record in records if record in found] == found
        hidden = {records[0].sequence, records[-1].sequence} - {r.sequence for r in found}
        assert reader.lost == (0 if hidden else 1)
        assert reader.skipped >= HEADER_SIZE


def test_without_the_crc_a_flipped_octet_is_returned(small: tuple[bytes, list[Record]]) -> None:
    """The damage that the CRC masks: a reader that trusts sync word and length returns it."""
    data, records = small

    def trusting(octets: bytes) -> list[bytes]:
        found, at = [], 0
        while octets[at : at + 4] == SYNC:
            (length,) = struct.unpack_from("<I", octets, at + 4)
            found.append(octets[at + HEADER_SIZE : at + HEADER_SIZE + length])
            at += HEADER_SIZE + length
        return found

    whole = trusting(data)
    assert len(whole) == len(records)
    wrong = 0
    for at in range(len(data)):
        found = trusting(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        wrong += any(payload not in whole for payload in found)
    assert wrong > len(data) // 2


def test_without_stuffing_a_damaged_record_releases_those_inside(tmp_path: Path) -> None:
    """The damage that stuffing masks: with the inner sync words left as they are, a flip in the
    outer length lets the records of another journal out."""
    inner, phantoms = journal_of(tmp_path / "inner", [b"phantom"] * 3)
    assert list(scan(b"damaged header" + inner)) == phantoms
    outer, _ = journal_of(tmp_path / "outer", [inner])
    assert list(scan(b"damaged header" + outer[4:])) == []


@given(seed=st.integers(0, 2**32), bursts=st.integers(1, 6))
@settings(max_examples=150, deadline=None)
def test_bursts(tmp_path_factory: pytest.TempPathFactory, seed: int, bursts: int) -> None:
    """Octets overwritten, removed and put in anywhere: what is returned was appended."""
    source = random.Random(SEED ^ seed)
    payloads = [source.randbytes(source.randrange(40)) for _ in range(30)]
    data, records = journal_of(tmp_path_factory.mktemp("bursts"), payloads)
    for _ in range(bursts):
        at, size = source.randrange(len(data)), source.randrange(1, 70)
        new = source.choice([b"", bytes(size), source.randbytes(size), SYNC + bytes(size)])
        data = data[:at] + new + data[at + source.choice([0, size]) :]
    found, skipped = survivors(data, records)
    assert skipped <= len(data)
    # A burst of at most 69 octets hits at most 4 records of at least 28 octets each.
    assert len(found) >= 30 - 4 * bursts, f"{bursts} bursts, seed {seed}"


@given(st.binary(max_size=300))
@settings(max_examples=200)
def test_noise_holds_no_record(noise: bytes) -> None:
    reader = scan(SYNC + noise + SYNC)
    assert list(reader) == []
    assert reader.skipped == len(noise) + 8


def test_record_behind_the_stump_of_another(small: tuple[bytes, list[Record]]) -> None:
    data, records = small
    for size in range(HEADER_SIZE + len(records[0].payload)):
        assert list(scan(data[:size] + data)) == records, f"stump of {size} octets"
        assert list(scan(data[:size] * 2 + data)) == records, f"stumps of {size} octets"


def test_losses_between_and_before_are_counted_under_the_files_name(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 500, 10)
    journal.append_many([(b"x" * 20, n) for n in range(30)])
    path = segments(tmp_path)[1]
    data = path.read_bytes()
    size = HEADER_SIZE + 20
    path.write_bytes(data[2 * size + 1 : 4 * size] + data[6 * size :])
    reader = read(path)
    first = 500 // size
    assert [record.sequence for record in reader] == [first + 3, *range(first + 6, 2 * first)]
    assert (reader.lost, reader.skipped) == (5, size - 1)
