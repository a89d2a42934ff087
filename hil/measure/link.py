"""File downlink against the limit of the channel, in virtual time (4 MiB, LEO, BER 1e-5)."""

from __future__ import annotations

import contextlib
import random

from flight.link.cfdp.codes import CfdpError
from flight.link.cfdp.pdu import parse
from flight.link.cfdp.receiver import Receiver
from flight.link.cfdp.sender import Sender
from flight.link.cfdp.settings import Settings
from flight.link.channels import Entity
from flight.link.clcw import Clcw
from flight.link.downlink import Downlink
from flight.link.service import StoredFile
from flight.link.spacepacket import SpacePacket
from flight.link.tm import OVERHEAD, TmDeframer
from ground.emulator.channel import Channel
from ground.linkfile import Direction
from hil.measure.result import Result, at_least

SIZE = 4 << 20
RATE, DELAY, BER = 1e6, 0.025, 1e-5
FRAME, SEGMENT, SPACECRAFT = 640, 592, 0xA5
PDU_OVERHEAD = 6 + 12 + 4 + 2  # space packet, CFDP header, offset, PDU CRC
STEP = 0.002  # s of virtual time


class _Memory:
    """Filestore that keeps one file."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.delivered = False

    def open(self, name: str, size: int) -> _Memory:
        """Reserve."""
        del name
        self.data = bytearray(size)
        return self

    def write(self, offset: int, data: bytes) -> None:
        """Place data."""
        self.data[offset : offset + len(data)] = data

    def read(self, offset: int, n: int) -> bytes:
        """Read back."""
        return bytes(self.data[offset : offset + n])

    def commit(self) -> None:
        """Done."""
        self.delivered = True

    def discard(self) -> None:
        """Forget."""
        self.data.clear()


def _fly(seed: int) -> tuple[float, float]:
    """Goodput in bit/s until the sender knows that the file is whole, and the channel's limit."""
    data = random.Random(seed).randbytes(SIZE)
    settings = Settings(segment=SEGMENT, round_trip=2 * DELAY + 0.05)
    downlink = Downlink(SPACECRAFT, FRAME, RATE, 0.1)
    downlink.sender = Sender(Entity.NODE, Entity.GROUND, 1, "file", StoredFile(data), settings)
    store = _Memory()
    receiver = Receiver(Entity.GROUND, store, settings)
    deframer = TmDeframer(SPACECRAFT, FRAME)
    down = Channel(Direction(RATE, DELAY, BER, 1 << 20), seed, "down")
    up = Channel(Direction(RATE, DELAY, BER, 1 << 20), seed, "up")
    clcw, now = Clcw(0, 0, False, False, False, 0), 0.0
    while not downlink.sender.finished:
        now += STEP
        for pdu in up.due(now):
            with contextlib.suppress(CfdpError):  # damaged on the way up
                downlink.answer(parse(pdu), now)
        for frame in downlink.due(now, clcw):
            down.offer(frame, now)
        answers = receiver.tick(now)
        for raw in down.due(now):
            for _, packet in deframer.feed(raw):
                answers += receiver.receive(SpacePacket.unpack(packet).data, now)
        for answer in answers:
            up.offer(answer, now)
    if not store.delivered or bytes(store.data) != data:
        raise AssertionError("the file did not arrive whole")
    lost = deframer.counters["crc"] / down.counters["delivered"]
    share = (FRAME - OVERHEAD) / FRAME * SEGMENT / (SEGMENT + PDU_OVERHEAD)
    return 8 * SIZE / now, RATE * (1 - lost) * share


def measure() -> list[Result]:
    """Goodput as a share of the limit, worst of three seeds."""
    flights = [_fly(seed) for seed in (1, 2, 3)]
    worst = min(goodput / limit for goodput, limit in flights)
    goodputs = ", ".join(f"{goodput / 1e3:.0f}" for goodput, _ in flights)
    return [
        at_least(
            "cfdp.leo_1e-5", worst, 0.95, "erasure-channel limit from the realised loss",
            f"4 MiB at 1 Mb/s, 25 ms, BER 1e-5, frames of {FRAME} octets, tail included;"
            f" goodput {goodputs} kb/s for seeds 1 to 3, worst ratio shown; feedback PDUs are not"
            " framed here",
        )
    ]  # fmt: skip
