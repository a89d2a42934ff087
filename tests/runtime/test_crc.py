"""CRC-32C against a bit-serial one, and the buffers it takes."""

from __future__ import annotations

import mmap
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight.runtime.crc import accelerated, crc32c, extend, joined


def bitwise(data: bytes) -> int:
    """CRC-32C from its definition: polynomial 0x1EDC6F41, reflected."""
    crc = 0xFFFFFFFF
    for octet in data:
        crc ^= octet
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def test_check_value() -> None:
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(b"") == 0


def test_the_extension_is_loaded() -> None:
    assert accelerated()


@given(st.binary(max_size=200), st.integers(0, 200))
def test_equals_the_definition_whole_and_in_two_pieces(data: bytes, cut: int) -> None:
    assert crc32c(data) == bitwise(data)
    assert extend(crc32c(data[:cut]), memoryview(data)[cut:]) == bitwise(data)


@given(st.lists(st.binary(max_size=70), max_size=6))
def test_of_parts_joined_is_that_of_the_whole(parts: list[bytes]) -> None:
    crc = 0
    for part in parts:
        crc = joined(crc, crc32c(part), len(part))
    assert crc == bitwise(b"".join(parts))


def test_every_contiguous_buffer() -> None:
    mapped = mmap.mmap(-1, 16)
    mapped[:] = bytes(range(16))
    writable = bytearray(range(16))
    for buffer in (
        writable,
        mapped,
        memoryview(writable),
        memoryview(bytes(writable)),
        np.frombuffer(writable, np.uint8),
        np.frombuffer(writable, np.uint8).reshape(4, 4),
        np.frombuffer(writable, np.float32),
        memoryview(np.frombuffer(writable, np.int16).reshape(2, 4)),
    ):
        assert crc32c(buffer) == crc32c(bytes(range(16))), type(buffer)
    assert crc32c(memoryview(writable)[3:7]) == crc32c(bytes(writable)[3:7])
    assert crc32c(bytearray()) == crc32c(np.zeros(0)) == 0


def test_no_hold_on_the_buffer_is_left() -> None:
    writable = bytearray(16)
    crc32c(writable)
    writable.append(0)  # raises BufferError while anything still exports it


@pytest.mark.parametrize(
    "strided", [np.zeros((4, 4))[:, ::2], np.asfortranarray(np.eye(3)), memoryview(b"abcd")[::2]]
)
def test_strided_buffers_are_refused_rather_than_copied(strided: memoryview) -> None:
    with pytest.raises((BufferError, ValueError)):
        crc32c(strided)


@pytest.mark.parametrize("wrap", [bytes, bytearray, memoryview, np.frombuffer])
def test_a_large_buffer_is_not_copied(wrap: Callable[[bytes], Any]) -> None:
    buffer = wrap(bytes(1 << 24))
    crc32c(buffer)
    tracemalloc.start()
    crc32c(buffer)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 16, f"{peak} octets allocated for a buffer of {1 << 24}"
