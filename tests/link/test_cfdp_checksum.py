"""File checksums against check values and an independent implementation."""

from __future__ import annotations

from pathlib import Path

import fastcrc
import pytest
from cfdppy.crc import calc_modular_checksum
from hypothesis import given
from hypothesis import strategies as st

from flight.link.cfdp.checksum import SUPPORTED, Checksum, accelerated, crc32c
from flight.link.cfdp.codes import ChecksumType

PIECES = st.lists(st.binary(max_size=50), max_size=12)


def running(kind: ChecksumType, pieces: list[bytes]) -> int:
    checksum = Checksum(kind)
    for piece in pieces:
        checksum.update(piece)
    return checksum.value()


def test_crc32c_is_accelerated() -> None:
    assert accelerated()


def test_check_values() -> None:
    assert crc32c(b"123456789") == 0xE3069283
    # Example of the standard's annex F: the sum of big-endian words.
    assert running(ChecksumType.MODULAR, [bytes(range(15))]) == 0x181C2015
    assert {kind.value for kind in ChecksumType} == SUPPORTED


@given(PIECES)
def test_crc32c_in_pieces(pieces: list[bytes]) -> None:
    assert running(ChecksumType.CRC_32C, pieces) == fastcrc.crc32.iscsi(b"".join(pieces))


@given(PIECES)
def test_modular_in_pieces(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    padded = whole + bytes(-len(whole) % 4)
    words = (int.from_bytes(padded[at : at + 4], "big") for at in range(0, len(padded), 4))
    assert running(ChecksumType.MODULAR, pieces) == sum(words) % 2**32


@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 4097])
def test_modular_against_peer(tmp_path: Path, size: int) -> None:
    data = bytes((7 * index) % 256 for index in range(size))
    (tmp_path / "file").write_bytes(data)
    expected = int.from_bytes(calc_modular_checksum(tmp_path / "file"), "big")
    assert running(ChecksumType.MODULAR, [data]) == expected


@given(PIECES)
def test_null_checksum_is_zero(pieces: list[bytes]) -> None:
    assert running(ChecksumType.NULL, pieces) == 0
