"""TC transfer frames and the CLCW: round trips, known octets, damage of every kind."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from link_damage import accepted, flips, noise, truncations

from flight.link import fecf
from flight.link.clcw import Clcw
from flight.link.errors import Fault, LinkError
from flight.link.tc import MAX_DATA, MAX_SIZE, UNLOCK, TcFrame, parse_control, set_vr

SPACECRAFT = 77
KINDS = st.sampled_from([(False, False), (True, False), (True, True)])
FRAMES = st.builds(
    lambda spacecraft, channel, sequence, data, kind: TcFrame(
        spacecraft, channel, sequence, data, *kind
    ),
    st.integers(0, 0x3FF),
    st.integers(0, 0x3F),
    st.integers(0, 0xFF),
    st.binary(min_size=1, max_size=200),
    KINDS,
)
CLCWS = st.builds(
    Clcw,
    st.integers(0, 0x3F),
    st.integers(0, 0xFF),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.integers(0, 3),
    st.booleans(),
    st.booleans(),
)
SAMPLES = [
    TcFrame(SPACECRAFT, 0, 200, b"telecommand"),
    TcFrame(SPACECRAFT, 1, 0, b"x", bypass=True),
    TcFrame(SPACECRAFT, 0, 0, UNLOCK, bypass=True, control=True),
    TcFrame(SPACECRAFT, 0, 0, set_vr(129), bypass=True, control=True),
]


def decode(raw: bytes) -> TcFrame:
    return TcFrame.unpack(raw, SPACECRAFT)


def refused(raw: bytes) -> Fault:
    with pytest.raises(LinkError) as caught:
        decode(raw)
    return caught.value.reason


@given(FRAMES)
def test_round_trip(frame: TcFrame) -> None:
    assert TcFrame.unpack(frame.pack(), frame.spacecraft) == frame


def test_known_octets() -> None:
    # Worked by hand from 232.0-B-4, figures 4-1 and 4-2.
    frame = TcFrame(0x155, 0x2A, 0x33, b"\xaa")
    assert frame.pack()[:-2] == bytes.fromhex("0155a80833c0aa")
    unlock = TcFrame(0x155, 0, 0, UNLOCK, bypass=True, control=True)
    assert unlock.pack()[:-2] == bytes.fromhex("315500070000")
    assert set_vr(0x81) == bytes.fromhex("820081")


@pytest.mark.parametrize("frame", SAMPLES)
def test_every_truncation_and_bit_flip_is_refused(frame: TcFrame) -> None:
    raw = frame.pack()
    assert accepted(decode, truncations(raw)) == []
    assert accepted(decode, flips(raw)) == [], f"{8 * len(raw)} flips"


def test_a_bit_flip_is_never_taken_for_another_spacecraft() -> None:
    reasons = Counter(refused(raw) for raw in flips(SAMPLES[0].pack()))
    assert Fault.SPACECRAFT not in reasons
    assert reasons[Fault.CRC] > 100


def test_random_octets_raise_nothing_else() -> None:
    assert accepted(decode, noise(5, 1100)) == [], "3000 datagrams"


def test_random_octets_behind_a_right_fecf_raise_nothing_else() -> None:
    taken = accepted(decode, (fecf.append(raw) for raw in noise(6, 40)))
    assert all(decode(raw).pack() == raw for raw in taken)


def test_reasons() -> None:
    raw = SAMPLES[0].pack()
    assert refused(b"") is Fault.GARBAGE
    assert refused(raw[:7]) is Fault.GARBAGE
    assert refused(raw[:-1]) is Fault.TRUNCATED
    assert refused(raw + b"\0") is Fault.OVERSIZE
    assert refused(raw + bytes(MAX_SIZE)) is Fault.OVERSIZE
    assert refused(raw[:-1] + b"\0") is Fault.CRC
    assert refused(b"\x40" + raw[1:]) is Fault.VERSION
    assert refused(TcFrame(SPACECRAFT + 1, 0, 0, b"x").pack()) is Fault.SPACECRAFT


def sealed(first: int, body: bytes) -> bytes:
    length = 5 + len(body) + 2
    return fecf.append(first.to_bytes(2, "big") + (length - 1).to_bytes(2, "big") + b"\0" + body)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (sealed(0x1000 | SPACECRAFT, UNLOCK), Fault.TYPE),  # control without bypass
        (sealed(0x0400 | SPACECRAFT, b"\xc0x"), Fault.TYPE),  # spare bit
        (sealed(SPACECRAFT, b"\xc1x"), Fault.CHANNEL),  # MAP 1
        (sealed(SPACECRAFT, b"\x40x"), Fault.TYPE),  # first segment
        (sealed(SPACECRAFT, b"\xc0"), Fault.LENGTH),  # no data
    ],
)
def test_headers_that_are_not_spoken(raw: bytes, reason: Fault) -> None:
    assert refused(raw) is reason


def test_largest_frame() -> None:
    frame = TcFrame(SPACECRAFT, 0, 0, bytes(MAX_DATA))
    assert len(frame.pack()) == MAX_SIZE
    assert decode(frame.pack()) == frame


@pytest.mark.parametrize(
    "frame",
    [
        TcFrame(SPACECRAFT, 0, 0, bytes(MAX_DATA + 1)),
        TcFrame(SPACECRAFT, 0, 0, b""),
        TcFrame(SPACECRAFT, 0, 0, UNLOCK, control=True),
        TcFrame(1 << 10, 0, 0, b"x"),
        TcFrame(SPACECRAFT, 1 << 6, 0, b"x"),
        TcFrame(SPACECRAFT, 0, 256, b"x"),
    ],
)
def test_frames_that_cannot_be(frame: TcFrame) -> None:
    with pytest.raises(LinkError):
        frame.pack()


@given(st.integers(0, 255))
def test_control_commands(value: int) -> None:
    assert parse_control(set_vr(value)) == value
    assert parse_control(UNLOCK) is None


def test_other_control_commands_are_refused() -> None:
    others = [b"", b"\1", b"\0\0", b"\x82", b"\x82\0", b"\x82\1\0", b"\x82\0\0\0"]
    assert accepted(parse_control, iter(others)) == []
    with pytest.raises(LinkError):
        set_vr(256)


@given(CLCWS)
def test_clcw_round_trip(clcw: Clcw) -> None:
    assert Clcw.unpack(clcw.pack()) == clcw


def test_clcw_known_octets() -> None:
    # Worked by hand from 232.0-B-4, figure 4-6.
    assert Clcw(0x2A, 0x33).pack() == bytes.fromhex("01a80033")
    flags = Clcw(0, 0, lockout=True, retransmit=True, farm_b=2, no_bitlock=True)
    assert flags.pack() == bytes.fromhex("01006c00")


def test_what_is_no_clcw() -> None:
    raw = Clcw(1, 2).pack()
    assert accepted(Clcw.unpack, truncations(raw)) == []
    assert accepted(Clcw.unpack, iter([raw + b"\0"])) == []
    firsts = (bytes((first,)) + raw[1:] for first in range(256))
    # Control word type 0, version 0, COP-1; the status field between them is free.
    assert [raw[0] for raw in accepted(Clcw.unpack, firsts)] == list(range(0x01, 0x20, 4))
    accepted(Clcw.unpack, noise(7, 6))
    for clcw in (Clcw(64, 0), Clcw(0, 256), Clcw(0, 0, farm_b=4)):
        with pytest.raises(LinkError):
            clcw.pack()
