"""Files up: station and the node's receiver through two noisy channels, in virtual time."""

from __future__ import annotations

import errno
import itertools
import random
from pathlib import Path

import pytest
from node_double import SPACECRAFT, NodeDouble
from world import STEP, World

from flight.dictionary.commands import Ping
from flight.dictionary.enums import Reason, Stage
from flight.link.cfdp import Receiver, Sender, Settings, parse, towards_sender
from flight.link.cfdp.filestore import StoredFile
from flight.link.channels import Apid, Entity, VirtualChannel
from flight.link.errors import LinkError
from flight.link.spacepacket import SpacePacket
from flight.link.staging import KEPT, LARGEST, Staging, staged
from flight.link.tc import TcFrame
from flight.runtime.store import MemoryStore
from ground.station.happenings import FileUplink, LinkChanged, PacketReceived
from ground.station.outbox import QUEUE, SILENCE, OutboxFull
from ground.station.session import LinkSession
from ground.station.settings import StationSettings

DATA = random.Random(9).randbytes(200_000)


class FullStore(MemoryStore):
    """A store that has room for so many more writes."""

    room = 0

    def write(self, name: str, data: bytes) -> None:
        if self.room == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.room -= 1
        super().write(name, data)


class Node(NodeDouble):
    """A node double that takes files: the receiver and the staging place of flight."""

    def __init__(self, store: MemoryStore | None = None, deaf: bool = False) -> None:
        super().__init__()
        self.store = store or MemoryStore()
        self.staging = Staging(self.store)
        settings = Settings(round_trip=0.2, inactivity=60.0)
        self.receiver = Receiver(Entity.NODE, self.staging, settings, 4)
        self._deaf = deaf

    def receive(self, datagram: bytes, now: float) -> None:
        try:
            frame = TcFrame.unpack(datagram, SPACECRAFT)
        except LinkError:
            self.bad += 1
            return
        if frame.channel == VirtualChannel.FILES:
            raw = SpacePacket.unpack(frame.data).data
            if not towards_sender(raw):
                self._answer([] if self._deaf else self.receiver.receive(raw, now))
                return
        super().receive(datagram, now)

    def frames(self, now: float) -> list[bytes]:
        self._answer(self.receiver.tick(now))
        return super().frames(now)

    def _answer(self, pdus: list[bytes]) -> None:
        for pdu in pdus:
            packet = SpacePacket(Apid.FILES, False, self._count(Apid.FILES), pdu, secondary=False)
            self._framer.add(VirtualChannel.FILES, packet.pack())

    def file(self, name: str) -> bytes | None:
        return self.store.read(staged(name))


def world_of(folder: Path, ber: float = 0.0, node: Node | None = None) -> tuple[World, Node]:
    node = node or Node()
    world = World(folder, ber, node)
    world.run(lambda: bool(world.of(PacketReceived)))
    return world, node


def outcomes(world: World) -> list[str]:
    return [each.outcome for each in world.of(FileUplink) if each.outcome]  # type: ignore[attr-defined]


def quiet(node: Node) -> bool:
    """No transaction is left open on board."""
    return node.receiver.next_time() is None


@pytest.mark.parametrize("ber", [0.0, 1e-5, 1e-4])
def test_a_file_arrives_identical(tmp_path: Path, ber: float) -> None:
    world, node = world_of(tmp_path, ber)
    number = world.session.send_file("scene.bin", DATA)
    began = world.now
    world.run(lambda: bool(outcomes(world)), 30.0)
    assert node.file("scene.bin") == DATA
    assert outcomes(world) == ["NO_ERROR"]
    told = [each for each in world.of(FileUplink) if isinstance(each, FileUplink)]
    assert {each.transaction for each in told} == {number}
    assert [each.sent for each in told] == sorted(each.sent for each in told)
    assert told[-1] == FileUplink(number, "scene.bin", len(DATA), len(DATA), "NO_ERROR")
    assert len(told) > 4, "progress on the way"
    # Frames of 628 octets at 1 Mbit/s; a frame is lost with 1 - (1 - ber)**(8 * 628).
    ideal = len(DATA) / 592 * 628 * 8 / 1e6 / (1 - ber) ** (8 * 628)
    assert ideal <= world.now - began < 2 * ideal + 0.6
    assert (world.up.counters["flipped_frames"] > 0) == (ber > 0)
    world.run(lambda: quiet(node), 5.0)


@pytest.mark.parametrize("both", [False, True])
def test_an_outage_of_3_s_costs_3_s(tmp_path: Path, both: bool) -> None:
    world, node = world_of(tmp_path, 1e-5)
    world.session.send_file("scene.bin", DATA)
    began = world.now
    world.wait(0.7)
    for channel in (world.up, world.down) if both else (world.up,):
        channel.outage(world.now, 3.0)
    world.run(lambda: bool(outcomes(world)), 30.0)
    assert node.file("scene.bin") == DATA
    assert world.up.counters["dropped_outage"] > 0
    assert world.now - began < 3.0 + 3.0


def test_a_loss_of_signal_stops_the_timers(tmp_path: Path) -> None:
    world, node = world_of(tmp_path)
    world.session.send_file("scene.bin", DATA)
    world.wait(0.7)
    for channel in (world.up, world.down):
        channel.outage(world.now, 3 * SILENCE + 10)
    world.wait(5.0)
    world.tick += round(3 * SILENCE / STEP)  # nothing moves meanwhile
    world.wait(1.0)
    assert world.of(LinkChanged)[-1] == LinkChanged(False)
    assert outcomes(world) == []
    world.run(lambda: bool(outcomes(world)), 10.0)
    assert node.file("scene.bin") == DATA


