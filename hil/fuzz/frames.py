"""Frames of the link, plain and protected: single decoders, and both receiving sides as a whole."""

from __future__ import annotations

from collections.abc import Sequence

from flight.link import fecf
from flight.link.channels import Apid, VirtualChannel
from flight.link.clcw import Clcw
from flight.link.errors import LinkError
from flight.link.pus import Telecommand
from flight.link.reassembly import ONLY_IDLE, Reassembly
from flight.link.sdls.derivation import Direction
from flight.link.sdls.keyring import NAME, Keyring, first_record
from flight.link.sdls.linkend import LinkEnd
from flight.link.spacepacket import SpacePacket
from flight.link.tc import OVERHEAD, UNLOCK, TcFrame, set_vr
from flight.link.tm import TmDeframer, TmFramer
from flight.link.uplink import FilePdu, Uplink
from hil.fuzz.packets import sized
from hil.fuzz.subject import Codec, Harmed

SPACECRAFT, SIZE = 77, 200
_PING = Telecommand(Apid.NODE, 1, 17, 1, b"").pack()
_PDU = SpacePacket(Apid.FILES, True, 0, bytes(range(60)), secondary=False).pack()
_TC_HEADER = 5


class _Disk:
    """Keys and counters of one side."""

    def __init__(self) -> None:
        kek, master = bytes(range(32)), bytes(range(32, 64))
        self.files = {NAME: first_record(kek, master, SPACECRAFT, False, False)}
        self._counters: dict[str, int] = {}
        self.ring = Keyring(kek, self.files[NAME], self)

    def write(self, name: str, data: bytes) -> None:
        """Replace."""
        self.files[name] = data

    def load(self, name: str) -> int:
        """The floor."""
        return self._counters.get(name, 0)

    def close(self) -> None:
        """Nothing is open."""

    def save(self, name: str, value: int) -> None:
        """Keep a floor."""
        self._counters[name] = value


def _end(sends: Direction) -> LinkEnd:
    disk = _Disk()
    return LinkEnd(disk.ring, sends, disk)


def sealed_tc(raw: bytes) -> bytes:
    """A TC frame whose length and FECF are right, and the length of the packet in it."""
    raw = raw[:1024]
    if len(raw) < OVERHEAD:
        return raw
    body = raw[_TC_HEADER : -fecf.SIZE]
    body = body[:1] + sized(body[1:])
    length = ((raw[2] << 8 | raw[3]) & 0xFC00 | len(raw) - 1).to_bytes(2, "big")
    return fecf.append(raw[:2] + length + raw[4:5] + body)


def tc_samples(security: LinkEnd | None = None) -> list[bytes]:
    """Frames of all kinds, as the ground sends them."""
    return [
        TcFrame(SPACECRAFT, 0, 0, _PING).pack(security),
        TcFrame(SPACECRAFT, 0, 0, _PING, bypass=True).pack(security),
        TcFrame(SPACECRAFT, 1, 0, _PDU, bypass=True).pack(security),
        TcFrame(SPACECRAFT, 0, 0, UNLOCK, bypass=True, control=True).pack(),
        TcFrame(SPACECRAFT, 0, 0, set_vr(0), bypass=True, control=True).pack(),
    ]


def tc_frame() -> Codec:
    """TC frames in clear."""

    def unpack(raw: bytes) -> TcFrame:
        return TcFrame.unpack(raw, SPACECRAFT)

    return Codec(tc_samples(), unpack, LinkError, TcFrame.pack, sealed_tc)


class WholeUplink:
    """Datagrams to telecommands and PDUs: frame, security, FARM, packet.

    Protected: samples are frames that were taken before, so nothing may be taken again but control
    commands, which the standard sends in clear; a genuine frame passes afterwards.
    """

    def __init__(self, protected: bool) -> None:
        self._ground = _end(Direction.UP) if protected else None
        self.samples: Sequence[bytes] = tc_samples(self._ground)
        self._uplink = Uplink(SPACECRAFT, _end(Direction.DOWN) if protected else None)
        for raw in self.samples if protected else ():
            self._uplink.feed(raw)

    def seal(self, raw: bytes) -> bytes:
        """Length and FECF; a tag cannot be made right."""
        return sealed_tc(raw)

    def take(self, raw: bytes) -> bool:
        """One datagram."""
        taken = self._uplink.feed(raw)
        if taken is not None and self._ground is not None:
            raise Harmed("a forged or repeated frame is taken")
        return taken is not None

    def settle(self) -> None:
        """A genuine frame is taken."""
        self._uplink.second()
        frame = TcFrame(SPACECRAFT, VirtualChannel.FILES, 0, _PDU, bypass=True)
        taken = self._uplink.feed(frame.pack(self._ground))
        if not isinstance(taken, FilePdu):
            raise Harmed("a genuine frame is refused")


