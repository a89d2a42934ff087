"""The node's real receive path under real keys, and the ground's end, which hears what it says."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from cfdp_files import MemoryStore, Records
from endings import end_with_module

from flight.dictionary.commands import Ping
from flight.dictionary.enums import Stage
from flight.dictionary.events import FramesDropped
from flight.dictionary.registry import Event
from flight.dictionary.security import LinkSecurity
from flight.dictionary.telemetry import (
    CommandStage,
    EventReport,
    LinkStatus,
    NodeState,
    TaskStatus,
    TelecommandReceived,
)
from flight.link import services
from flight.link.cfdp import Engine, Settings, StoredFile, parse
from flight.link.cfdp.pdu import Pdu
from flight.link.channels import Apid, Entity, VirtualChannel
from flight.link.clcw import Clcw
from flight.link.coding.ends import Coding, GroundCoding
from flight.link.pus import Report, Telecommand
from flight.link.services import EventRecord
from flight.link.spacepacket import SpacePacket
from flight.link.tc import UNLOCK, TcFrame, set_vr
from flight.link.tm import TmDeframer
from flight.runtime.service import Context, Service, subscribes
from flight.runtime.simulation import SimulatedNode, VirtualTime
from flight.runtime.store import MemoryStore as Store
from flight.runtime.table import EXECUTIVE, Row, Table
from flight.topology import TABLE as FLOWN
from ground.keys.holder import KeyHolder
from hil.bench.keys import make_pair

SPACECRAFT, SIZE, TICK = 0xA5, 640, 0.01
REPORT = 1.3  # s until whatever the node counts has come down
FIRST = 1 << 20  # transaction number of the ground; lower ones are for crafted PDUs


class Watcher(Service):
    """Hears the telecommands that the link hands on, and plays the executor."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.received: list[TelecommandReceived] = []

    @subscribes(TelecommandReceived)
    def _telecommand(self, received: TelecommandReceived) -> None:
        self.received.append(received)


_ROWS = [row for row in FLOWN.rows if row.name in ("link", "commanding", "storage")]
_HEARD = (TelecommandReceived, EventReport)
TABLE = Table(
    (
        Row(EXECUTIVE, "", EXECUTIVE, publishes=(NodeState,)),
        *_ROWS,
        Row("watcher", "bad_input_node:Watcher", "watcher", (TaskStatus,), _HEARD),
    )
)


class State(NamedTuple):
    """All that bad input must leave as it is."""

    clcw: Clcw | None
    received: int  # telecommands handed on
    files: dict[str, bytes]
    transactions: list[Any]
    floors: tuple[int, int]  # of the anti-replay windows


