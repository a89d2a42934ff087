"""Damaged and random PDUs: every one is refused with a type, or is another valid PDU."""

from __future__ import annotations

import random
import struct

import pytest
from cfdp_examples import EXAMPLES, HEADER, IDS
from hypothesis import given, settings
from hypothesis import strategies as st

from flight.link.cfdp import CfdpError, parse
from flight.link.cfdp.ack import Ack
from flight.link.cfdp.codes import Reason
from flight.link.cfdp.filedata import FileData
from flight.link.cfdp.keepalive import KeepAlive
from flight.link.cfdp.nak import Nak
from flight.link.cfdp.pdu import Pdu
from flight.link.cfdp.prompt import Prompt
from flight.link.fecf import crc16


def outcome(raw: bytes, require_crc: bool = True) -> Pdu | Reason:
    """The PDU, or the reason of its refusal; any other exception fails the test."""
    try:
        return parse(raw, require_crc)
    except CfdpError as error:
        return error.reason


@pytest.mark.parametrize("pdu", EXAMPLES, ids=IDS)
def test_truncated_and_extended_pdus_are_refused(pdu: Pdu) -> None:
    raw = pdu.pack()
    for length in range(len(raw)):
        with pytest.raises(CfdpError) as refusal:
            parse(raw[:length])
        assert refusal.value.reason is Reason.LENGTH
    for extra in (b"\0", b"\xff" * 80, raw):
        with pytest.raises(CfdpError):
            parse(raw + extra)


@pytest.mark.parametrize("pdu", EXAMPLES, ids=IDS)
def test_truncated_content_with_matching_length_and_crc_is_refused_or_shorter(pdu: Pdu) -> None:
    """Every cut of the data field, made consistent again, is a typed refusal or another PDU."""
    field = pdu.pack()[12:-2]
    for length in range(len(field)):
        raw = sealed(pdu.pack()[:12], field[:length])
        assert outcome(raw) != pdu


@pytest.mark.parametrize("pdu", EXAMPLES, ids=IDS)
def test_every_flipped_bit_is_refused(pdu: Pdu) -> None:
    raw = bytearray(pdu.pack())
    for bit in range(8 * len(raw)):
        raw[bit // 8] ^= 0x80 >> bit % 8
        with pytest.raises(CfdpError):
            parse(bytes(raw))
        raw[bit // 8] ^= 0x80 >> bit % 8


def test_bursts_up_to_sixteen_bits_are_refused() -> None:
    draw = random.Random(5)
    trials = 4000
    for _ in range(trials):
        raw = bytearray(EXAMPLES[1].pack())
        start = draw.randrange(8 * len(raw) - 16)
        burst = draw.getrandbits(14) << 1 | 0x8001
        number = int.from_bytes(raw, "big") ^ burst << (8 * len(raw) - 16 - start)
        with pytest.raises(CfdpError):
            parse(number.to_bytes(len(raw), "big"))


def test_without_the_crc_flag_one_flipped_bit_changes_file_data() -> None:
    """The damage that `require_crc` prevents: the flag itself is one bit."""
    pdu = FileData(HEADER, 0, b"data")
    raw = bytearray(pdu.pack())
    raw[0] ^= 0x02
    damaged = parse(bytes(raw), require_crc=False)
    assert isinstance(damaged, FileData)
    assert damaged.data != pdu.data
    with pytest.raises(CfdpError) as refusal:
        parse(bytes(raw))
    assert refusal.value.reason is Reason.CRC_ABSENT


@settings(max_examples=500)
@given(st.binary(max_size=200), st.booleans())
def test_random_octets_raise_only_typed_errors(raw: bytes, require_crc: bool) -> None:
    assert outcome(raw, require_crc) is not None
    assert issubclass(CfdpError, ValueError)


def sealed(header: bytes, field: bytes) -> bytes:
    """A PDU with matching length and CRC around `field`."""
    raw = header[:1] + struct.pack(">H", len(field) + 2) + header[3:12] + field
    return raw + crc16(raw).to_bytes(2, "big")


def test_mutated_pdus_with_valid_crc_raise_only_typed_errors() -> None:
    draw = random.Random(11)
    trials, accepted = 20_000, 0
    for _ in range(trials):
        raw = bytearray(draw.choice(EXAMPLES).pack()[:-2])
        for _ in range(draw.randrange(1, 5)):
            raw[draw.randrange(len(raw))] = draw.randrange(256)
        field = bytes(raw[12:])[: draw.randrange(len(raw) - 11)] + draw.randbytes(draw.randrange(9))
        try:
            pdu = parse(sealed(bytes(raw), field))
        except CfdpError:
            continue
        accepted += 1
        assert parse(pdu.pack()) == pdu
    assert 0 < accepted < trials, f"{accepted} of {trials} mutated PDUs accepted"


@pytest.mark.parametrize(
    ("octet", "value", "reason"),
    [
        (0, 0x02, Reason.VERSION),
        (0, 0x2A, Reason.DIRECTION),
        (3, 0x23, Reason.LENGTH),
        (12, 0x0A, Reason.DIRECTIVE),
        (12, 0x0D, Reason.DIRECTIVE),
        (13, 0xC0, Reason.CODE),
    ],
)
def test_reason_of_refusal(octet: int, value: int, reason: Reason) -> None:
    raw = bytearray(EXAMPLES[2].pack())
    raw[octet] = value
    with pytest.raises(CfdpError) as refusal:
        parse(sealed(bytes(raw), bytes(raw[12:-2])))
    assert refusal.value.reason is reason


@pytest.mark.parametrize("pdu", EXAMPLES, ids=IDS)
def test_answers_and_prompts_belong_to_class_2(pdu: Pdu) -> None:
    raw = bytearray(pdu.pack())
    raw[0] |= 0x04
    result = outcome(sealed(bytes(raw), bytes(raw[12:-2])))
    refused = isinstance(pdu, Ack | Nak | Prompt | KeepAlive)
    assert (result is Reason.MODE) is refused


def test_segment_metadata_is_refused() -> None:
    raw = bytearray(EXAMPLES[1].pack())
    raw[3] |= 0x08
    with pytest.raises(CfdpError) as refusal:
        parse(sealed(bytes(raw), bytes(raw[12:-2])))
    assert refusal.value.reason is Reason.SEGMENT_METADATA
