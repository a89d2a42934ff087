"""Receiving entity: delivery, closure, memory of closed transactions, limits."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cfdp_bench import (
    ACK_FINISHED,
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
from flight.link.cfdp.ack import Ack
from flight.link.cfdp.codes import Directive, TransactionStatus
from flight.link.cfdp.eof import Eof
from flight.link.cfdp.filedata import FileData
from flight.link.cfdp.finished import Finished
from flight.link.cfdp.header import Header
from flight.link.cfdp.incoming import REMEMBERED
from flight.link.cfdp.metadata import Metadata


def test_clean_transfer() -> None:
    bench = Bench()
    assert bench.receiver.next_time() is None
    assert bench.give(0.0, METADATA, *map(segment, range(0, 1000, 100))) == []
    (state,) = bench.receiver.progress()
    assert (state.id, state.name, state.size, state.done) == ((1, 7), "file.bin", 1000, 1000)
    assert bench.give(0.1, EOF) == [eof_ack(), SUCCESS]
    assert bench.store.files == {"file.bin": DATA}
    assert bench.receiver.delivered() == [("file.bin", 1, 7, 1000)]
    assert bench.receiver.delivered() == []
    assert bench.receiver.progress() == []
    assert bench.give(0.2, ACK_FINISHED) == []
    assert bench.receiver.next_time() is None


def test_early_data_is_bounded() -> None:
    bench = Bench(replace(SETTINGS, segment=1000))
    for number in range(200):
        bench.give(0.0, FileData(HEADER, 1000 * number, bytes(1000)))
    assert bench.receiver.progress()[0].done <= 1 << 17
    assert bench.counters["overflow"] == 200 - (1 << 17) // 1000
    crumbs = Bench(replace(SETTINGS, segment=1000))
    for number in range(500):
        crumbs.give(0.0, FileData(HEADER, 2 * number, b"x"))
    assert crumbs.counters["overflow"] > 300


def test_fragments_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flight.link.cfdp.assembly.RANGES", 10)
    bench = Bench()
    bench.give(0.0, METADATA, *(FileData(HEADER, at, DATA[at : at + 1]) for at in range(0, 60, 2)))
    assert bench.receiver.progress()[0].done == 10
    assert bench.counters["overflow"] == 20
    bench.give(0.0, FileData(HEADER, 1, DATA[1:2]))
    assert bench.receiver.progress()[0].done == 11
    bench.give(0.1, EOF, FileData(HEADER, 0, DATA))
    assert bench.store.files == {"file.bin": DATA}


def test_overlapping_data_are_written_once() -> None:
    bench = Bench()
    bench.give(0.0, METADATA, FileData(HEADER, 0, DATA[:150]), FileData(HEADER, 100, DATA[100:300]))
    bench.give(0.0, FileData(HEADER, 0, DATA[:300]), FileData(HEADER, 0, DATA))
    assert bench.give(0.1, EOF)[-1] == SUCCESS
    assert bench.store.files == {"file.bin": DATA}
    assert bench.counters["duplicate"] == 1
    assert bench.receiver.ended()[0].resent == 50 + 300 + 300


def test_finished_is_repeated_until_acknowledged() -> None:
    bench = Bench()
    bench.give(0.0, METADATA, FileData(HEADER, 0, DATA), EOF)
    assert bench.receiver.next_time() == pytest.approx(1.15)
    assert bench.tick(1.1) == []
    assert bench.tick(1.16) == [SUCCESS]
    assert bench.tick(2.32) == [SUCCESS]
    assert bench.give(2.4, EOF) == [eof_ack()]
    assert bench.give(2.4, METADATA, segment(0)) == []
    bench.give(2.5, ACK_FINISHED)
    assert bench.tick(10.0) == []
    assert bench.counters["late"] == 2


def test_late_pdus_of_a_closed_transaction() -> None:
    bench = Bench()
    bench.give(0.0, METADATA, FileData(HEADER, 0, DATA), EOF, ACK_FINISHED)
    assert bench.give(9.0, EOF) == [eof_ack(TransactionStatus.TERMINATED), SUCCESS]
    assert bench.give(9.0, METADATA, segment(0), ACK_FINISHED) == []
    assert bench.counters["late"] == 3
    assert bench.store.opened == ["file.bin"]
    assert bench.receiver.next_time() is None


def test_memory_of_closed_transactions_is_bounded() -> None:
    bench = Bench()
    for number in range(1034):
        header = Header(1, 2, number)
        bench.give(
            0.0,
            Metadata(header, 0, f"f{number}", "f"),
            Eof(header, ConditionCode.NO_ERROR, 0, 0),
            Ack(header, Directive.FINISHED, ConditionCode.NO_ERROR, TransactionStatus.ACTIVE),
        )
    assert len(bench.receiver.engine._incoming._closed) == REMEMBERED
    assert bench.counters["reports_dropped"] == 10
    assert len(bench.receiver.delivered()) == 1024
    late = Eof(Header(1, 2, 1033), ConditionCode.NO_ERROR, 0, 0)
    assert len(bench.give(1.0, late)) == 2


def test_retry_limit_ends_the_finished_pdu() -> None:
    bench = Bench(replace(SETTINGS, retry_limit=3))
    bench.give(0.0, METADATA, FileData(HEADER, 0, DATA), EOF)
    repeats = sum(len(bench.tick(2.0 * step)) for step in range(1, 10))
    assert repeats == 3
    assert bench.counters["positive_ack_limit_reached"] == 1
    assert bench.receiver.next_time() is None


def test_inactivity_is_counted_and_the_transaction_kept() -> None:
    bench = Bench()
    bench.give(0.0, METADATA, segment(0))
    assert bench.receiver.next_time() == 60.0
    bench.tick(60.0)
    bench.tick(120.0)
    assert bench.counters["inactivity_detected"] == 2
    bench.give(130.0, segment(100))
    assert bench.tick(189.0) == []
    assert bench.counters["inactivity_detected"] == 2
    bench.give(189.5, FileData(HEADER, 0, DATA), EOF)
    assert bench.store.files == {"file.bin": DATA}


def test_finished_transaction_of_a_silent_peer_is_closed_but_remembered() -> None:
    bench = Bench()
    bench.give(0.0, METADATA, FileData(HEADER, 0, DATA), EOF)
    bench.tick(60.0)
    assert bench.receiver.next_time() is None
    assert bench.give(61.0, EOF) == [eof_ack(TransactionStatus.TERMINATED), SUCCESS]


def test_open_transactions_are_limited() -> None:
    bench = Bench(limit=4)
    for number in range(10_000):
        header = Header(1, 2, number)
        bench.give(0.0, Metadata(header, 10, f"f{number}", f"f{number}"))
    assert bench.store.open_sinks == 4
    assert bench.counters["over_limit"] == 9996
    refused = Header(1, 2, 5000)
    assert bench.give(1.0, Eof(refused, ConditionCode.NO_ERROR, 0, 10)) == []


def test_an_inactive_transaction_makes_room() -> None:
    bench = Bench(limit=2)
    first, second, third = (Header(1, 2, number) for number in range(3))
    bench.give(0.0, Metadata(first, 10, "first", "first"))
    bench.give(1.0, Metadata(second, 10, "second", "second"))
    bench.give(59.0, Metadata(third, 10, "third", "third"))
    assert bench.store.opened == ["first", "second"]
    bench.give(60.0, Metadata(third, 10, "third", "third"))
    assert bench.store.opened == ["first", "second", "third"]
    assert (bench.store.discarded, bench.store.open_sinks) == (1, 2)
    _, finished = bench.give(61.0, Eof(first, ConditionCode.NO_ERROR, 0, 10))
    assert isinstance(finished, Finished)
    assert finished.condition is ConditionCode.INACTIVITY_DETECTED


def test_an_unacknowledged_finished_transaction_makes_room_at_once() -> None:
    bench = Bench(limit=2)
    bench.give(0.0, Metadata(Header(1, 2, 6), 10, "older", "older"))
    bench.give(0.1, METADATA, FileData(HEADER, 0, DATA), EOF)
    bench.give(0.2, Metadata(Header(1, 2, 8), 10, "next", "next"))
    assert bench.store.opened == ["older", "file.bin", "next"]
    assert bench.store.discarded == 0
    assert bench.give(0.3, EOF) == [eof_ack(TransactionStatus.TERMINATED), SUCCESS]


def test_a_limit_of_zero_refuses_everything() -> None:
    bench = Bench(limit=0)
    assert bench.give(0.0, METADATA, EOF) == []
    assert bench.counters["over_limit"] == 2


def test_transactions_of_several_sources_do_not_mix() -> None:
    bench = Bench()
    other = Header(3, 2, 7)
    bench.give(0.0, METADATA, Metadata(other, 100, "other", "other"))
    bench.give(0.0, FileData(other, 0, bytes(100)), FileData(HEADER, 0, DATA))
    bench.give(0.1, EOF, Eof(other, ConditionCode.NO_ERROR, crc32c(bytes(100)), 100))
    assert bench.store.files == {"file.bin": DATA, "other": bytes(100)}
    assert [source for _, source, *_ in bench.receiver.delivered()] == [1, 3]
