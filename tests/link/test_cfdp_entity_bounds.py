"""What peers and owners may do to an entity: typed refusals, counters, bounds."""

from __future__ import annotations

import random
import struct
from dataclasses import replace

import pytest
from cfdp_bench import ACK_FINISHED, HEADER, SETTINGS, SUCCESS, Bench
from cfdp_channel import Path, Transfer
from cfdp_files import MemoryFile, MemoryStore, Records
from hypothesis import given, settings
from hypothesis import strategies as st

from flight.link.cfdp import (
    ConditionCode,
    Engine,
    Settings,
    parse,
)
from flight.link.cfdp.ack import Ack
from flight.link.cfdp.codes import DeliveryCode, Directive, FileStatus, TransactionStatus
from flight.link.cfdp.engine import ANSWERS
from flight.link.cfdp.eof import Eof
from flight.link.cfdp.filedata import FileData
from flight.link.cfdp.finished import Finished
from flight.link.cfdp.header import Header
from flight.link.cfdp.keepalive import KeepAlive
from flight.link.cfdp.metadata import Metadata
from flight.link.cfdp.nak import Nak
from flight.link.cfdp.pdu import Pdu
from flight.link.cfdp.prompt import Prompt

FAST = Settings(segment=500, round_trip=0.06, nak_delay=0.02, check_interval=0.5)
CONDITION = ConditionCode


def engine(config: Settings = FAST, **options: object) -> Engine:
    return Engine(1, MemoryStore(), Records(), config, **options)  # type: ignore[arg-type]


def drain(sender: Engine, now: float = 0.0) -> list[Pdu]:
    pdus: list[Pdu] = []
    while (raw := sender.next_pdu(now)) is not None:
        pdus.append(parse(raw, require_crc=False))
    return pdus


