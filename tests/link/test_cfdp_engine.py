"""All transactions of an entity: order, requests of the owner, fault handlers, both classes."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from cfdp_bench import DATA, EOF, HEADER, METADATA, SETTINGS, SUCCESS, Bench, segment
from cfdp_channel import Path, Transfer
from cfdp_files import MemoryFile, MemoryStore, Records

from flight.link.cfdp import (
    ConditionCode,
    Engine,
    FaultHandler,
    Settings,
    TransactionId,
    parse,
)
from flight.link.cfdp.ack import Ack
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


def test_files_go_by_priority_then_in_order() -> None:
    sender = engine()
    for name, priority in (("a", 0), ("b", 0), ("c", 7), ("d", 3), ("e", 7)):
        sender.put(name, MemoryFile(b""), 2, priority=priority)
    names = [pdu.destination_name for pdu in drain(sender) if isinstance(pdu, Metadata)]
    assert names == ["c", "e", "d", "a", "b"]
    assert [state.name for state in sender.progress()] == names


def test_an_urgent_file_overtakes_one_in_transmission() -> None:
    sender = engine()
    sender.put("bulk", MemoryFile(octets(100_000)), 2)
    for _ in range(10):
        sender.next_pdu(0.0)
    urgent = sender.put("alarm", MemoryFile(octets(900)), 2, priority=1)
    pdus = drain(sender)
    assert [pdu.header.transaction == urgent.number for pdu in pdus[:5]] == [True] * 4 + [False]


def test_answers_go_before_files() -> None:
    node = engine()
    node.put("bulk", MemoryFile(octets(5_000)), 2)
    header = Header(2, 1, 50)
    node.receive(Eof(header, CONDITION.NO_ERROR, 0, 0).pack(), 0.0)
    first = parse(node.next_pdu(0.0) or b"")
    assert isinstance(first, Ack)


def test_many_files_in_both_directions_over_a_bad_link() -> None:
    config = replace(FAST, retry_limit=0)
    transfer = Transfer(octets(20_000), Path("f", 0.2), Path("b", 0.2), config)
    for number in range(12):
        name = f"up{number}"
        transfer.near.sources[name] = MemoryFile(octets(1000 * number + number))
        transfer.put(name, priority=number % 3)
        down = MemoryFile(octets(700 * number))
        transfer.far.engine.put(f"down{number}", down, 1, priority=number % 2)
    transfer.run(300.0)
    ups = {f"up{number}": octets(1000 * number + number) for number in range(12)}
    assert transfer.far.store.files == ups | {"file.bin": octets(20_000)}
    assert transfer.near.store.files == {f"down{n}": octets(700 * n) for n in range(12)}
    assert all(report.delivered for report in transfer.near.reports + transfer.far.reports)
    assert len(transfer.near.reports) == len(transfer.far.reports) == 25


@pytest.mark.parametrize("size", [0, 1, 500, 20_000])
@pytest.mark.parametrize("closure", [False, True])
def test_class_1(size: int, closure: bool) -> None:
    config = replace(FAST, closure=closure)
    data = octets(size)
    done = Transfer(data, Path("f"), Path("b"), config, acknowledged=False).run(60.0)
    assert done.store.files == {"file.bin": data}
    assert done.sent.condition is CONDITION.NO_ERROR
    assert done.sent.delivered is closure
    assert (done.back.octets > 0) is closure
    assert done.far.engine.counters["naks"] == 0


def test_class_1_takes_late_data_until_the_check_limit() -> None:
    late = Path("f", reorder=0.3, displacement=1.0)
    done = Transfer(octets(20_000), late, Path("b"), FAST, acknowledged=False).run(60.0)
    assert done.store.files == {"file.bin": octets(20_000)}


def test_class_1_discards_what_stays_incomplete() -> None:
    config = replace(FAST, closure=True, check_limit=3)
    done = Transfer(octets(20_000), Path("f", 0.1), Path("b"), config, acknowledged=False)
    done.run(60.0)
    assert done.store.files == {}
    assert done.store.open_sinks == 0
    (report,) = done.far.reports
    assert report.condition is CONDITION.CHECK_LIMIT_REACHED
    assert done.sent.condition is CONDITION.CHECK_LIMIT_REACHED
    assert done.near.engine.progress() == done.far.engine.progress() == []


def test_class_1_without_an_eof_ends_with_inactivity() -> None:
    bench = Bench()
    header = replace(HEADER, acknowledged=False)
    bench.give(0.0, replace(METADATA, header=header), FileData(header, 0, DATA[:10]))
    assert bench.tick(59.0) == []
    assert bench.tick(60.1) == []
    (report,) = bench.receiver.ended()
    assert report.condition is CONDITION.INACTIVITY_DETECTED
    assert bench.store.open_sinks == 0


def test_closure_that_never_comes_reaches_the_check_limit() -> None:
    sender = engine(replace(FAST, closure=True, check_limit=2))
    sender.put("a", MemoryFile(b"x"), 2, acknowledged=False)
    assert len(drain(sender)) == 3
    for step in range(1, 5):
        drain(sender, 0.6 * step)
    (report,) = sender.ended()
    assert report.condition is CONDITION.CHECK_LIMIT_REACHED


def test_a_suspended_sender_only_answers_and_its_timers_stop() -> None:
    sender = engine()
    mine = sender.put("a", MemoryFile(octets(2_000)), 2)
    sender.next_pdu(0.0)
    assert sender.suspend(mine, 0.0)
    assert sender.progress()[0].suspended
    assert drain(sender, 100.0) == []
    assert sender.next_time() is None
    assert sender.resume(mine, 100.0)
    assert len(drain(sender, 100.0)) == 5
    wanted = sender.next_time()
    assert sender.suspend(mine, 100.01)
    assert sender.resume(mine, 200.01)
    assert sender.next_time() == pytest.approx((wanted or 0) + 100.0)


def test_a_suspended_receiver_asks_for_nothing() -> None:
    bench = Bench()
    bench.give(0.0, METADATA, segment(0), segment(300))
    assert bench.receiver.engine.suspend(TransactionId(1, 7), 0.0)
    assert bench.tick(50.0) == []
    assert bench.receiver.next_time() is None
    assert [type(pdu) for pdu in bench.give(51.0, EOF)] == [Ack]
    assert bench.receiver.engine.resume(TransactionId(1, 7), 60.0)
    assert [type(pdu) for pdu in bench.tick(60.0)] == [Nak]
    bench.give(60.1, *(segment(start) for start in (100, 200)))
    assert bench.give(60.1, *map(segment, range(400, 1000, 100)))[-1] == SUCCESS


@pytest.mark.parametrize("side", ["near", "far"])
def test_cancel_ends_both_sides(side: str) -> None:
    transfer = Transfer(octets(100_000), Path("f", 0.1), Path("b", 0.1), FAST)
    node = getattr(transfer, side)

    def cancel() -> None:
        assert node.engine.cancel(transfer.id, transfer.time)
        transfer.wake(node)

    transfer.at(0.3, cancel)
    transfer.run(60.0)
    assert transfer.store.files == {}
    assert transfer.store.open_sinks == 0
    for reports in (transfer.near.reports, transfer.far.reports):
        assert [each.condition for each in reports] == [CONDITION.CANCEL_REQUEST_RECEIVED]
    assert not node.engine.cancel(transfer.id, 61.0)


def test_requests_for_unknown_transactions_are_refused() -> None:
    node = engine()
    unknown = TransactionId(1, 99)
    assert not node.suspend(unknown, 0.0)
    assert not node.resume(unknown, 0.0)
    assert not node.cancel(unknown, 0.0)
    assert not node.prompt(unknown)


def test_prompts_are_answered() -> None:
    bench = Bench()
    bench.give(0.0, METADATA, segment(0), segment(300))
    assert bench.give(0.0, Prompt(HEADER, keep_alive=True)) == [KeepAlive(HEADER, 400)]
    request = Nak(HEADER, 100, 300, ((100, 300),))
    assert bench.give(0.0, Prompt(HEADER, keep_alive=False)) == [request]
    assert bench.give(0.01, Prompt(HEADER, keep_alive=False)) == [request]
    bench.give(0.1, segment(100), segment(200))
    assert bench.give(0.2, Prompt(HEADER, keep_alive=False)) == [Nak(HEADER, 0, 400, ())]
    bench.give(0.3, *map(segment, range(400, 1000, 100)), EOF)
    assert bench.give(0.4, Prompt(HEADER, keep_alive=True)) == []


def test_the_sender_prompts_when_its_owner_asks() -> None:
    sender = engine()
    mine = sender.put("a", MemoryFile(octets(600)), 2)
    assert sender.prompt(mine, keep_alive=True)
    first = drain(sender)[0]
    assert isinstance(first, Prompt)
    assert first.keep_alive


def test_keep_alives_come_in_their_interval_until_the_eof() -> None:
    bench = Bench(replace(SETTINGS, keep_alive=5.0))
    bench.give(0.0, METADATA, segment(0))
    assert bench.tick(4.9) == []
    assert bench.tick(5.0) == [KeepAlive(HEADER, 100)]
    bench.give(6.0, segment(100))
    assert bench.tick(10.1) == [KeepAlive(HEADER, 200)]
    bench.give(11.0, EOF)
    assert not any(isinstance(pdu, KeepAlive) for pdu in bench.tick(20.0))


@pytest.mark.parametrize("handler", list(FaultHandler))
def test_a_receiver_too_far_behind_is_a_fault(handler: FaultHandler) -> None:
    faults = {CONDITION.KEEP_ALIVE_LIMIT_REACHED: handler}
    sender = engine(replace(FAST, keep_alive_limit=1000, faults=faults))
    mine = sender.put("a", MemoryFile(octets(10_000)), 2)
    for _ in range(10):
        sender.next_pdu(0.0)
    header = Header(1, 2, mine.number)
    sender.receive(KeepAlive(header, 4000).pack(), 0.0)
    assert isinstance(parse(sender.next_pdu(0.0) or b""), FileData)
    sender.receive(KeepAlive(header, 1000).pack(), 0.0)
    pdu = sender.next_pdu(0.0)
    if handler is FaultHandler.IGNORE:
        assert isinstance(parse(pdu or b""), FileData)
    elif handler is FaultHandler.CANCEL:
        eof = parse(pdu or b"")
        assert isinstance(eof, Eof)
        assert eof.condition is CONDITION.KEEP_ALIVE_LIMIT_REACHED
    else:
        assert pdu is None
        assert bool(sender.ended()) is (handler is FaultHandler.ABANDON)


@pytest.mark.parametrize("handler", list(FaultHandler))
def test_inactivity_leads_to_what_the_settings_say(handler: FaultHandler) -> None:
    faults = {CONDITION.INACTIVITY_DETECTED: handler}
    bench = Bench(replace(SETTINGS, faults=faults))
    bench.give(0.0, METADATA, segment(0))
    answers = bench.tick(60.0)
    reports = bench.receiver.ended()
    gone = handler in (FaultHandler.CANCEL, FaultHandler.ABANDON)
    assert [type(answer) for answer in answers] == [Finished] * (handler is FaultHandler.CANCEL)
    assert [each.condition for each in reports] == [CONDITION.INACTIVITY_DETECTED] * gone
    assert bench.store.open_sinks == (not gone)
    suspended = [state.suspended for state in bench.receiver.progress()]
    assert suspended == [] if gone else [handler is FaultHandler.SUSPEND]


@pytest.mark.parametrize("handler", [FaultHandler.SUSPEND, FaultHandler.IGNORE])
def test_nak_limit_that_does_not_cancel(handler: FaultHandler) -> None:
    faults = {CONDITION.NAK_LIMIT_REACHED: handler}
    bench = Bench(replace(SETTINGS, retry_limit=2, faults=faults))
    bench.give(0.0, METADATA, segment(0), segment(200), EOF)
    answers = sum(len(bench.tick(2.0 * step)) for step in range(1, 20))
    assert bench.store.open_sinks == 1
    assert (answers < 5) is (handler is FaultHandler.SUSPEND)
    bench.receiver.engine.resume(TransactionId(1, 7), 41.0)
    bench.give(41.0, *(segment(start) for start in range(100, 1000, 100)))
    assert bench.store.files == {"file.bin": DATA}
