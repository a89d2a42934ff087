"""CRC-16: the right one of its many namesakes, equal to two other implementations, and fast."""

from __future__ import annotations

import binascii
import importlib

import fastcrc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight.link import fecf


def test_check_value() -> None:
    assert fecf.crc16(b"123456789") == 0x29B1
    assert fecf.crc16(b"") == 0xFFFF


@given(st.binary(max_size=2100))
def test_equals_two_other_implementations(data: bytes) -> None:
    assert fecf.crc16(data) == binascii.crc_hqx(data, 0xFFFF) == fastcrc.crc16.ibm_3740(data)


@given(st.binary(min_size=1, max_size=300))
def test_append_makes_intact(data: bytes) -> None:
    frame = fecf.append(data)
    assert frame[:-2] == data
    assert fecf.intact(frame)


@given(st.binary(min_size=1, max_size=60), st.data())
def test_any_burst_of_up_to_16_bits_is_seen(data: bytes, draw: st.DataObject) -> None:
    frame = fecf.append(data)
    burst = draw.draw(st.integers(1, 0xFFFF))
    shift = draw.draw(st.integers(0, 8 * len(frame) - burst.bit_length()))
    damaged = int.from_bytes(frame, "big") ^ burst << shift
    assert not fecf.intact(damaged.to_bytes(len(frame), "big"))


@pytest.mark.parametrize("data", [b"", b"\0", b"\xff\xff"])
def test_what_has_no_room_for_a_crc_is_not_intact(data: bytes) -> None:
    assert not fecf.intact(data)


def test_acceleration_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fecf.accelerated()
    fecf.require_acceleration(allow_slow=False)
    monkeypatch.setattr(importlib.import_module("crcmod.crcmod"), "_usingExtension", False)
    assert not fecf.accelerated()
    fecf.require_acceleration(allow_slow=True)
    with pytest.raises(RuntimeError, match="crcmod has no C extension") as caught:
        fecf.require_acceleration(allow_slow=False)
    assert "\n" not in str(caught.value)
