"""Receiving entity: when it asks for what is missing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cfdp_bench import (
    DATA,
    EOF,
    HEADER,
    METADATA,
    SETTINGS,
    SUCCESS,
    Bench,
    eof_ack,
    segment,
)

from flight.link.cfdp import ConditionCode, crc32c
from flight.link.cfdp.eof import Eof
from flight.link.cfdp.filedata import FileData
from flight.link.cfdp.finished import Finished
from flight.link.cfdp.metadata import Metadata
from flight.link.cfdp.nak import Nak
from flight.link.cfdp.patience import LONGEST
from flight.link.cfdp.pdu import Pdu


def test_gaps_are_asked_for_after_the_guard_in_one_pdu() -> None:
    bench = Bench()
    assert bench.give(0.0, METADATA, segment(0), segment(200), segment(500)) == []
    assert bench.receiver.next_time() == pytest.approx(0.1)
    assert bench.tick(0.09) == []
    assert bench.tick(0.1) == [Nak(HEADER, 100, 500, ((100, 200), (300, 500)))]
    assert bench.counters["naks"] == 1


def test_reordered_data_within_the_guard_is_not_asked_for() -> None:
    bench = Bench()
    bench.give(0.0, METADATA, segment(100))
    bench.give(0.05, segment(0))
    assert bench.tick(0.2) == []


def test_gaps_are_asked_for_again_after_a_round_trip() -> None:
    bench = Bench()
    bench.give(0.0, METADATA, segment(0), segment(200))
    request = Nak(HEADER, 100, 200, ((100, 200),))
    assert bench.tick(0.1) == [request]
    assert bench.tick(1.1) == []
    assert bench.tick(1.16) == [request]
    bench.give(1.2, FileData(HEADER, 100, DATA[100:150]))
    assert bench.tick(2.3) == [Nak(HEADER, 150, 200, ((150, 200),))]


def test_batches_keep_their_distance_unless_a_pdu_is_full() -> None:
    bench = Bench()
    bench.give(0.0, METADATA, segment(100))
    bench.give(0.05, segment(300))
    assert bench.tick(0.1) == [Nak(HEADER, 0, 100, ((0, 100),))]
    assert bench.tick(0.16) == []
    assert bench.tick(0.2) == [Nak(HEADER, 200, 300, ((200, 300),))]
    small = Bench(replace(SETTINGS, nak_pdu=47))  # Three requests in a PDU.
    small.give(0.0, METADATA, segment(100))
    small.give(0.05, *map(segment, (300, 500, 700)))
    assert len(small.tick(0.1)) == 1
    assert small.tick(0.151) == [Nak(HEADER, 200, 700, ((200, 300), (400, 500), (600, 700)))]


def test_gaps_filled_while_they_wait_for_a_batch_are_not_asked_for() -> None:
    bench = Bench()
    bench.give(0.0, METADATA, segment(100))
    bench.give(0.05, segment(300), segment(500))
    assert len(bench.tick(0.1)) == 1
    assert bench.tick(0.16) == []
    bench.give(0.17, segment(200))
    assert bench.tick(0.2) == [Nak(HEADER, 400, 500, ((400, 500),))]


def test_a_slow_start_does_not_stretch_the_nak_timer() -> None:
    """One segment a long time before the others says nothing about the rate of the link."""
    bench = Bench()
    bench.give(0.0, METADATA, segment(0))
    bench.give(50.0, segment(200))
    assert len(bench.tick(50.1)) == 1
    assert len(bench.tick(51.2)) == 1


def test_few_repairs_after_the_eof_do_not_stretch_the_nak_timer() -> None:
    data = bytes(100_000)
    bench = Bench(replace(SETTINGS, segment=1000))
    bench.give(0.0, Metadata(HEADER, len(data), "a", "a"))
    for step in range(90):
        bench.give(0.02 * step, FileData(HEADER, 1000 * step, data[:1000]))
    bench.give(2.0, Eof(HEADER, ConditionCode.NO_ERROR, crc32c(data), len(data)))
    for step in range(4):
        bench.give(3.0 + step, FileData(HEADER, 91_000 + 2000 * step, data[:1000]))
    bench.tick(6.0)
    wanted = bench.receiver.next_time()
    assert wanted is not None
    assert wanted < 7.5


def test_naks_are_split_to_the_pdu_size_and_bounded_per_batch() -> None:
    size, octets = 200, bytes(200)
    eof = Eof(HEADER, ConditionCode.NO_ERROR, crc32c(octets), size)
    bench = Bench(replace(SETTINGS, nak_pdu=63))  # Five requests in a PDU.
    bench.give(0.0, Metadata(HEADER, size, "a", "a"))
    holes = [FileData(HEADER, offset, b"\0") for offset in range(1, size, 2)]
    answers = bench.give(0.01, *holes, eof)
    now = 0.01
    while (wanted := bench.receiver.next_time()) is not None and wanted < 0.9:
        now = wanted
        more = bench.tick(now)
        assert len(more) <= 8
        answers += more
    naks = [answer for answer in answers if isinstance(answer, Nak)]
    assert all(len(nak.pack()) <= 63 for nak in naks)
    asked = [request for nak in naks for request in nak.requests]
    assert sorted(asked) == [(offset, offset + 1) for offset in range(0, size, 2)]


def test_eof_asks_for_everything_missing_at_once() -> None:
    bench = Bench()
    bench.give(0.0, METADATA, segment(100))
    assert bench.give(0.01, EOF) == [
        eof_ack(),
        Nak(HEADER, 0, 1000, ((0, 100), (200, 1000))),
    ]


def test_missing_metadata_is_asked_for_and_early_data_is_kept() -> None:
    bench = Bench()
    bench.give(0.0, segment(0), segment(100))
    (state,) = bench.receiver.progress()
    assert (state.name, state.size, state.done) == ("", 0, 200)
    assert bench.tick(0.1) == [Nak(HEADER, 0, 0, ((0, 0),))]
    assert bench.tick(1.0) == []
    assert bench.tick(1.2) == [Nak(HEADER, 0, 0, ((0, 0),))]
    bench.give(1.3, METADATA, *map(segment, range(200, 1000, 100)))
    assert bench.give(1.4, EOF)[-1] == SUCCESS
    assert bench.store.files == {"file.bin": DATA}


def test_eof_first() -> None:
    bench = Bench()
    assert bench.give(0.0, EOF) == [eof_ack(), Nak(HEADER, 0, 1000, ((0, 0), (0, 1000)))]
    assert bench.tick(0.1) == []
    assert bench.give(0.2, *map(segment, range(0, 1000, 100))) == []
    assert bench.give(0.3, METADATA) == [SUCCESS]


def test_nak_limit_cancels_only_without_progress() -> None:
    bench = Bench(replace(SETTINGS, retry_limit=3))
    bench.give(0.0, METADATA, segment(0), segment(900))
    answers: list[Pdu] = []
    for step in range(1, 8):
        answers += bench.tick(1.3 * step)
        bench.give(1.3 * step, segment(100 * step))
    assert all(isinstance(answer, Nak) for answer in answers)
    silent: list[Pdu] = []
    while not bench.store.discarded:
        wanted = bench.receiver.next_time()
        assert wanted is not None
        assert wanted < 59.0
        silent += bench.tick(wanted)
    *repeats, fault = silent
    assert 3 <= len(repeats) <= 4
    assert isinstance(fault, Finished)
    assert fault.condition is ConditionCode.NAK_LIMIT_REACHED


def test_without_limits_naks_never_end() -> None:
    bench = Bench()
    bench.give(0.0, METADATA, segment(0), segment(900))
    assert all(bench.tick((LONGEST + 2.0) * step) for step in range(1, 200))
    assert bench.store.discarded == 0


def test_large_file_flag_is_answered_in_kind() -> None:
    bench = Bench()
    header = replace(HEADER, large=True)
    answers = bench.give(0.0, Eof(header, ConditionCode.NO_ERROR, 0, 2**33))
    nak = answers[-1]
    assert isinstance(nak, Nak)
    assert nak.header.large
    assert nak.requests == ((0, 0), (0, 2**33))