def test_telecommands_go_before_files(tmp_path: Path) -> None:
    world, _ = world_of(tmp_path)
    warm = world.session.send_command(Ping())
    world.run(lambda: world.reached(warm, Stage.COMPLETED))
    world.session.send_file("scene.bin", DATA)
    world.wait(0.5)
    began = world.now
    request = world.session.send_command(Ping())
    world.run(lambda: world.reached(request, Stage.COMPLETED))
    assert not outcomes(world), "the file is still on its way"
    assert world.now - began < 0.2


def test_files_go_up_one_after_the_other(tmp_path: Path) -> None:
    world, node = world_of(tmp_path, 1e-4)
    files = {f"part-{number}": DATA[: 3000 * number] for number in range(6)}
    for name, data in files.items():
        world.session.send_file(name, data)
    world.run(lambda: len(outcomes(world)) == len(files), 60.0)
    assert outcomes(world) == ["NO_ERROR"] * len(files)
    assert {name: node.file(name) for name in files} == files
    world.run(lambda: quiet(node), 5.0)


def test_both_directions_at_once(tmp_path: Path) -> None:
    world, node = world_of(tmp_path, 1e-5)
    node.downlink_file("down.bin", DATA)
    world.session.send_file("up.bin", DATA)
    down = tmp_path / "down.bin"
    world.run(lambda: bool(outcomes(world)) and down.exists(), 30.0)
    assert node.file("up.bin") == DATA
    assert down.read_bytes() == DATA


def test_a_rebooted_node_gets_the_whole_file(tmp_path: Path) -> None:
    world, node = world_of(tmp_path, 1e-5)
    world.session.send_file("scene.bin", DATA)
    world.wait(0.7)
    assert node.receiver.progress()[0].received > 0
    world.node = again = Node()
    world.run(lambda: bool(outcomes(world)), 60.0)
    assert outcomes(world) == ["NO_ERROR"]
    assert again.file("scene.bin") == DATA


def test_a_restarted_station_sends_it_again(tmp_path: Path) -> None:
    world, node = world_of(tmp_path)
    world.session.send_file("scene.bin", DATA)
    world.wait(0.7)
    settings, sequence = StationSettings(SPACECRAFT, 1e6, 0.05), itertools.count(300).__next__
    world.session = LinkSession(settings, world.inbox, sequence, first=1000)
    world.session.send_file("scene.bin", DATA[::-1])
    world.run(lambda: bool(outcomes(world)), 30.0)
    assert node.file("scene.bin") == DATA[::-1]


def test_a_node_that_takes_no_files_is_given_up(tmp_path: Path) -> None:
    world, _ = world_of(tmp_path, node=Node(deaf=True))
    world.session.send_file("a", b"a")
    began = world.now
    world.run(lambda: bool(outcomes(world)), 2 * SILENCE)
    assert outcomes(world) == ["POSITIVE_ACK_LIMIT_REACHED"]
    assert 0.8 * SILENCE < world.now - began < 1.2 * SILENCE


def test_no_room_on_board_is_a_refusal_and_the_old_file_stays(tmp_path: Path) -> None:
    store = FullStore()
    store.room = 1
    world, node = world_of(tmp_path, node=Node(store))
    for data in (b"old", b"new"):
        world.session.send_file("a", data)
    world.run(lambda: len(outcomes(world)) == 2, 10.0)
    assert outcomes(world) == ["NO_ERROR", "FILESTORE_REJECTION"]
    assert [(each.name, each.reason) for each in node.staging.refusals] == [("a", Reason.NO_SPACE)]
    assert node.file("a") == b"old"


@pytest.mark.parametrize(
    ("name", "size", "reason"),
    [
        ("x" * 65, 1, Reason.FORMAT),
        ("white space", 1, Reason.FORMAT),
        ("a~0", 1, Reason.FORMAT),
        ("näme", 1, Reason.FORMAT),
        ("huge", LARGEST + 1, Reason.RANGE),
    ],
)
def test_the_node_itself_refuses_names_and_sizes(name: str, size: int, reason: Reason) -> None:
    """What a station lets through that does not check."""
    store = MemoryStore()
    staging = Staging(store)
    receiver = Receiver(Entity.NODE, staging, Settings())
    sender = Sender(1, Entity.NODE, 1, name, StoredFile(bytes(size)), Settings())
    pdu = sender.next_pdu(0.0)
    assert pdu is not None
    for answer in receiver.receive(pdu, 0.0):
        sender.receive(parse(answer), 0.0)
    assert sender.condition.name == "FILESTORE_REJECTION"
    assert [(each.name, each.reason) for each in staging.refusals] == [(name, reason)]
    assert store.names() == []


def test_the_ground_refuses_what_no_node_takes(tmp_path: Path) -> None:
    world, _ = world_of(tmp_path)
    for name in ("../a", "a/b", ".a", "", "a\0", "x" * 65):
        with pytest.raises(ValueError, match="no name for a file"):
            world.session.send_file(name, b"")
    with pytest.raises(ValueError, match="8388608 at most"):
        world.session.send_file("a", bytes(LARGEST + 1))
    for number in range(QUEUE):
        world.session.send_file(f"a{number}", b"")
    with pytest.raises(OutboxFull):
        world.session.send_file("b", b"")


def test_the_newest_files_are_kept(tmp_path: Path) -> None:
    store = MemoryStore()
    first = Staging(store)
    names = [f"f{number}" for number in range(KEPT)]
    for name in [*names, names[0]]:  # the first one once more: it is the newest now
        first.keep(name, name.encode())
    first.keep("g", b"g")
    assert store.names("uplink/") == sorted(map(staged, [*names[:1], *names[2:], "g"]))
    Staging(store).keep("h", b"h")  # after a restart
    assert len(store.names("uplink/")) == KEPT
    assert store.read(staged("h")) == b"h"
