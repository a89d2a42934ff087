"""Bytes on the wire, against AES-GCM, HMAC and HKDF over frames that are built by hand here."""

from __future__ import annotations

import hashlib
import hmac
import struct

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from sdls_site import MASTER, SPACECRAFT, boot, fresh_disk, pair

from flight.link import fecf
from flight.link.clcw import Clcw
from flight.link.errors import Fault, LinkError
from flight.link.sdls import Direction, SecurityError, SecurityFault, fingerprint
from flight.link.spacepacket import SpacePacket
from flight.link.tc import MAX_DATA, TcFrame
from flight.link.tm import IDLE_CHANNEL, TmDeframer, TmFramer

CLCW = Clcw(0, 3)
SIZE = 128


def derived(channel: int, direction: int, clear: bool = False, epoch: int = 1) -> bytes:
    """RFC 5869 by hand: one block of output, no salt."""
    info = b"tardigrade link key v1" + struct.pack(">HBBHB", 0xA5, channel, direction, epoch, clear)
    pseudorandom = hmac.digest(bytes(32), MASTER, "sha256")
    return hmac.digest(pseudorandom, info + b"\x01", "sha256")


def tc_by_hand(channel: int, sequence: int, data: bytes, counter: int, flags: int = 0) -> bytes:
    """As Yamcs makes it with the key of this channel and a MAP id of 0."""
    spi = struct.pack(">H", 1 << 4 | channel)
    aad = bytes((0, 0, channel << 2, 0, 0, 0xC0)) + spi + bytes(12)
    iv = counter.to_bytes(12, "big")
    sealed = AESGCM(derived(channel, 0)).encrypt(iv, data, aad)
    length = 5 + 1 + 2 + 12 + len(sealed) + 2
    head = struct.pack(">HHB", flags << 12 | 0xA5, channel << 10 | (length - 1), sequence)
    return fecf.append(head + b"\xc0" + spi + iv + sealed)


def tm_field_by_hand(frame: bytes, channel: int) -> bytes:
    """Data field of a protected telemetry frame."""
    spi, iv, sealed = frame[6:8], frame[8:20], frame[20:-6]
    assert spi == struct.pack(">H", 1 << 4 | 8 | channel)
    aad = bytes((0, channel << 1, 0, 0, 0, 0)) + spi + bytes(12)
    return AESGCM(derived(channel, 1)).decrypt(iv, sealed, aad)


@pytest.mark.parametrize("channel", [0, 1])
def test_a_telecommand_frame_is_what_a_stock_ground_system_sends(channel: int) -> None:
    ground, node = pair()
    for count in range(3):
        frame = TcFrame(SPACECRAFT, channel, 7, b"telecommand", bypass=True)
        raw = frame.pack(ground)
        assert raw == tc_by_hand(channel, 7, b"telecommand", count, flags=2)
        assert len(raw) == frame.size(ground) == frame.size() + 30
        assert TcFrame.unpack(raw, SPACECRAFT, node) == frame


def test_a_telemetry_frame_is_what_a_stock_ground_system_reads() -> None:
    _, node = pair()
    framer = TmFramer(SPACECRAFT, SIZE, security=node)
    packet = SpacePacket(100, False, 1, bytes(range(40)), secondary=False).pack()
    for count in range(3):
        framer.add(2, packet)
        frame = framer.frame(CLCW)
        assert int.from_bytes(frame[8:20], "big") == count
        assert frame[-6:-2] == CLCW.pack()
        data = tm_field_by_hand(frame, 2)
        assert len(data) == framer.space == SIZE - 12 - 30
        assert data.startswith(packet)


def test_authentication_only_leaves_data_in_clear() -> None:
    ground, node = pair(clear=True)
    raw = TcFrame(SPACECRAFT, 0, 0, b"in clear").pack(ground)
    field = raw[6:-2]
    assert field[14:-16] == b"in clear"
    key = derived(0, 0, clear=True)
    aad = bytes((0, 0, 0, 0, 0, 0xC0))
    assert field[-16:] == hmac.digest(key, aad + field[:-16], "sha256")[:16]
    assert TcFrame.unpack(raw, SPACECRAFT, node).data == b"in clear"


