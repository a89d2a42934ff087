"""The receiving side on board: everything that comes is accepted once or counted once."""

from __future__ import annotations

import random

from flight.dictionary.commands import Ping
from flight.link import services
from flight.link.channels import Apid, VirtualChannel
from flight.link.pus import Telecommand
from flight.link.spacepacket import SpacePacket
from flight.link.tc import TcFrame
from flight.link.uplink import FilePdu, Uplink

SPACECRAFT = 0xA5


def ping(sequence: int) -> Telecommand:
    return Telecommand(Apid.NODE, sequence, *services.telecommand(Ping()))


def frame(data: bytes, sequence: int = 0, channel: int = 0, bypass: bool = False) -> bytes:
    return TcFrame(SPACECRAFT, channel, sequence, data, bypass).pack()


def test_a_telecommand_is_taken_once_and_its_repeat_is_counted() -> None:
    uplink = Uplink(SPACECRAFT)
    raw = frame(ping(7).pack())
    taken = uplink.feed(raw)
    assert isinstance(taken, Telecommand)
    assert taken.request_id == ping(7).request_id
    assert uplink.feed(raw) is None
    assert uplink.counters == {"good": 1, "sequence": 1}


def test_file_pdus_bypass_the_sequence_check() -> None:
    uplink = Uplink(SPACECRAFT)
    packet = SpacePacket(Apid.FILES, True, 0, b"pdu", secondary=False).pack()
    for _ in range(3):
        taken = uplink.feed(frame(packet, channel=VirtualChannel.FILES, bypass=True))
        assert taken == FilePdu(b"pdu")
    assert uplink.farm.clcw().report_value == 0


def test_a_bad_packet_in_a_good_frame_is_counted_once() -> None:
    uplink = Uplink(SPACECRAFT)
    damaged = bytearray(ping(1).pack())
    damaged[-1] ^= 1
    other = SpacePacket(Apid.FILES, True, 0, b"not here", secondary=False).pack()
    for sequence, packet in enumerate((bytes(damaged), other, b"short")):
        assert uplink.feed(frame(packet, sequence)) is None
    assert uplink.counters == {"good": 3, "packet": 3}


def test_every_datagram_is_in_exactly_one_frame_counter() -> None:
    generator = random.Random(5)
    uplink = Uplink(SPACECRAFT)
    good = frame(ping(1).pack())
    count = 3000
    for _ in range(count):
        kind = generator.randrange(4)
        if kind == 0:
            raw = generator.randbytes(generator.randrange(0, 1200))
        elif kind == 1:
            raw = good[: generator.randrange(len(good))]
        elif kind == 2:
            raw = good + generator.randbytes(generator.randrange(1, 9))
        else:
            raw = TcFrame(0x12, 0, 0, b"\x18").pack()
        assert uplink.feed(raw) is None
    assert sum(uplink.counters.values()) == count, f"n = {count}: {uplink.counters}"
    assert uplink.counters["good"] == 0
    assert uplink.counters["spacecraft"] > 500
