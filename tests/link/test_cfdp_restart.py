"""Both entities are killed at any operation on their disks; one right file arrives, once."""

from __future__ import annotations

import random
from dataclasses import replace

import msgspec
import pytest
from cfdp_bench import ACK_FINISHED, DATA, EOF, HEADER, METADATA, SUCCESS, Bench, eof_ack
from cfdp_channel import Path, Transfer
from cfdp_files import MemoryFile
from hypothesis import given, settings
from hypothesis import strategies as st

from flight.link.cfdp import ConditionCode, Engine, Settings, records
from flight.link.cfdp.codes import TransactionStatus
from flight.link.cfdp.filedata import FileData
from flight.link.cfdp.records import Outbound

SETTINGS = Settings(
    segment=500,
    round_trip=0.06,
    nak_delay=0.02,
    inactivity=20.0,
    save_octets=8_000,
    save_interval=0.5,
)
SIZE = 60_000


def octets(size: int = SIZE) -> bytes:
    return random.Random(size).randbytes(size)


def lossy(loss: float = 0.05, size: int = SIZE, config: Settings = SETTINGS) -> Transfer:
    return Transfer(octets(size), Path("f", loss), Path("b", loss), config)


def kill(transfer: Transfer, node: str, at: float) -> None:
    chosen = getattr(transfer, node)

    def restart() -> None:
        chosen.restart(transfer.time)
        transfer.wake(chosen)

    transfer.at(at, restart)


def check(done: Transfer, size: int = SIZE) -> None:
    assert done.store.files == {"file.bin": octets(size)}
    assert done.store.commits == ["file.bin"]
    assert done.store.open_sinks == 0
    assert done.sent.delivered
    assert {each.delivered for each in done.far.reports} == {True}
    for node in (done.near, done.far):
        node.engine.ended()
        assert not [key for key in node.records.content if key.startswith(("in-", "out-"))]


def disk_operations(node: str) -> int:
    done = lossy().run(300.0)
    return int(getattr(done, node).fuse.count)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("node", ["near", "far"])
def test_killed_at_every_operation_on_the_disk(node: str, after: bool) -> None:
    operations = disk_operations(node)
    assert operations > 8
    already = lossy()
    done = getattr(already, node).fuse.count  # what `put` did is not killed here
    for number in range(1, operations - done + 1):
        transfer = lossy()
        getattr(transfer, node).fuse.arm(number, after)
        check(transfer.run(300.0))
        assert getattr(transfer, node).restarts == 1


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["near", "far"]), st.floats(0.0, 1.5)), max_size=6),
    st.sampled_from([0.0, 0.1, 0.3]),
    st.sampled_from([0, 1, 500, 20_000]),
)
def test_killed_at_any_time(kills: list[tuple[str, float]], loss: float, size: int) -> None:
    transfer = lossy(loss, size)
    for node, at in kills:
        kill(transfer, node, at)
    check(transfer.run(600.0), size)


@pytest.mark.parametrize("node", ["near", "far"])
def test_a_restart_costs_only_what_was_not_saved(node: str) -> None:
    transfer = lossy(0.0)
    kill(transfer, node, 0.3)
    check(transfer.run(60.0))
    assert 0 < transfer.near.reports[0].resent + transfer.far.reports[0].resent <= 2 * 9_000


def test_without_records_a_restart_costs_everything() -> None:
    """The damage that the records prevent."""
    transfer = lossy(0.0)

    def forget() -> None:
        transfer.far.records.content.clear()
        transfer.far.store.partials.clear()
        transfer.far.restart(transfer.time)

    transfer.at(0.3, forget)
    done = transfer.run(60.0)
    assert done.store.files == {"file.bin": octets()}
    assert done.near.reports[0].resent > 25_000


def test_a_restarted_receiver_answers_for_what_it_delivered() -> None:
    transfer = lossy(0.0)
    transfer.back.outages = ((0.3, 2.0),)  # The Finished PDU gets lost, then its sender's memory.
    kill(transfer, "far", 1.5)
    check(transfer.run(60.0))
    assert transfer.store.opened == ["file.bin"]


def test_closed_transactions_are_remembered_over_a_restart() -> None:
    bench = Bench()
    bench.give(0.0, METADATA, FileData(HEADER, 0, DATA), EOF, ACK_FINISHED)
    engine = bench.receiver.engine
    assert len(engine.ended()) == 1
    assert engine.ended() == []
    again = Engine(2, bench.store, bench.receiver.records, SETTINGS)
    again.restore({}.get, 0.0)
    again.receive(EOF.pack(), 1.0)
    answers = [again.next_pdu(1.0) for _ in range(3)]
    assert answers == [eof_ack(TransactionStatus.TERMINATED).pack(), SUCCESS.pack(), None]
    again.receive(METADATA.pack(), 1.0)
    assert bench.store.opened == ["file.bin"]
    assert again.progress() == again.ended() == []


