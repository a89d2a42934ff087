"""One file through a described channel in virtual time: two CFDP engines, real frames, real bits.

The file goes down in TM frames, its feedback up in TC frames; the transmitter is never idle while
the sender has anything to send. The limit is what the channel would have carried if every frame
that arrived undamaged had been full of new file data: rate times the share of good octets times the
share of a frame that is file data (erasure channel, realised loss).
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf

from flight.link import fecf
from flight.link.cfdp import Engine, Settings, StoredFile, TransactionId
from flight.link.channels import Apid, Entity, VirtualChannel
from flight.link.clcw import Clcw
from flight.link.errors import LinkError
from flight.link.framelength import FrameLength, best
from flight.link.spacepacket import SpacePacket
from flight.link.tc import TcFrame
from flight.link.tm import OVERHEAD, TmDeframer, TmFramer
from ground.emulator.channel import Channel
from ground.linkfile import Direction

SPACECRAFT = 0xA5
PDU_OVERHEAD = 6 + 12 + 4 + 2  # space packet, CFDP header, offset, PDU CRC
FRAME_OVERHEAD = OVERHEAD + PDU_OVERHEAD
SHORTEST, LONGEST = 80, 2048
_CLCW = Clcw(0, 0, False, False, False, 0)


class Memory:
    """A file store and the records of an entity, in memory."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.committed = False
        self._records: dict[str, bytes] = {}

    def open(self, _name: str, size: int, _transaction: TransactionId) -> Memory:
        """Reserve."""
        self.data = bytearray(size)
        return self

    def reopen(self, _name: str, _size: int, _transaction: TransactionId) -> None:
        """Nothing outlives this."""

    def write(self, place: int | str, data: bytes) -> None:  # of a sink, and of records
        """Place data, or keep a record."""
        if isinstance(place, str):
            self._records[place] = data
        else:
            self.data[place : place + len(data)] = data

    def read(self, offset: int, n: int) -> bytes:
        """Read back."""
        return bytes(self.data[offset : offset + n])

    def sync(self) -> None:
        """Nothing to do."""

    def commit(self) -> None:
        """Done."""
        self.committed = True

    def discard(self) -> None:
        """Forget."""

    def remove(self, key: str) -> None:
        """Forget a record."""
        self._records.pop(key, None)

    def items(self) -> list[tuple[str, bytes]]:
        """All records."""
        return list(self._records.items())


class _Alarm:
    """Calls at the earliest of the times it was set to, once for each that was in force."""

    def __init__(
        self,
        at: Callable[[float, Callable[[float], None]], None],
        call: Callable[[float], float | None],
    ) -> None:
        self._at, self._call, self._due = at, call, inf

    def set(self, time: float | None) -> None:
        """Call at ``time`` at the latest."""
        if time is not None and time < self._due:
            self._due = time
            self._at(time, self._ring)

    def _ring(self, now: float) -> None:
        if now >= self._due:
            self._due = inf
            self.set(self._call(now))


@dataclass(frozen=True, slots=True)
class Flight:
    """What became of a transfer. Times in s, sizes in octets; ``limit`` in bit/s."""

    size: int
    seconds: float
    limit: float
    frame: int  # length in use at the end
    resent: int

    @property
    def ratio(self) -> float:
        """Goodput as a share of the limit."""
        return 8 * self.size / self.seconds / self.limit


