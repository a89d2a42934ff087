"""Space packets: round trips, an independent implementation, wrong lengths, random octets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from link_damage import accepted, noise, truncations
from spacepackets.ccsds.spacepacket import PacketType, SequenceFlags, SpacePacketHeader

from flight.link.errors import Fault, LinkError
from flight.link.spacepacket import IDLE_APID, SMALLEST, SpacePacket, idle_packet, packet_length

PACKETS = st.builds(
    SpacePacket,
    st.integers(0, 0x7FF),
    st.booleans(),
    st.integers(0, 0x3FFF),
    st.binary(min_size=1, max_size=300),
    st.booleans(),
    st.integers(0, 3),
)
SAMPLE = SpacePacket(100, True, 7, b"abc")


@given(PACKETS)
def test_round_trip(packet: SpacePacket) -> None:
    raw = packet.pack()
    assert SpacePacket.unpack(raw) == packet
    assert packet_length(raw[:6]) == len(raw)


@given(PACKETS)
def test_header_equals_the_peers(packet: SpacePacket) -> None:
    peer = SpacePacketHeader(
        PacketType(packet.telecommand),
        packet.apid,
        packet.sequence,
        len(packet.data) - 1,
        packet.secondary,
        SequenceFlags(packet.flags),
    )
    assert packet.pack()[:6] == peer.pack()


@pytest.mark.parametrize("size", [1, 65536])
def test_smallest_and_largest_data_field(size: int) -> None:
    packet = SpacePacket(1, False, 0, bytes(size))
    assert SpacePacket.unpack(packet.pack()) == packet


@pytest.mark.parametrize("size", [0, 65537])
def test_data_that_no_packet_carries(size: int) -> None:
    with pytest.raises(LinkError) as caught:
        SpacePacket(1, False, 0, bytes(size)).pack()
    assert caught.value.reason is Fault.LENGTH


@pytest.mark.parametrize("field", [{"apid": 0x800}, {"apid": -1}, {"flags": 4}])
def test_values_do_not_spill_into_other_fields(field: dict[str, int]) -> None:
    values = {"apid": 1, "telecommand": True, "sequence": 0, "data": b"x"} | field
    with pytest.raises(LinkError):
        SpacePacket(**values).pack()


def test_sequence_count_wraps() -> None:
    assert SpacePacket.unpack(SpacePacket(1, True, 1 << 14, b"x").pack()).sequence == 0


def test_every_truncation_and_every_tail_is_refused() -> None:
    raw = SAMPLE.pack()
    assert accepted(SpacePacket.unpack, truncations(raw)) == []
    with pytest.raises(LinkError) as caught:
        SpacePacket.unpack(raw + b"\0")
    assert caught.value.reason is Fault.OVERSIZE
    with pytest.raises(LinkError) as caught:
        SpacePacket.unpack(raw[:-1])
    assert caught.value.reason is Fault.TRUNCATED


@pytest.mark.parametrize("version", range(1, 8))
def test_other_versions_are_refused(version: int) -> None:
    raw = bytearray(SAMPLE.pack())
    raw[0] |= version << 5
    with pytest.raises(LinkError) as caught:
        SpacePacket.unpack(bytes(raw))
    assert caught.value.reason is Fault.VERSION


def test_random_octets_raise_nothing_else() -> None:
    for raw in accepted(SpacePacket.unpack, noise(1, 40)):
        assert SpacePacket.unpack(raw).pack() == raw


@given(st.binary(max_size=5))
def test_length_of_a_short_header(header: bytes) -> None:
    with pytest.raises(LinkError) as caught:
        packet_length(header)
    assert caught.value.reason is Fault.TRUNCATED


@given(st.integers(SMALLEST, 2048))
def test_idle_packets(length: int) -> None:
    packet = SpacePacket.unpack(idle_packet(length))
    assert len(packet.pack()) == length
    assert (packet.apid, packet.telecommand, packet.secondary) == (IDLE_APID, False, False)