@pytest.mark.parametrize("change", ["gone", "longer", "same size"])
def test_a_changed_source_cancels_the_transfer(change: str) -> None:
    transfer = lossy(0.0)
    sources = transfer.near.sources

    def restart() -> None:
        del sources["file.bin"]
        if change != "gone":
            more = octets() + b"x" if change == "longer" else octets()[:-1] + b"\0"
            sources["file.bin"] = MemoryFile(more)
        transfer.near.restart(transfer.time)
        transfer.wake(transfer.near)

    transfer.at(0.2, restart)
    transfer.run(60.0)
    assert transfer.store.files == {}
    assert transfer.store.open_sinks == 0
    assert transfer.sent.condition is ConditionCode.FILESTORE_REJECTION
    (report,) = transfer.far.reports
    assert report.condition is ConditionCode.FILESTORE_REJECTION


def test_transaction_numbers_are_never_used_twice() -> None:
    node = lossy().near
    used = [node.engine.put("file.bin", node.sources["file.bin"], 2).number]
    for _ in range(5):
        node.restart(0.0)
        source = node.sources["file.bin"]
        used += [node.engine.put("file.bin", source, 2).number for _ in range(3)]
    assert len(set(used)) == len(used)
    assert used == sorted(used)


def test_suspension_and_order_survive_a_restart() -> None:
    transfer = lossy(0.0)
    node = transfer.near
    for name, priority in (("low", 0), ("high", 5), ("middle", 3)):
        node.sources[name] = MemoryFile(name.encode())
        transfer.put(name, priority=priority)
    held = transfer.put("high", priority=9)
    assert node.engine.suspend(held, 0.0)
    names = [state.name for state in node.engine.progress()]
    node.restart(0.0)
    states = node.engine.progress()
    assert [state.name for state in states] == names
    assert [state.suspended for state in states] == [True, False, False, False, False]
    assert node.engine.cancel(held, 0.0)
    assert node.engine.resume(held, 0.0)
    check_all = transfer.run(60.0)
    assert check_all.store.files == {
        "file.bin": octets(),
        "low": b"low",
        "high": b"high",
        "middle": b"middle",
    }


def test_records_that_make_no_sense_are_removed() -> None:
    transfer = lossy(0.0)
    content = transfer.near.records.content
    (key,) = (key for key in content if key.startswith("out-"))
    record = records.decode(content[key], Outbound)
    bad_name = records.encode(replace_record(record, name="../x"))
    content.update(
        {
            key: bad_name,
            "out-1-99": b"\x00garbage",
            "in-1-1": b"",
            "in-1-2": records.encode(replace_record(record, version=9)),
            "closed": b"\xc1",
            "sequence": b"\xc1",
        }
    )
    transfer.near.restart(0.0)
    assert transfer.near.engine.progress() == []
    assert transfer.near.engine.counters["records_refused"] == 6
    assert content == {}


def replace_record(record: Outbound, **changes: object) -> Outbound:
    return msgspec.structs.replace(record, **changes)


def test_memory_that_fails_costs_no_file() -> None:
    transfer = lossy(0.05)
    transfer.far.records.fault = OSError("full")
    transfer.near.records.fault = OSError("full")
    done = transfer.run(300.0)
    assert done.store.files == {"file.bin": octets()}
    assert done.sent.delivered
    assert done.far.engine.counters["save_failed"] > 0
    with pytest.raises(OSError, match="full"):
        done.put("file.bin")


def test_a_reception_whose_storage_cannot_sync_is_rejected() -> None:
    transfer = lossy(0.0)
    transfer.store.faults["sync"] = OSError("broken")
    transfer.run(60.0)
    assert transfer.store.files == {}
    assert transfer.sent.condition is ConditionCode.FILESTORE_REJECTION


def test_a_report_that_was_not_acted_on_survives_the_loss_of_the_source() -> None:
    near = lossy(0.0).near
    while near.engine.next_pdu(0.0) is not None:
        pass
    near.engine.receive(SUCCESS.pack(), 1.0)
    assert [report.delivered for report in near.engine.ended()] == [True]
    near.sources.clear()  # The owner removed it, and died before it asked once more.
    near.restart(2.0)
    assert [report.delivered for report in near.reports] == [True]
    assert near.engine.progress() == []
    assert near.engine.ended() == []
    assert not [key for key in near.records.content if key.startswith("out-")]


def test_reports_are_repeated_until_they_were_acted_on() -> None:
    transfer = lossy(0.0).run(60.0)
    far = transfer.far
    far.engine = Engine(2, far.store, far.records, replace(SETTINGS))
    far.engine.restore(far.sources.get, 100.0)
    repeated = far.engine.ended()
    assert [each.id for each in repeated] in ([], [transfer.id])
    assert far.engine.ended() == []
    far.engine = Engine(2, far.store, far.records, replace(SETTINGS))
    far.engine.restore(far.sources.get, 101.0)
    assert far.engine.ended() == []
