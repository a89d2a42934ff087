"""Telecommands for later: released at their time, once, over restarts; never late."""

from __future__ import annotations

from pathlib import Path

import pytest
from commanding_node import Node
from hypothesis import given
from hypothesis import strategies as st

from flight.commanding.timeline import LIMIT, NAME
from flight.dictionary.commands import Ping, SetParameter
from flight.dictionary.enums import Reason, Stage
from flight.dictionary.operations import (
    DisableSchedule,
    EnableSchedule,
    ParameterValue,
    ReportParameters,
    ResetSchedule,
    Schedule,
    ScheduledMissed,
    ScheduleStatus,
    Unschedule,
)
from flight.dictionary.registry import items
from flight.dictionary.telemetry import CommandStage
from flight.link.errors import CommandError, LinkError
from flight.link.pus import Report, Telecommand
from flight.link.services import housekeeping, parse_report, parse_telecommand, telecommand
from flight.runtime.store import MemoryStore

DONE = (Stage.COMPLETED, Reason.NONE)


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(MemoryStore(tmp_path))


def later(node: Node, seconds: float, command: Ping | SetParameter | None = None) -> Telecommand:
    packet = node.packet(command or Ping())
    assert node.send(Schedule(node.utc(seconds), packet.pack()))[-1] == DONE
    return packet


def waiting(node: Node) -> int:
    return int(node.heard(ScheduleStatus)[-1].waiting)


def test_it_is_carried_out_at_its_time_and_not_before(node: Node) -> None:
    packet = later(node, 20, SetParameter("executor.redo_limit", 7))
    assert waiting(node) == 1
    node.run(18)
    assert node.stages(packet.request_id) == []
    node.run(3)
    assert node.stages(packet.request_id)[-1] == DONE
    assert waiting(node) == 0
    node.send(ReportParameters("executor.redo_limit"))
    assert node.heard(ParameterValue) == [ParameterValue("executor.redo_limit", 7.0)]


def test_the_order_is_that_of_time(node: Node) -> None:
    second, first = later(node, 20), later(node, 10)
    node.run(25)
    requests = [told.request for told in node.heard(CommandStage) if told.stage is Stage.COMPLETED]
    assert requests.index(first.request_id) < requests.index(second.request_id)


def test_a_restart_keeps_what_waits(tmp_path: Path) -> None:
    store = MemoryStore(tmp_path)
    packet = later(Node(store), 20)
    again = Node(store, begin=10.0)
    assert waiting(again) == 1
    again.run(15)
    assert again.stages(packet.request_id)[-1] == DONE


def test_one_released_before_a_crash_that_kept_the_old_schedule_is_not_run_twice(
    tmp_path: Path,
) -> None:
    store = MemoryStore(tmp_path)
    first = Node(store)
    packet = later(first, 5, SetParameter("executor.redo_limit", 7))
    before = store.read(NAME)
    assert before is not None
    first.run(8)
    first.send(SetParameter("executor.redo_limit", 2))
    store.write(NAME, before)  # as if the node had died before it was taken out
    again = Node(store, begin=9.0)
    again.run(3)
    assert again.stages(packet.request_id)[-1] == DONE  # told again
    again.send(ReportParameters("executor.redo_limit"))
    assert again.heard(ParameterValue)[-1].value == 2.0


def test_too_late_is_given_up_and_said(tmp_path: Path) -> None:
    store = MemoryStore(tmp_path)
    packet = later(Node(store), 20)
    again = Node(store, begin=60.0)
    again.run(2)
    assert again.stages(packet.request_id) == [(Stage.FAILED, Reason.TIMED_OUT)]
    assert [event.request for event in again.heard(ScheduledMissed)] == [packet.request_id]


def test_disabled_nothing_is_released(node: Node) -> None:
    packet, other = later(node, 10), later(node, 100)
    node.send(DisableSchedule())
    node.run(15)
    assert node.stages(packet.request_id) == [(Stage.FAILED, Reason.CANCELLED)]
    node.send(EnableSchedule())
    node.run(100)
    assert node.stages(other.request_id)[-1] == DONE


def test_one_or_all_are_given_up(node: Node) -> None:
    packets = [later(node, 10 + i) for i in range(3)]
    assert node.send(Unschedule(packets[1].request_id))[-1] == DONE
    assert waiting(node) == 2
    assert node.stages(packets[1].request_id) == [(Stage.FAILED, Reason.CANCELLED)]
    assert node.send(Unschedule(packets[1].request_id))[-1] == (Stage.FAILED, Reason.UNKNOWN)
    assert node.send(ResetSchedule())[-1] == DONE
    assert waiting(node) == 0
    node.run(20)
    assert node.stages(packets[0].request_id) == [(Stage.FAILED, Reason.CANCELLED)]


def test_the_past_and_too_many_are_refused(node: Node) -> None:
    packet = node.packet(Ping())
    assert node.send(Schedule(node.utc(-1), packet.pack()))[-1] == (Stage.FAILED, Reason.RANGE)
    for _ in range(LIMIT):
        later(node, 5000)
    packet = node.packet(Ping())
    assert node.send(Schedule(node.utc(9), packet.pack()))[-1] == (Stage.FAILED, Reason.BUSY)


@given(st.integers(0, 1 << 62).map(lambda n: n // 10**9 * 10**9), st.binary(max_size=40))
def test_schedule_packets_survive_the_way(release: int, data: bytes) -> None:
    packet = Telecommand(100, 3, 8, 1, data).pack()
    try:
        content = telecommand(Schedule(release, packet))
    except LinkError:
        return  # beyond what CUC can say
    assert parse_telecommand(*content) == Schedule(release, packet)


@given(st.sampled_from([(11, 4), (11, 5), (20, 1), (20, 3), (11, 1)]), st.binary(max_size=64))
def test_any_octets_are_refused_or_read(number: tuple[int, int], data: bytes) -> None:
    try:
        command = parse_telecommand(*number, data)
    except CommandError:
        return
    assert telecommand(command) == (*number, data)


def test_no_activity_concerns_the_schedule(node: Node) -> None:
    inner = node.packet(ResetSchedule())
    assert node.send(Schedule(node.utc(9), inner.pack())) == [(Stage.FAILED, Reason.RANGE)]


def test_every_parameter_has_a_number_of_its_own() -> None:
    names = [f"{e.name}.{field}" for e in items("parameter") for field in e.type.__struct_fields__]
    wired = {telecommand(ReportParameters(name)) for name in names}
    assert len(wired) == len(names)
    for name in names:
        assert parse_telecommand(*telecommand(SetParameter(name, 1.5))) == SetParameter(name, 1.5)
        service, subtype, data = housekeeping(ParameterValue(name, 2.5))
        assert parse_report(Report(100, 1, service, subtype, 0, data)) == ParameterValue(name, 2.5)


def test_all_of_a_set_is_told(node: Node) -> None:
    assert node.send(ReportParameters("storage"))[-1] == DONE
    assert [value.name for value in node.heard(ParameterValue)] == [
        "storage.sync_period",
        "storage.segment_size",
        "storage.segments",
    ]