def test_the_strict_mask_covers_the_sequence_number_and_the_bypass_flag() -> None:
    for strict in (False, True):
        for octet, bit in ((0, 0x20), (4, 0x01)):  # bypass flag, N(S)
            ground, node = pair(strict=strict)
            raw = bytearray(TcFrame(SPACECRAFT, 0, 8, b"x").pack(ground)[:-2])
            raw[octet] ^= bit
            changed = fecf.append(bytes(raw))
            if strict:
                with pytest.raises(SecurityError) as caught:
                    TcFrame.unpack(changed, SPACECRAFT, node)
                assert caught.value.reason is SecurityFault.TAG
            else:  # what the standard leaves open, and why commands are authorised one by one
                assert TcFrame.unpack(changed, SPACECRAFT, node).data == b"x"


def test_channels_directions_and_epochs_have_different_keys() -> None:
    keys = {derived(channel, way) for channel in range(7) for way in range(2)}
    assert len(keys) == 14
    ground, node = pair()
    raw = TcFrame(SPACECRAFT, 1, 0, b"file", bypass=True).pack(ground)
    moved = fecf.append(raw[:2] + bytes((raw[2] & 3,)) + raw[3:-2])  # onto the command channel
    with pytest.raises(SecurityError) as caught:
        TcFrame.unpack(moved, SPACECRAFT, node)
    assert caught.value.reason is SecurityFault.SPI
    with pytest.raises(SecurityError) as caught:  # sent back to where it came from
        TcFrame.unpack(raw, SPACECRAFT, ground)
    assert caught.value.reason is SecurityFault.SPI


def test_a_fingerprint_is_no_plain_hash_of_the_key() -> None:
    assert fingerprint(MASTER) not in hashlib.sha256(MASTER).hexdigest()
    assert len(fingerprint(MASTER)) == 16


def test_idle_frames_are_clear_and_bring_no_packets() -> None:
    ground, node = pair()
    framer = TmFramer(SPACECRAFT, SIZE, security=node)
    deframer = TmDeframer(SPACECRAFT, SIZE, ground)
    assert deframer.feed(framer.frame(CLCW)) == []
    assert deframer.counters["idle"] == 1
    assert deframer.clcw == CLCW
    forged = TmFramer(SPACECRAFT, SIZE)
    forged.add(6, SpacePacket(100, False, 1, b"forged", secondary=False).pack())
    raw = forged.frame(CLCW)
    raw = fecf.append(raw[:1] + bytes((raw[1] & 0xF1 | IDLE_CHANNEL << 1,)) + raw[2:-2])
    assert deframer.feed(raw) == []
    assert deframer.counters["channel"] == 1
    assert deframer.counters["good"] == 1


@given(
    st.integers(0, 1),
    st.binary(min_size=1, max_size=MAX_DATA - 30),
    st.integers(0, 255),
    st.booleans(),
    st.booleans(),
)
def test_telecommand_frames_come_back(
    channel: int, data: bytes, sequence: int, clear: bool, strict: bool
) -> None:
    ground, node = pair(clear=clear, strict=strict)
    frame = TcFrame(SPACECRAFT, channel, sequence, data)
    assert TcFrame.unpack(frame.pack(ground), SPACECRAFT, node) == frame


def test_a_frame_that_would_grow_too_long_is_refused() -> None:
    ground, _ = pair()
    with pytest.raises(LinkError) as caught:
        TcFrame(SPACECRAFT, 0, 0, bytes(MAX_DATA - 29)).pack(ground)
    assert caught.value.reason is Fault.OVERSIZE


@given(
    st.lists(st.tuples(st.integers(0, 6), st.binary(min_size=1, max_size=300)), max_size=30),
    st.booleans(),
    st.booleans(),
)
def test_packets_come_back(packets: list[tuple[int, bytes]], clear: bool, strict: bool) -> None:
    ground, node = pair(clear=clear, strict=strict)
    framer = TmFramer(SPACECRAFT, SIZE, security=node)
    deframer = TmDeframer(SPACECRAFT, SIZE, ground)
    sent: dict[int, list[bytes]] = {}
    for number, (channel, data) in enumerate(packets):
        raw = SpacePacket(100, False, number, data, secondary=False).pack()
        sent.setdefault(channel, []).append(raw)
        framer.add(channel, raw)
    found: dict[int, list[bytes]] = {}
    while framer.has_data:
        for channel, raw in deframer.feed(framer.frame(CLCW)):
            found.setdefault(channel, []).append(raw)
    assert found == sent


def test_each_transmission_has_its_own_counter() -> None:
    disk = fresh_disk()
    ground = boot(disk, Direction.UP)
    frame = TcFrame(SPACECRAFT, 0, 1, b"retransmitted")
    assert len({frame.pack(ground)[8:20] for _ in range(2500)}) == 2500
    assert disk.writes == 3  # one per thousand
