"""Hazardous telecommands are armed first; frames outside the sequence carry only safe ones."""

from __future__ import annotations

import pytest
from commanding_node import Node

from flight.dictionary.commands import CancelTask, Ping, SetParameter, Shutdown
from flight.dictionary.enums import Reason, Stage
from flight.dictionary.operations import Arm, CommandArmed, ReportParameters
from flight.dictionary.registry import Command, item
from flight.runtime.store import MemoryStore

SHUTDOWN = Arm(item(Shutdown).id)


@pytest.fixture
def node(tmp_path):  # type: ignore[no-untyped-def]
    return Node(MemoryStore(tmp_path))


def test_a_hazardous_telecommand_alone_is_refused(node: Node) -> None:
    assert node.send(Shutdown()) == [(Stage.FAILED, Reason.NOT_ARMED)]


def test_armed_it_is_accepted_once(node: Node) -> None:
    assert node.send(SHUTDOWN)[-1] == (Stage.COMPLETED, Reason.NONE)
    assert [event.command for event in node.heard(CommandArmed)] == ["node.shutdown"]
    assert node.send(Shutdown())[0] == (Stage.ACCEPTED, Reason.NONE)
    assert node.send(Shutdown()) == [(Stage.FAILED, Reason.NOT_ARMED)]


def test_a_repeat_of_the_same_packet_neither_fires_nor_disarms(node: Node) -> None:
    node.send(SHUTDOWN)
    packet = node.packet(Shutdown())
    node.receive(packet)
    node.receive(packet)
    assert (Stage.FAILED, Reason.NOT_ARMED) not in node.stages(packet.request_id)


def test_the_window_ends(node: Node) -> None:
    node.send(SetParameter("commanding.arm_window", 5))
    node.send(SHUTDOWN)
    node.run(6)
    assert node.send(Shutdown()) == [(Stage.FAILED, Reason.NOT_ARMED)]


def test_a_restart_disarms(node: Node, tmp_path) -> None:  # type: ignore[no-untyped-def]
    store = MemoryStore(tmp_path)
    Node(store).send(SHUTDOWN)
    assert Node(store, begin=10.0).send(Shutdown()) == [(Stage.FAILED, Reason.NOT_ARMED)]


@pytest.mark.parametrize("opcode", [item(Ping).id, 65535])
def test_only_hazardous_telecommands_are_armed(node: Node, opcode: int) -> None:
    assert node.send(Arm(opcode))[-1] == (Stage.FAILED, Reason.UNKNOWN)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (Ping(), Reason.NONE),
        (CancelTask(1), Reason.NONE),
        (SetParameter("executor.redo_limit", 2), Reason.PERMISSION),
        (SHUTDOWN, Reason.PERMISSION),
        (ReportParameters("link"), Reason.PERMISSION),
    ],
)
def test_outside_the_sequence_only_safe_ones_are_accepted(
    node: Node, command: Command, reason: Reason
) -> None:
    first = node.send(command, bypass=True)[0]
    accepted = (Stage.ACCEPTED, Reason.NONE)
    assert first == (accepted if reason is Reason.NONE else (Stage.FAILED, reason))
