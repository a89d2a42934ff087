"""Link session against the node double, through two noisy channels, in virtual time."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import pytest
from node_double import SPACECRAFT, NodeDouble
from world import World

from flight.dictionary.commands import Ping, RunTask
from flight.dictionary.enums import Level, Reason, Severity, Stage
from flight.link.channels import VirtualChannel
from flight.link.tc import TcFrame
from ground.station.happenings import (
    EventReceived,
    FileDelivered,
    FileProgress,
    LinkChanged,
    NoAnswer,
    PacketReceived,
)
from ground.station.session import QUEUE, LinkSession, QueueFull
from ground.station.settings import ATTEMPTS, StationSettings


@pytest.mark.parametrize("ber", [0.0, 1e-5, 1e-4])
def test_commands_are_verified_and_run_once_in_order(tmp_path: Path, ber: float) -> None:
    world = World(tmp_path, ber)
    commands = [RunTask(f"program-{number}", "scene", Level.TMR) for number in range(20)]
    requests = [world.session.send_command(command) for command in commands]
    # Inquiries after reports that were lost go out every 10 s, and half of the answers are lost.
    world.run(lambda: all(world.reached(each, Stage.COMPLETED) for each in requests), 200.0)
    assert world.node.executed == commands
    for request in requests:
        stages = [each.stage for each in world.stages(request)]
        assert stages == sorted(set(stages))
        assert stages[:3] == [Stage.QUEUED, Stage.RELEASED, Stage.SENT]


@pytest.mark.parametrize("ber", [1e-5, 1e-4])
def test_file_arrives_identical(tmp_path: Path, ber: float) -> None:
    world = World(tmp_path, ber)
    data = random.Random(3).randbytes(100_000)
    world.node.downlink_file("scene.bin", data)
    world.run(lambda: bool(world.of(FileDelivered)))
    assert world.inbox.path("scene.bin").read_bytes() == data
    assert world.down.counters["flipped_frames"] > 0
    assert world.of(FileDelivered) == [FileDelivered("scene.bin", len(data))]
    progress = [each.received for each in world.of(FileProgress)]
    assert progress == sorted(progress)
    assert progress[-1] == len(data)
    world.run(lambda: not world.node.sending, 5.0)


def test_file_goes_on_after_an_outage(tmp_path: Path) -> None:
    world = World(tmp_path, 1e-5)
    data = random.Random(4).randbytes(400_000)
    world.node.downlink_file("scene.bin", data)
    world.run(lambda: bool(world.of(FileProgress)))
    for channel in (world.up, world.down):
        channel.outage(world.now, 10.0)
    world.wait(9.0)
    assert world.of(LinkChanged) == [LinkChanged(True), LinkChanged(False)]
    world.run(lambda: bool(world.of(FileDelivered)), 5.0)
    assert world.inbox.path("scene.bin").read_bytes() == data


def test_restarted_station_still_gets_the_file_and_commands_the_node(tmp_path: Path) -> None:
    world = World(tmp_path, 1e-5)
    first = world.session.send_command(Ping())
    data = random.Random(5).randbytes(400_000)
    world.node.downlink_file("scene.bin", data)
    world.run(lambda: len(world.of(FileProgress)) > 1 and world.reached(first, Stage.COMPLETED))
    before = world.down.counters["octets"]
    world.restart_station(200)
    request = world.session.send_command(Ping())
    world.run(lambda: bool(world.of(FileDelivered)) and world.reached(request, Stage.COMPLETED))
    assert world.inbox.path("scene.bin").read_bytes() == data
    assert world.node.executed == [Ping(), Ping()]
    assert world.down.counters["octets"] - before < 1.2 * len(data), "it begins anew"


def test_lost_reports_are_healed_by_the_ledger(tmp_path: Path) -> None:
    world = World(tmp_path, node=NodeDouble(lose=lambda stage: True))
    request = world.session.send_command(Ping())
    world.run(lambda: world.reached(request, Stage.COMPLETED), 5.0)
    assert [(each.stage, each.healed) for each in world.stages(request)][-1] == (
        Stage.COMPLETED,
        True,
    )
    assert world.node.executed == [Ping()]


def test_report_of_failure_carries_the_reason(tmp_path: Path) -> None:
    world = World(tmp_path, node=NodeDouble(refuse=Reason.BUDGET))
    request = world.session.send_command(Ping())
    world.run(lambda: world.reached(request, Stage.FAILED), 5.0)
    assert world.stages(request)[-1].reason is Reason.BUDGET


def test_silence_is_no_answer_after_repeats_of_the_same_packet(tmp_path: Path) -> None:
    world = World(tmp_path, node=NodeDouble(mute=True))
    taken: list[bytes] = []
    receive = world.node.receive

    def spy(datagram: bytes, now: float) -> None:
        frame = TcFrame.unpack(datagram, SPACECRAFT)
        if not frame.control and frame.channel == VirtualChannel.COMMANDS:
            taken.append(frame.data)
        receive(datagram, now)

    world.node.receive = spy  # type: ignore[method-assign]
    request = world.session.send_command(Ping())
    world.run(lambda: bool(world.of(NoAnswer)), 20.0)
    assert world.of(NoAnswer) == [NoAnswer(request, "ping", ATTEMPTS)]
    assert len(taken) == ATTEMPTS
    assert len(set(taken)) == 1
    assert not world.reached(request, Stage.FAILED)


def test_repeat_after_lost_acceptance_runs_once(tmp_path: Path) -> None:
    """Reports and ledger silent for a while: the station repeats, the node knows the repeat."""
    world = World(tmp_path, node=NodeDouble(lose=lambda stage: True))
    request = world.session.send_command(Ping())
    heal, world.session.tracker.heal = world.session.tracker.heal, lambda ledger: None
    world.wait(6.0)
    assert not world.reached(request, Stage.ACCEPTED)
    world.session.tracker.heal = heal
    world.run(lambda: world.reached(request, Stage.COMPLETED), 5.0)
    assert world.node.executed == [Ping()]


def test_commands_wait_for_the_link(tmp_path: Path) -> None:
    world = World(tmp_path)
    for channel in (world.up, world.down):
        channel.outage(0.0, 5.0)
    request = world.session.send_command(Ping())
    world.wait(4.9)
    assert [each.stage for each in world.stages(request)] == [Stage.QUEUED]
    assert world.up.counters["offered"] == 0
    world.run(lambda: world.reached(request, Stage.COMPLETED), 3.0)


def test_command_in_flight_at_loss_of_signal_is_done_after_it(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.run(lambda: bool(world.of(PacketReceived)))
    request = world.session.send_command(Ping())
    world.up.outage(world.now, 60.0)
    world.down.outage(world.now + 0.5, 59.5)
    world.wait(59.9)
    assert world.reached(request, Stage.SENT)
    assert not world.of(NoAnswer)
    world.run(lambda: world.reached(request, Stage.COMPLETED), 3.0)
    assert world.node.executed == [Ping()]


def test_rebooted_node_is_commanded_again(tmp_path: Path) -> None:
    world = World(tmp_path)
    first = [world.session.send_command(Ping()) for _ in range(5)]
    world.run(lambda: all(world.reached(request, Stage.COMPLETED) for request in first))
    world.node = NodeDouble()
    request = world.session.send_command(Ping())
    world.run(lambda: world.reached(request, Stage.COMPLETED), 10.0)
    assert world.node.executed == [Ping()]


def test_request_ids_on_board_are_not_taken_again(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.node.ledger[0x18640000 | 3 << 14 | 100] = (Stage.COMPLETED, Reason.NONE)
    world.run(lambda: bool(world.of(PacketReceived)))
    request = world.session.send_command(Ping())
    assert request & 0x3FFF == 101
    world.run(lambda: world.reached(request, Stage.COMPLETED), 5.0)
    assert world.node.executed == [Ping()]


def test_telemetry_and_events_are_typed(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.wait(2.0)
    names = {each.packet for each in world.seen if isinstance(each, PacketReceived)}
    assert names == {"housekeeping", "command.ledger"}
    (event,) = (each for each in world.seen if isinstance(each, EventReceived))
    assert (event.severity, event.source, event.text) == (
        Severity.ACTIVITY,
        "executive",
        "node up, boot 3",
    )


def test_waiting_commands_are_bounded(tmp_path: Path) -> None:
    world = World(tmp_path)
    for _ in range(QUEUE):
        world.session.send_command(Ping())
    with pytest.raises(QueueFull):
        world.session.send_command(Ping())


def test_garbage_neither_raises_nor_brings_the_link_up(tmp_path: Path) -> None:
    world = World(tmp_path)
    source = random.Random(6)
    good = world.node.frames(0.1)[0]
    count = 2000
    for _ in range(count):
        damaged = bytearray(good)
        for _ in range(source.randint(1, 3)):
            damaged[source.randrange(len(damaged))] ^= 1 << source.randrange(8)
        junk = source.randbytes(source.randrange(0, 1500))
        for datagram in (junk, good[: source.randrange(len(good))], bytes(damaged)):
            if datagram != good:
                world.session.on_frame(datagram, 0.1)
    assert not world.session.link_up, f"link came up among n={3 * count} bad frames"
    assert world.session.happenings() == []


def test_uplink_keeps_its_rate(tmp_path: Path) -> None:
    world = World(tmp_path)
    session = LinkSession(StationSettings(SPACECRAFT, 9600.0, 0.05), world.files.engine, lambda: 1)
    world.session = session
    world.wait(1.0)
    before = world.up.counters["offered"]
    for number in range(200):
        session._sequence = itertools.count(number).__next__
        session.send_command(Ping())
    world.wait(5.0)
    frames = world.up.counters["offered"] - before
    octets = 8 + 6 + 5 + 2  # frame, packet header, PUS header, CRC
    assert frames * octets * 8 <= 9600 * (5.0 + 0.02) + octets * 8
    assert frames * octets * 8 >= 9600 * 3.0
