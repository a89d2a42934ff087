"""Sending entity: order of PDUs, timers, de-duplication of repairs."""

from __future__ import annotations

import pytest
from cfdp_files import MemoryFile
from cfdp_source import (
    DATA,
    EOF_ACK,
    EOF_INTERVAL,
    FINISHED,
    HEADER,
    SETTINGS,
    drain,
    make,
    nak,
    ranges,
)

from flight.link.cfdp import ConditionCode, Sender, crc32c, parse
from flight.link.cfdp.ack import Ack
from flight.link.cfdp.codes import Directive, TransactionStatus
from flight.link.cfdp.eof import Eof
from flight.link.cfdp.filedata import FileData
from flight.link.cfdp.metadata import Metadata


def test_metadata_data_eof() -> None:
    sender = make()
    assert sender.next_time() == 0.0
    metadata, *data, eof = drain(sender, 0.0)
    assert metadata == Metadata(HEADER, 1050, "file.bin", "file.bin")
    assert b"".join(pdu.data for pdu in data if isinstance(pdu, FileData)) == DATA
    assert ranges(data) == [(at, min(at + 100, 1050)) for at in range(0, 1050, 100)]
    assert eof == Eof(HEADER, ConditionCode.NO_ERROR, crc32c(DATA), 1050)
    assert (sender.sent, sender.resent, sender.finished) == (1050, 0, False)
    assert sender.next_time() == pytest.approx(EOF_INTERVAL)


def test_empty_file() -> None:
    metadata, eof = drain(make(b""), 0.0)
    assert isinstance(metadata, Metadata)
    assert eof == Eof(HEADER, ConditionCode.NO_ERROR, 0, 0)


def test_file_beyond_four_gib_sets_the_large_file_flag() -> None:
    class Huge(MemoryFile):
        def __init__(self) -> None:
            super().__init__(b"")
            self.size = 2**32

    sender = Sender(1, 2, 7, "file.bin", Huge(), SETTINGS)
    metadata = parse(sender.next_pdu(0.0) or b"")
    assert metadata.header.large
    assert isinstance(metadata, Metadata)
    assert metadata.size == 2**32


def test_eof_repeats_until_acknowledged_then_stays_silent() -> None:
    sender = make()
    drain(sender, 0.0)
    assert drain(sender, EOF_INTERVAL - 0.01) == []
    assert len(drain(sender, EOF_INTERVAL)) == 1
    assert len(drain(sender, 2 * EOF_INTERVAL)) == 1
    sender.receive(EOF_ACK, 2.5)
    assert drain(sender, 50.0) == []
    assert sender.next_time() == pytest.approx(62.5)


def test_inactive_receiver_is_asked_with_the_eof() -> None:
    sender = make()
    drain(sender, 0.0)
    sender.receive(EOF_ACK, 1.0)
    sender.receive(nak((0, 100)), 30.0)
    assert len(drain(sender, 30.0)) == 1
    assert drain(sender, 61.0) == []
    (eof,) = drain(sender, 90.0)
    assert isinstance(eof, Eof)
    assert sender.inactive == 1
    assert not sender.finished
    sender.receive(FINISHED, 91.0)
    assert sender.finished


def test_repairs_come_before_new_data_a_segment_each() -> None:
    sender = make()
    for _ in range(6):
        sender.next_pdu(0.0)
    sender.receive(nak((150, 320), (0, 50)), 0.5)
    pdus = drain(sender, 0.5)
    assert ranges(pdus)[:3] == [(0, 50), (150, 250), (250, 320)]
    assert ranges(pdus)[3] == (500, 600)
    assert sender.resent == 220
    for pdu in pdus:
        if isinstance(pdu, FileData):
            assert pdu.data == DATA[pdu.offset : pdu.offset + len(pdu.data)]


def test_a_range_is_sent_again_once_per_round_trip() -> None:
    sender = make()
    drain(sender, 0.0)
    sender.receive(nak((100, 300)), 0.5)
    sender.receive(nak((100, 300)), 0.5)
    assert ranges(drain(sender, 0.6)) == [(100, 200), (200, 300)]
    sender.receive(nak((100, 300), (250, 400)), 1.5)
    assert ranges(drain(sender, 1.59)) == [(300, 400)]
    sender.receive(nak((100, 300)), 1.6)
    assert ranges(drain(sender, 1.6)) == [(100, 200), (200, 300)]


def test_metadata_is_sent_again_once_per_round_trip() -> None:
    sender = make()
    drain(sender, 0.0)
    sender.receive(nak((0, 0)), 0.5)
    assert [type(pdu) for pdu in drain(sender, 0.5)] == [Metadata]
    sender.receive(nak((0, 0)), 1.0)
    assert drain(sender, 1.0) == []
    sender.receive(nak((0, 0)), 1.5)
    assert Metadata in [type(pdu) for pdu in drain(sender, 1.5)]


def test_finished_is_acknowledged_even_after_the_end() -> None:
    sender = make()
    drain(sender, 0.0)
    sender.receive(EOF_ACK, 1.0)
    expected = Ack(HEADER, Directive.FINISHED, ConditionCode.NO_ERROR, TransactionStatus.TERMINATED)
    for now in (1.1, 5.0, 500.0):
        sender.receive(FINISHED, now)
        assert sender.finished
        assert sender.next_time() == now
        assert drain(sender, now) == [expected]
        assert sender.next_time() is None
    sender.receive(nak((0, 100)), 501.0)
    assert drain(sender, 501.0) == []


def test_a_nak_of_the_whole_file_beyond_its_end_is_clamped() -> None:
    sender = make()
    drain(sender, 0.0)
    sender.receive(nak((0, 2**32 - 1)), 0.1)
    assert ranges(drain(sender, 0.1))[-1] == (1000, 1050)
    assert sender.resent == 1050
