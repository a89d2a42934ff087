"""What a node says first and last reaches the recorder and the ground."""

from __future__ import annotations

from pathlib import Path

import msgspec
from flying_node import FlyingNode, configuration

from flight.dictionary.codec import decode
from flight.dictionary.commands import Shutdown
from flight.dictionary.enums import Mode, Reason, Stage
from flight.dictionary.events import ModeChanged, NodeStarted, ProcessEnded, ProcessReady
from flight.dictionary.operations import Arm
from flight.dictionary.registry import Event, item
from flight.dictionary.telemetry import EventReport
from flight.link.pus import Telecommand
from flight.link.services import telecommand
from flight.runtime.journal import read, segments
from flight.runtime.table import EXECUTIVE
from flight.topology import TABLE


def recorded(state: Path, kind: type[Event]) -> list[Event]:
    """Events of a kind in the recorder's journal, oldest first."""
    found = []
    for path in segments(state / "recorder"):
        for record in read(path):
            topic, body = msgspec.msgpack.decode(record.payload, type=tuple[int, msgspec.Raw])
            if topic == item(EventReport).id:
                report = msgspec.msgpack.decode(body, type=EventReport)
                if report.event == item(kind).id:
                    found.append(decode(kind, report.body))
    return found


def test_the_start_of_a_node_is_recorded_and_downlinked(tmp_path: Path) -> None:
    with FlyingNode(tmp_path, configuration(tmp_path)) as node:
        node.until(lambda: node.saw(NodeStarted, boots=1), "the node's first event")
        node.until(lambda: node.saw(ModeChanged, mode=Mode.NOMINAL), "its mode")
        up = [each.event for each in node.events if each.source == "executive"]
        assert isinstance(up[0], NodeStarted)
        ready = [event.process for event in up if isinstance(event, ProcessReady)]
        node.kill("link")
        node.until(lambda: node.saw(ProcessEnded, process="link", why="signal SIGKILL"), "why")
        node.until(lambda: node.saw(ProcessReady, process="link", count=2), "the link")
        assert node.stop() == 0
    services = set(TABLE.processes) - {EXECUTIVE}
    assert sorted(ready) == sorted(services)
    assert recorded(node.state, NodeStarted) == [NodeStarted(1)]
    assert recorded(node.state, ProcessEnded) == [ProcessEnded("link", "signal SIGKILL")]
    assert len(recorded(node.state, ProcessReady)) == len(services) + 1


def test_the_ground_sees_that_a_shutdown_was_done_and_it_is_done_once(tmp_path: Path) -> None:
    config = configuration(tmp_path)
    packet = Telecommand(100, 77, *telecommand(Shutdown()))
    with FlyingNode(tmp_path, config) as node:
        armed = node.command(Arm(item(Shutdown).id))
        assert node.outcome(armed) == (Stage.COMPLETED, Reason.NONE)
        node.transmit(node.frame(packet.pack()))
        assert node.wait() == 0
        reports = [(each.stage, each.reason) for each in node.stages[packet.request_id]]
        assert reports == [
            (Stage.ACCEPTED, Reason.NONE),
            (Stage.STARTED, Reason.NONE),
            (Stage.COMPLETED, Reason.NONE),
        ]
        assert node.log.read_text() == ""
    assert node.leftovers() == []
    with FlyingNode(tmp_path, config) as node:
        node.transmit(node.frame(packet.pack()))
        assert node.outcome(packet.request_id) == (Stage.COMPLETED, Reason.NONE)
        reports = [each.stage for each in node.stages[packet.request_id]]
        assert reports == [Stage.ACCEPTED, Stage.COMPLETED]  # not started again
