"""Traffic for TM frames: packets that know their place, and what an independent reader sees."""

from __future__ import annotations

import random

from spacepackets.ccsds.tm_frame import TmTransferFrame

from flight.link.clcw import Clcw
from flight.link.spacepacket import SpacePacket
from flight.link.tm import TmFramer

SPACECRAFT = 77
CLCW = Clcw(0, 17, retransmit=True)
IDLE_APID = 0x7FF


def packet(channel: int, number: int, size: int) -> bytes:
    """A packet of ``size`` octets whose content follows from channel and number."""
    data = random.Random(channel << 20 | number).randbytes(size - 6)
    return SpacePacket(100 + channel, False, number, data, secondary=False).pack()


def place(raw: bytes) -> tuple[int, int]:
    """Channel and number of a packet, taken from its header."""
    return (int.from_bytes(raw[:2], "big") & 0x7FF) - 100, int.from_bytes(raw[2:4], "big") & 0x3FFF


def genuine(raw: bytes) -> bool:
    """True when a packet is exactly as it was made."""
    return raw == packet(*place(raw), len(raw))


def drained(framer: TmFramer) -> list[bytes]:
    """All frames until there is nothing left to send."""
    frames = []
    while framer.has_data:
        frames.append(framer.frame(CLCW))
    return frames


def peer(raw: bytes) -> TmTransferFrame:
    """The frame as another implementation reads it, its FECF verified."""
    return TmTransferFrame.unpack(raw, len(raw), has_error_control_field=True)


def field(raw: bytes) -> bytes:
    """Data field of a frame with OCF and FECF."""
    return raw[6:-6]


def mixed(source: random.Random, space: int, count: int) -> list[tuple[int, bytes]]:
    """Packets for channels 0 to 3, of sizes around everything that matters."""
    numbers = [0] * 4
    traffic = []
    for _ in range(count):
        channel = source.randrange(4)
        sizes = (7, 8, source.randint(7, 40), space - 1, space, space + 1, source.randint(7, 2000))
        traffic.append((channel, packet(channel, numbers[channel], max(7, source.choice(sizes)))))
        numbers[channel] += 1
    return traffic


def by_channel(packets: list[tuple[int, bytes]]) -> dict[int, list[bytes]]:
    """Packets of each channel in their order."""
    found: dict[int, list[bytes]] = {}
    for channel, raw in packets:
        found.setdefault(channel, []).append(raw)
    return found