class Site:
    """Node and ground on one clock; datagrams arrive at once."""

    def __init__(self, root: Path, coding: str = "", begin: float = 0.0, **parameters: Any) -> None:
        """Its clock begins ``begin`` s off."""
        station, keys = make_pair(root / "keys", SPACECRAFT, random.Random(1).randbytes)
        settings = {
            "link": {"spacecraft": SPACECRAFT, "keys": str(keys), "space": {}, "coding": coding},
            "storage": {},
            "parameters": {"link": parameters},
        }
        holder = KeyHolder(station, SPACECRAFT)
        self.end = holder.end
        self.store, self.time = Store(root / "node"), VirtualTime()
        self.time.clock.advance_to(begin)
        self.status, self.security = LinkStatus(*[0] * 7, False, 0, 0), None
        self.events: list[Event] = []
        self.stages: list[CommandStage] = []
        self.pdus: list[Pdu] = []  # of crafted transactions
        self._coding = GroundCoding(Coding.parse(coding), SIZE)
        self._deframer = TmDeframer(SPACECRAFT, SIZE, self.end)
        self._sequence = self._next = 0
        self._inbox, timers = MemoryStore(), Settings(round_trip=0.1)
        self.engine = Engine(Entity.GROUND, self._inbox, Records(), timers, first=FIRST)
        self.node = SimulatedNode(self.time, "bad_input_node:TABLE", settings, self.store, 1)
        end_with_module(self.node, holder.close)
        services_ = [service for host in self.node.hosts for service in host.services]
        self.watcher = next(each for each in services_ if isinstance(each, Watcher))
        self.link: Any = next(each for each in services_ if type(each).__name__ == "Link")
        self.node.transmit = self._down
        self.time.timers.add(self.time.clock.now(), TICK, self._tick)
        self.run(REPORT)

    # Down.

    def _down(self, datagram: bytes) -> None:
        for frame in self._coding.received(datagram):
            for _, raw in self._deframer.feed(frame):
                packet = SpacePacket.unpack(raw)
                if packet.apid == Apid.FILES:
                    self._pdu(packet.data)
                else:
                    self._report(services.parse_report(Report.unpack(raw)))

    def _pdu(self, raw: bytes) -> None:
        pdu = parse(raw)
        if pdu.header.transaction < FIRST:
            self.pdus.append(pdu)
        else:
            self.engine.receive(raw, self.time.clock.now())

    def _report(self, said: Any) -> None:
        if isinstance(said, LinkStatus):
            self.status = said
        elif isinstance(said, LinkSecurity):
            self.security = said
        elif isinstance(said, EventRecord):
            self.events.append(said.event)
        elif isinstance(said, CommandStage):
            self.stages.append(said)

    def _tick(self) -> None:
        while (pdu := self.engine.next_pdu(self.time.clock.now())) is not None:
            self.give(self.file_frame(pdu))

    # Up.

    def give(self, *datagrams: bytes) -> None:
        """Octets that reach the node's antenna, as they are."""
        for datagram in datagrams:
            self.node.receive(datagram)

    def coded(self, frame: bytes) -> bytes:
        """A frame as it is sent."""
        return self._coding.sent(frame)

    def command(self, ahead: int = 0, **changes: Any) -> bytes:
        """A protected AD frame with a new ping, ``ahead`` of the next in sequence."""
        self._sequence += 1
        packet = Telecommand(Apid.NODE, self._sequence, *services.telecommand(Ping())).pack()
        fields = {"channel": 0, "sequence": (self._next + ahead) % 256, "data": packet} | changes
        return TcFrame(fields.pop("spacecraft", SPACECRAFT), **fields).pack(self.end)

    def file_frame(self, pdu: bytes) -> bytes:
        """A protected frame with a PDU."""
        packet = SpacePacket(Apid.FILES, True, 0, pdu, secondary=False).pack()
        return TcFrame(SPACECRAFT, VirtualChannel.FILES, 0, packet, bypass=True).pack(self.end)

    def say(self, *pdus: Pdu) -> list[Pdu]:
        """Crafted PDUs, and what the node answers."""
        before = len(self.pdus)
        self.give(*(self.file_frame(pdu.pack()) for pdu in pdus))
        self.run(REPORT)
        return self.pdus[before:]

    def unlock(self) -> None:
        """Unlock and Set V(R) := 0."""
        for data in (UNLOCK, set_vr(0)):
            self.give(TcFrame(SPACECRAFT, 0, 0, data, bypass=True, control=True).pack())
        self._next = 0

    # What is seen.

    def run(self, seconds: float, done: Callable[[], object] = lambda: False) -> bool:
        return self.time.run(self.time.clock.now() + seconds, lambda: bool(done()))

    def state(self) -> State:
        folder = self.store.path("uplink/x").parent
        found = {each.name: each.read_bytes() for each in folder.iterdir() if each.is_file()}
        assert self.security is not None
        return State(
            self._deframer.clcw,
            len(self.watcher.received),
            found,
            self.link._files.engine.progress(),
            (self.security.commands_floor, self.security.files_floor),
        )

    def ground_files(self) -> dict[str, bytes]:
        """Files that came down."""
        return self._inbox.files

    def counters(self) -> Counter[str]:
        """All that the ground can see counted."""
        shown: Counter[str] = Counter()
        for message in (self.status, self.security):
            for name in message.__struct_fields__:
                if name in _COUNTED:
                    shown[name] = getattr(message, name)
        return shown

    def dropped(self) -> Counter[str]:
        """What events say of refused input, by kind."""
        said: Counter[str] = Counter()
        for event in self.of(FramesDropped):
            said[event.kind] += event.count
        return said

    def of(self, kind: type[Event]) -> list[Any]:
        return [each for each in self.events if isinstance(each, kind)]

    def takes(self, raw: bytes) -> bool:
        """Whether a genuine telecommand in sequence is carried out and acknowledged."""
        before = len(self.stages)
        self.give(raw)
        self.took()

        def completed() -> bool:
            return any(each.stage is Stage.COMPLETED for each in self.stages[before:])

        found = self.run(2.0, completed)
        self.run(0.2)
        return found

    def took(self) -> None:
        """The node has taken an AD frame."""
        self._next = (self._next + 1) % 256

    def delivers(self, name: str = "good.bin", octets: int = 3000) -> bool:
        """Whether a genuine file comes up whole."""
        data = random.Random(name).randbytes(octets)
        self.engine.put(name, StoredFile(data), Entity.NODE)
        self.run(5.0, lambda: not self.engine.progress())
        self.run(REPORT)
        return all(each.delivered for each in self.engine.ended()) and (
            self.state().files.get(name) == data
        )


_COUNTED = {
    "tc_garbage", "tc_crc", "tc_spacecraft", "tc_sequence", "packets_bad",
    "spi", "tag", "replay", "ahead",
}  # fmt: skip


def rise(before: Counter[str], after: Counter[str]) -> dict[str, int]:
    """Counters that rose, and by how much."""
    return dict(after - before)


def flipped(raw: bytes, bits: Iterable[int]) -> bytes:
    """Octets with some bits turned over."""
    octets = bytearray(raw)
    for bit in bits:
        octets[bit >> 3] ^= 0x80 >> (bit & 7)
    return bytes(octets)
