"""Telemetry transfer frames (CCSDS 132.0-B-3): fixed length, packets spanning frames, CLCW."""

from __future__ import annotations

import struct
from collections import Counter, deque
from dataclasses import dataclass, field

from flight.link import clcw as control_word
from flight.link import fecf
from flight.link.clcw import Clcw
from flight.link.errors import Fault, LinkError, require
from flight.link.reassembly import (
    FRAME_COUNTS,
    NO_PACKET_START,
    ONLY_IDLE,
    Reassembly,
    expected,
)
from flight.link.sdls.linkend import LinkEnd
from flight.link.spacepacket import IDLE_APID, SMALLEST, idle_packet

IDLE_CHANNEL = 7  # carries the frames without data; packets go on 0 to 6
LARGEST = 2048

_HEADER = struct.Struct(">HBBH")
_TRAILER = control_word.SIZE + fecf.SIZE
OVERHEAD = _HEADER.size + _TRAILER
_STATUS = 0b00_0_11 << 11  # no secondary header, packets in forward order, segment length id 3
_OCF = 1
# Header as the standard authenticates it: the virtual channel only.
_MASKED = [bytes((0, channel << 1, 0, 0, 0, 0)) for channel in range(IDLE_CHANNEL + 1)]


@dataclass(slots=True)
class _Queue:
    """Packets of one virtual channel, and the rest of the one that began in an earlier frame."""

    packets: deque[bytes] = field(default_factory=deque)
    rest: bytes = b""
    rest_idle: bool = False
    octets: int = 0  # not yet framed, idle packets left out
    counter: int = 0


class TmFramer:
    """Packs packets into frames of ``size`` octets; queues hold ``limit`` octets per channel."""

    def __init__(
        self,
        spacecraft: int,
        size: int,
        limit: int = 1 << 20,
        security: LinkEnd | None = None,
    ) -> None:
        """With ``security`` all but idle frames are protected. Raises ValueError, LinkError."""
        require(spacecraft, 10, "spacecraft")
        self.dropped: Counter[int] = Counter()
        self._spacecraft, self._limit = spacecraft, limit
        self._security = security
        self.resize(size)
        self._queues = [_Queue() for _ in range(IDLE_CHANNEL + 1)]
        self._master = 0

    def resize(self, size: int) -> None:
        """Make frames of another length from now on. Raises ValueError."""
        overhead = OVERHEAD + (self._security.overhead if self._security else 0)
        if not overhead + SMALLEST <= size <= LARGEST:
            raise ValueError(f"TM frame size {size} is not within {overhead + 7}..{LARGEST}")
        self._size, self._space = size, size - overhead

    @property
    def has_data(self) -> bool:
        """True when any channel has octets to send."""
        return any(queue.octets for queue in self._queues)

    @property
    def space(self) -> int:
        """Octets of packet data in a frame."""
        return self._space

    def add(self, channel: int, packet: bytes) -> bool:
        """Queue a packet; False, counted, when the channel's queue is full.

        Raises LinkError for what is no packet, which would break the reassembly of others.
        """
        if not 0 <= channel < IDLE_CHANNEL:
            raise LinkError(Fault.CHANNEL, f"no packets on virtual channel {channel}")
        if expected(packet) != len(packet):
            raise LinkError(Fault.LENGTH, f"{len(packet)} octets are no space packet")
        queue = self._queues[channel]
        if queue.octets + len(packet) > self._limit:
            self.dropped[channel] += 1
            return False
        queue.packets.append(packet)
        queue.octets += len(packet)
        return True

    def pending(self, channel: int) -> int:
        """Octets that wait in a channel, the unsent rest of a packet included."""
        return self._queues[channel].octets

    def frame(self, clcw: Clcw, first: int = 0) -> bytes:
        """The next frame: of channel ``first`` if it has data, else of the lowest that has; one
        without data when none has, or when it could not be protected."""
        for channel in (first, *range(IDLE_CHANNEL)):
            queue = self._queues[channel]
            if queue.octets and (self._security is None or self._security.ready(channel)):
                pointer, octets = self._fill(queue)
                return self._close(channel, pointer, octets, clcw)
        return self._close(IDLE_CHANNEL, ONLY_IDLE, bytes(self._size - OVERHEAD), clcw)

    def _fill(self, queue: _Queue) -> tuple[int, bytes]:
        """First header pointer and data field."""
        first = len(queue.rest) if len(queue.rest) < self._space else NO_PACKET_START
        octets = self._cut(queue, queue.rest, queue.rest_idle, self._space)
        while len(octets) < self._space:
            gap = self._space - len(octets)
            if queue.packets:
                octets += self._cut(queue, queue.packets.popleft(), False, gap)
            else:
                # One larger than the gap goes on in the channel's next frame.
                octets += self._cut(queue, idle_packet(max(gap, SMALLEST)), True, gap)
        return first, octets

    def _cut(self, queue: _Queue, packet: bytes, idle: bool, gap: int) -> bytes:
        part, queue.rest, queue.rest_idle = packet[:gap], packet[gap:], idle
        if not idle:
            queue.octets -= len(part)
        return part

    def _close(self, channel: int, first: int, octets: bytes, clcw: Clcw) -> bytes:
        queue = self._queues[channel]
        identifier = self._spacecraft << 4 | channel << 1 | _OCF
        head = _HEADER.pack(identifier, self._master, queue.counter, _STATUS | first)
        self._master = (self._master + 1) % FRAME_COUNTS
        queue.counter = (queue.counter + 1) % FRAME_COUNTS
        if self._security is not None and channel != IDLE_CHANNEL:
            octets = self._security.protect(channel, head, _MASKED[channel], octets)
        return fecf.append(head + octets + clcw.pack())


