"""Errors that no CRC finds: SHA-256 keeps every wrong octet out of a delivered file."""

from __future__ import annotations

import random

from flight.link.cfdp import crc32c
from hil.measure.collisions import campaign, neutral


def test_the_collision_is_one() -> None:
    draw = random.Random(3)
    for _ in range(200):
        data = bytearray(draw.randbytes(draw.randrange(24, 300)))
        before = bytes(data)
        neutral(data, 16, draw)
        assert bytes(data) != before
        assert data[:16] == before[:16]
        assert crc32c(bytes(data)) == crc32c(before)


def test_no_wrong_file_is_delivered() -> None:
    tally = campaign(100, seed=1)
    assert (tally.right, tally.wrong) == (100, 0)
    assert tally.collisions > 10
    assert tally.transactions > 100


def test_without_the_digest_wrong_files_are_delivered() -> None:
    """The damage that SHA-256 prevents."""
    tally = campaign(100, seed=1, sha256=False)
    assert tally.wrong > 5