def octets(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def test_only_peers_are_heard_when_they_are_given() -> None:
    node = engine(peers={3: replace(FAST, crc=False), 4: FAST})
    for source, crc in ((2, True), (3, False), (4, False), (4, True)):
        header = Header(source, 1, 7, crc=crc)
        node.receive(Metadata(header, 0, "a", "a").pack(), 0.0)
    assert node.counters["unknown_entity"] == 1
    assert node.counters["refused_crc_absent"] == 1
    assert [state.id.source for state in node.progress()] == [3, 4]


def test_a_finished_pdu_of_an_unknown_transaction_is_acknowledged() -> None:
    node = engine()
    header = Header(1, 2, 99)
    node.receive(replace(SUCCESS, header=header).pack(), 0.0)
    (answer,) = drain(node)
    status = TransactionStatus.UNRECOGNIZED
    assert answer == Ack(header, Directive.FINISHED, CONDITION.NO_ERROR, status)


def test_senseless_answers_to_a_sender_are_counted() -> None:
    node = engine()
    mine = node.put("a", MemoryFile(octets(5_000)), 2)
    node.next_pdu(0.0)
    header = Header(1, 2, mine.number)
    node.receive(Nak(header, 0, 5000, ((4000, 5000), (7, 3), (2**31, 2**32 - 1))).pack(), 0.0)
    node.receive(replace(SUCCESS, header=header).pack(), 0.0)
    assert node.counters["ignored"] == 4
    assert node.ended() == []
    node.receive(Nak(Header(1, 9, mine.number), 0, 0, ((0, 0),)).pack(), 0.0)
    assert node.counters["ignored"] == 5


def test_an_answer_with_the_other_large_file_flag_is_refused() -> None:
    node = engine()
    mine = node.put("a", MemoryFile(octets(5_000)), 2)
    while node.next_pdu(0.0) is not None:
        pass
    header = Header(1, 2, mine.number, large=True)
    before = node.progress()
    for answer in (
        Nak(header, 0, 5000, ((0, 5000),)),
        replace(SUCCESS, header=header),
        KeepAlive(header, 1 << 40),
    ):
        node.receive(answer.pack(), 0.0)
    assert node.counters["refused_large_file"] == 3
    assert node.progress() == before
    assert node.next_pdu(0.0) is None


def test_put_refuses_what_cannot_be_sent() -> None:
    node = engine(limit=2)
    for name in ("", "../x", "a/b", "a\0"):
        with pytest.raises(ValueError, match="plain file name"):
            node.put(name, MemoryFile(b""), 2)
    with pytest.raises(ValueError, match="wider"):
        node.put("a", MemoryFile(b""), 70_000)
    node.put("a", MemoryFile(b""), 2)
    node.put("b", MemoryFile(b""), 2)
    with pytest.raises(ValueError, match="2 files"):
        node.put("c", MemoryFile(b""), 2)
    assert len(node.progress()) == 2
    narrow = engine(replace(FAST, sequence_width=1), first=255)
    narrow.put("a", MemoryFile(b""), 2)
    with pytest.raises(ValueError, match="used up"):
        narrow.put("b", MemoryFile(b""), 2)


def test_answers_are_bounded() -> None:
    node = engine()
    for number in range(ANSWERS + 50):
        header = Header(2, 1, number)
        node.receive(Eof(header, CONDITION.CANCEL_REQUEST_RECEIVED, 0, 0, 2).pack(), 0.0)
    assert node.counters["answers_dropped"] == 50
    assert len(drain(node)) == ANSWERS


@pytest.mark.parametrize("widths", [(1, 1), (2, 4), (3, 5), (8, 8)])
def test_ids_of_any_width(widths: tuple[int, int]) -> None:
    entity, sequence = widths
    config = replace(FAST, entity_width=entity, sequence_width=sequence, nak_pdu=128)
    done = Transfer(octets(20_000), Path("f", 0.1), Path("b", 0.1), config).run(60.0)
    assert done.store.files == {"file.bin": octets(20_000)}
    assert done.sent.delivered


def test_a_checksum_failure_is_reported_and_a_new_put_delivers() -> None:
    """The owner sends the whole again as another transaction."""

    class Misread(MemoryFile):
        def read(self, offset: int, n: int) -> bytes:
            return b"\xff" * n

    transfer = Transfer(octets(2_000), Path("f"), Path("b"), FAST)
    transfer.near.sources["bad"] = Misread(octets(2_000))
    bad = transfer.put("bad")
    transfer.run(60.0)
    (report,) = [each for each in transfer.near.reports if each.id == bad]
    assert report.condition is CONDITION.FILE_CHECKSUM_FAILURE
    assert not report.delivered
    assert report.status is FileStatus.DISCARDED_DELIBERATELY
    assert report.delivery is DeliveryCode.DATA_INCOMPLETE
    assert transfer.store.files == {"file.bin": octets(2_000)}


def test_a_large_file_is_verified_step_by_step() -> None:
    data = octets(3_500_000)
    bench = Bench(replace(SETTINGS, segment=50_000))
    bench.give(0.0, Metadata(HEADER, len(data), "big", "big"))
    for start in range(0, len(data), 50_000):
        bench.give(0.0, FileData(HEADER, start, data[start : start + 50_000]))
    engine_ = bench.receiver.engine
    engine_.receive(
        Eof(HEADER, CONDITION.NO_ERROR, MemoryFile(data).checksum(), len(data)).pack(), 1
    )
    steps = 0
    while not bench.store.files:
        wanted = engine_.next_time()
        assert wanted is not None
        assert wanted <= 1.0
        engine_.next_pdu(1.0)
        steps += 1
    assert steps >= 3
    assert bench.store.files == {"big": data}
    bench.give(2.0, ACK_FINISHED)


NUMBERS = st.one_of(st.integers(0, 3_000), st.sampled_from([2**31, 2**32 - 1, 2**40, 2**64 - 1]))
HEADERS = st.one_of(
    st.builds(Header, st.just(2), st.just(1), st.just(1), large=st.booleans()),
    st.builds(
        Header,
        st.integers(1, 2),
        st.integers(1, 2),
        st.integers(1, 2),
        large=st.booleans(),
        acknowledged=st.booleans(),
        entity_width=st.sampled_from([1, 2, 8]),
    ),
)
CODES = st.sampled_from(list(CONDITION))


def packs(pdu: Pdu) -> bool:
    """Whether its numbers fit the width that its flag says."""
    try:
        pdu.pack()
    except struct.error:
        return False
    return True


CHAOS = st.one_of(
    st.builds(Finished, HEADERS, CODES, st.sampled_from(DeliveryCode), st.sampled_from(FileStatus)),
    st.builds(
        Ack, HEADERS, st.sampled_from([Directive.EOF, Directive.FINISHED]), CODES, st.just(1)
    ),
    st.builds(Nak, HEADERS, NUMBERS, NUMBERS, st.lists(st.tuples(NUMBERS, NUMBERS)).map(tuple)),
    st.builds(KeepAlive, HEADERS, NUMBERS),
    st.builds(Prompt, HEADERS, st.booleans()),
    st.builds(Eof, HEADERS, CODES, st.integers(0, 1), NUMBERS),
    st.builds(FileData, HEADERS, NUMBERS, st.binary(max_size=80)),
    st.builds(Metadata, HEADERS, st.integers(0, 3000), st.just("s"), st.sampled_from(["a", "b"])),
).filter(packs)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.tuples(CHAOS, st.floats(0, 0.5)), max_size=40), st.booleans())
def test_any_sequence_of_pdus_keeps_the_invariants(
    steps: list[tuple[Pdu, float]], acknowledged: bool
) -> None:
    """Both directions at once: no exception, bounded output, no write outside a file."""
    config = replace(FAST, retry_limit=2, check_limit=2, inactivity=3.0, keep_alive_limit=500)
    node, now = engine(config, limit=4), 0.0
    for name in ("a", "b"):
        node.put(name, MemoryFile(octets(1_700)), 2, acknowledged=acknowledged)
    for pdu, pause in steps:
        now += pause
        node.receive(pdu.pack(), now)
        for _ in range(3):
            if (raw := node.next_pdu(now)) is not None:
                parse(raw)
    spins = 0
    for _ in range(200):
        wanted = node.next_time()
        if wanted is None:
            break
        spins = spins + 1 if wanted <= now else 0
        assert spins < 60, "time stands still"
        now = max(now, wanted)
        if node.next_pdu(now) is not None:
            spins = 0
    assert len(node.progress()) <= 8