def uplink() -> WholeUplink:
    """The uplink in clear."""
    return WholeUplink(protected=False)


def uplink_protected() -> WholeUplink:
    """The uplink under SDLS."""
    return WholeUplink(protected=True)


class WholeDownlink:
    """Datagrams to packets. Protected: what is damaged or repeated yields none."""

    def __init__(self, protected: bool) -> None:
        self._protected = protected
        node = _end(Direction.DOWN) if protected else None
        self._framer = TmFramer(SPACECRAFT, SIZE, security=node)
        end = _end(Direction.UP) if protected else None
        self._deframer = TmDeframer(SPACECRAFT, SIZE, end)
        self.samples: Sequence[bytes] = [self._frame(size) for size in (20, 400, 30, 140, 0)]
        for raw in self.samples if protected else ():
            self._deframer.feed(raw)

    def _frame(self, size: int) -> bytes:
        if size:
            self._framer.add(2, SpacePacket(100, False, 0, bytes(size), secondary=False).pack())
        return self._framer.frame(Clcw(0, 1))

    def seal(self, raw: bytes) -> bytes:
        """Size and FECF."""
        return fecf.append(raw.ljust(SIZE, b"\0")[: SIZE - fecf.SIZE])

    def take(self, raw: bytes) -> bool:
        """One datagram."""
        packets = self._deframer.feed(raw)
        if packets and self._protected:
            raise Harmed("a forged or repeated frame yields packets")
        return bool(packets)

    def settle(self) -> None:
        """The packet in the next two genuine frames comes out."""
        while self._framer.has_data:
            self._deframer.feed(self._frame(0))
        found = self._deframer.feed(self._frame(50)) + self._deframer.feed(self._frame(51))
        if [len(packet) for _, packet in found if len(packet) in (56, 57)][-1:] != [57]:
            raise Harmed("a genuine frame is refused")


def downlink() -> WholeDownlink:
    """TM frames in clear."""
    return WholeDownlink(protected=False)


def downlink_protected() -> WholeDownlink:
    """TM frames under SDLS."""
    return WholeDownlink(protected=True)


class Fields:
    """Reassembly: frame count, first header pointer and data field, one frame after another."""

    _HEAD = 3

    def __init__(self) -> None:
        self._reassembly = Reassembly()
        self._count = 0
        packets = [
            SpacePacket(1, False, 0, bytes(size), secondary=False).pack() for size in (9, 300)
        ]
        self.samples: Sequence[bytes] = [
            b"\0\0\0" + packets[0] * 3,
            b"\1\0\0" + packets[1][:200],
            b"\2" + (106).to_bytes(2, "big") + packets[1][200:] + packets[0],
            b"\3" + ONLY_IDLE.to_bytes(2, "big") + bytes(100),
        ]

    def seal(self, raw: bytes) -> bytes:
        """The next frame count."""
        self._count = (self._count + 1) % 256
        return bytes((self._count,)) + raw[1:]

    def take(self, raw: bytes) -> bool:
        """One frame."""
        if len(raw) < self._HEAD:
            return False
        self._count = raw[0]
        first = (raw[1] << 8 | raw[2]) & 0x7FF
        return bool(self._reassembly.advance(raw[0], first, raw[self._HEAD :]))

    def settle(self) -> None:
        """A frame that begins with a packet yields it."""
        self._count = (self._count + 2) % 256  # one is lost
        packet = SpacePacket(1, False, 0, bytes(9), secondary=False).pack()
        if self._reassembly.advance(self._count, 0, packet + packet[:5]) != [packet]:
            raise Harmed("a packet at the beginning of a frame is lost")


def reassembly() -> Fields:
    """Packets that span frames."""
    return Fields()