class TmDeframer:
    """Takes datagrams that should be frames; returns whole packets, counts everything.

    ``counters``: good; crc, spacecraft, length, version (refused); duplicate (same frame again,
    ignored); gaps (frames lost, by the master channel count); disorder (count went backwards: late
    frame or restarted sender); idle (frames without data); clcw (control word refused); packets;
    idle_packets; packet_resync (partial packets dropped); with ``security`` also spi, tag, replay
    and ahead (refused). ``clcw`` is the newest; the standard leaves it and idle frames in clear.
    """

    def __init__(self, spacecraft: int, size: int | None, security: LinkEnd | None = None) -> None:
        """Frames of ``size`` octets; None takes any, where a datagram says how long a frame is."""
        self.clcw: Clcw | None = None
        self.counters: Counter[str] = Counter()
        self._spacecraft, self._size, self._security = spacecraft, size, security
        self._latest = self._clcw_octets = b""
        self._master: int | None = None
        self._streams = [Reassembly() for _ in range(IDLE_CHANNEL + 1)]

    def feed(self, raw: bytes) -> list[tuple[int, bytes]]:
        """Packets completed by one datagram, with their channel. Never raises."""
        try:
            self._check(raw)
            if raw == self._latest:
                self.counters["duplicate"] += 1
                return []
            octets = self._data(raw)
        except LinkError as error:
            self.counters[error.reason] += 1
            return []
        self._latest = raw
        identifier, master, counter, status = _HEADER.unpack_from(raw)
        self.counters["good"] += 1
        self._count_gap(master)
        if identifier & _OCF:
            self._control_word(raw[-_TRAILER : -fecf.SIZE])
        channel = identifier >> 1 & 7
        packets = self._advance(channel, counter, status & 0x7FF, octets)
        return [(channel, packet) for packet in packets if self._count(packet)]

    def _data(self, raw: bytes) -> bytes:
        """Data field, genuine and new when the link is protected; none of idle frames then, for
        they are clear. Raises LinkError."""
        end = len(raw) - (_TRAILER if raw[1] & _OCF else fecf.SIZE)
        if self._security is None:
            return raw[_HEADER.size : end]
        channel = raw[1] >> 1 & 7
        if channel == IDLE_CHANNEL:
            if (raw[4] << 8 | raw[5]) & 0x7FF != ONLY_IDLE:
                raise LinkError(Fault.CHANNEL, "data in an idle frame")
            return b""
        head, field = raw[: _HEADER.size], raw[_HEADER.size : end]
        return self._security.verify(channel, head, _MASKED[channel], field)

    def _advance(self, channel: int, counter: int, first: int, octets: bytes) -> list[bytes]:
        stream = self._streams[channel]
        before = stream.resyncs
        packets = stream.advance(counter, first, octets)
        if stream.resyncs > before:
            self.counters["packet_resync"] += stream.resyncs - before
        if first == ONLY_IDLE:
            self.counters["idle"] += 1
        return packets

    def _check(self, raw: bytes) -> None:
        if len(raw) != (self._size or len(raw)) or not OVERHEAD < len(raw) <= LARGEST:
            raise LinkError(Fault.LENGTH, f"{len(raw)} octets, frames have {self._size}")
        if not fecf.intact(raw):
            raise LinkError(Fault.CRC, "FECF")
        identifier, _, _, status = _HEADER.unpack_from(raw)
        if identifier >> 14:
            raise LinkError(Fault.VERSION, f"TM frame version {identifier >> 14}")
        if identifier >> 4 != self._spacecraft:
            raise LinkError(Fault.SPACECRAFT, f"from spacecraft {identifier >> 4}")
        if status & ~0x7FF != _STATUS:
            raise LinkError(Fault.VERSION, f"data field status {status:#06x}")

    def _count_gap(self, master: int) -> None:
        if self._master is not None:
            lost = (master - self._master - 1) % FRAME_COUNTS
            if lost >= FRAME_COUNTS // 2:
                self.counters["disorder"] += 1
            elif lost:
                self.counters["gaps"] += lost
        self._master = master

    def _control_word(self, raw: bytes) -> None:
        if raw == self._clcw_octets:  # as a rule it repeats
            return
        try:
            self.clcw = Clcw.unpack(raw)
            self._clcw_octets = raw
        except LinkError:
            self.counters["clcw"] += 1

    def _count(self, packet: bytes) -> bool:
        """Count a packet; False when it is idle."""
        idle = (packet[0] << 8 | packet[1]) & 0x7FF == IDLE_APID
        self.counters["idle_packets" if idle else "packets"] += 1
        return not idle