class Transfer:
    """A file of ``size`` octets down ``link``; ``frame`` is the first frame length.

    With ``adapt`` the length follows the frames that are lost, as the receiver counts them and
    tells the sender, half a round trip later. ``outages`` are (start, end), both directions, told
    to both ends when ``told``.
    """

    def __init__(
        self,
        link: Direction,
        size: int,
        seed: int,
        frame: int,
        *,
        adapt: bool = False,
        outages: tuple[tuple[float, float], ...] = (),
        told: bool = True,
    ) -> None:
        self._link, self._size = link, size
        self._length = FrameLength(frame, FRAME_OVERHEAD, SHORTEST, LONGEST)
        self._adapt, self._outages, self._told = adapt, outages, told
        source = random.Random(seed)
        self._data = source.randbytes(size)
        self._store = Memory()
        settings = Settings(
            segment=frame - FRAME_OVERHEAD,
            round_trip=2 * link.delay + 24 * frame / link.rate * 8 + 0.02,
            nak_delay=min(0.05, max(0.005, 4 * 8 * frame / link.rate)),
            inactivity=1e6,
            save_octets=1 << 40,
            save_interval=1e6,
        )
        self._settings = settings
        self._sender = Engine(Entity.NODE, Memory(), Memory(), settings)
        self._receiver = Engine(Entity.GROUND, self._store, Memory(), settings)
        self._down = Channel(link, seed, "down")
        self._up = Channel(replace(link, queue=1 << 24), seed, "up")
        for start, end in outages:
            self._down.outage(start, end - start)
            self._up.outage(start, end - start)
        self._framer = TmFramer(SPACECRAFT, frame)
        self._deframer = TmDeframer(SPACECRAFT, None if adapt else frame)
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = itertools.count()
        self._counts = itertools.count()
        self._carried = self._offered = 0.0  # octets: of file data in good frames, of all frames
        self._arrival = _Alarm(self._at, self._arrive)
        self._feedback = _Alarm(self._at, self._hear)
        self._receiving = _Alarm(self._at, self._answer)
        self._over = False

    def fly(self) -> Flight:
        """Run until the sender knows that the file is whole. Raises AssertionError otherwise."""
        self._sender.put("file", StoredFile(self._data), Entity.GROUND)
        for start, end in self._outages if self._told else ():
            self._at(start, self._freeze)
            self._at(end, self._thaw)
        self._at(0.0, self._transmit)
        now = 0.0
        while not self._over:
            now, _, call = heapq.heappop(self._events)
            call(now)
        if hashlib.sha256(self._store.data).digest() != hashlib.sha256(self._data).digest():
            raise AssertionError("the file did not arrive whole")
        (ended,) = self._sender.ended()
        outage = sum(end - start for start, end in self._outages if end < now)
        limit = self._link.rate * self._carried / self._offered
        return Flight(self._size, now - outage, limit, self._length.octets, ended.resent)

    def _at(self, time: float, call: Callable[[float], None]) -> None:
        heapq.heappush(self._events, (time, next(self._order), call))

    def _freeze(self, now: float) -> None:
        self._sender.freeze(now)
        self._receiver.freeze(now)

    def _thaw(self, now: float) -> None:
        self._sender.thaw(now)
        self._receiver.thaw(now)

    # Down: the transmitter takes a frame whenever it has sent the one before.

    def _transmit(self, now: float) -> None:
        while not self._framer.pending(VirtualChannel.FILES):
            pdu = self._sender.next_pdu(now)
            if pdu is None:
                break
            count = next(self._counts)
            packet = SpacePacket(Apid.FILES, False, count, pdu, secondary=False).pack()
            self._framer.add(VirtualChannel.FILES, packet)
        if self._framer.has_data:
            self._send(self._framer.frame(_CLCW), now)
            return
        due = self._sender.next_time()
        pause = 8 * self._length.octets / self._link.rate
        self._at(max(now + pause / 4, min(due or now + pause, now + pause)), self._transmit)

    def _send(self, frame: bytes, now: float) -> None:
        self._down.offer(frame, now)
        self._offered += len(frame)
        self._at(now + 8 * len(frame) / self._link.rate, self._transmit)
        self._arrival.set(self._down.next_time())

    def _arrive(self, now: float) -> float | None:
        for raw in self._down.due(now):
            good = fecf.intact(raw)
            self._carried += (len(raw) - FRAME_OVERHEAD) * good
            current = self._adapt and len(raw) == self._length.octets
            if current and self._length.observe(1, not good):
                self._at(now + self._link.delay, self._resize)
            for _, packet in self._deframer.feed(raw):
                self._receiver.receive(SpacePacket.unpack(packet).data, now)
        self._receiving.set(self._answer(now))
        return self._down.next_time()

    def _resize(self, _now: float) -> None:
        """The receiver has asked for frames of another length."""
        size = self._length.octets
        self._framer.resize(size)
        self._sender.configure(replace(self._settings, segment=size - FRAME_OVERHEAD))

    # Up.

    def _answer(self, now: float) -> float | None:
        while (pdu := self._receiver.next_pdu(now)) is not None:
            packet = SpacePacket(Apid.FILES, True, next(self._counts), pdu, secondary=False).pack()
            frame = TcFrame(SPACECRAFT, VirtualChannel.FILES, 0, packet, bypass=True)
            self._up.offer(frame.pack(), now)
            self._feedback.set(self._up.next_time())
        due = self._receiver.next_time()
        return None if due is None else max(due, now + 1e-4)

    def _hear(self, now: float) -> float | None:
        for raw in self._up.due(now):
            try:
                frame = TcFrame.unpack(raw, SPACECRAFT)
            except LinkError:
                continue
            self._sender.receive(SpacePacket.unpack(frame.data).data, now)
        self._over = not self._sender.progress()
        return self._up.next_time()


def best_frame(ber: float) -> int:
    """Frame length for a bit error rate, within what TM frames may have."""
    return best(FRAME_OVERHEAD, ber, SHORTEST, LONGEST)
