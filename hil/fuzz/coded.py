"""Streams of channel coding: after whatever came, the next good frame is there."""

from __future__ import annotations

import random
from collections.abc import Sequence

from flight.link.coding.cltu import CltuDecoder, encode_cltu
from flight.link.coding.codeblock import CodeblockDecoder, CodeblockEncoder, Shape
from flight.link.tc import TcFrame
from hil.fuzz.frames import SPACECRAFT, sealed_tc, tc_samples
from hil.fuzz.subject import Harmed

_SHAPE = Shape(64, 2, True)
_LARGEST_UNIT = 2 + 8 * 147 + 8  # octets


class Units:
    """CLTUs in a stream."""

    def __init__(self, randomised: bool) -> None:
        self._randomised = randomised
        self._decoder = CltuDecoder(randomised)
        self.samples: Sequence[bytes] = [encode_cltu(raw, randomised) for raw in tc_samples()]
        self._count = 0

    def seal(self, raw: bytes) -> bytes:
        """The octets as a good frame in a unit."""
        return encode_cltu(sealed_tc(raw)[:1024], self._randomised)

    def take(self, raw: bytes) -> bool:
        """The next octets of the stream."""
        return bool(self._decoder.feed(raw))

    def settle(self) -> None:
        """A good frame comes out: with its unit, or with what comes behind it."""
        self._count += 1
        frame = TcFrame(SPACECRAFT, 0, self._count % 256, random.Random(self._count).randbytes(30))
        raw = frame.pack()
        found = self._decoder.feed(encode_cltu(raw, self._randomised))
        found += self._decoder.feed(bytes(_LARGEST_UNIT))
        if raw not in found:
            raise Harmed("the frame behind is lost")
        if len(self._decoder._buffer) > _LARGEST_UNIT:
            raise Harmed("more than a unit is kept")


def cltu() -> Units:
    """CLTUs."""
    return Units(randomised=False)


def cltu_randomised() -> Units:
    """CLTUs, randomised."""
    return Units(randomised=True)


class Blocks:
    """Reed-Solomon code blocks in a stream."""

    def __init__(self) -> None:
        self._encoder, self._decoder = CodeblockEncoder(_SHAPE), CodeblockDecoder(_SHAPE)
        source = random.Random(1)
        self.samples: Sequence[bytes] = [
            self._encoder.encode(source.randbytes(_SHAPE.size)) for _ in range(4)
        ]
        self._count = 0

    def seal(self, raw: bytes) -> bytes:
        """The octets as a good code block."""
        return self._encoder.encode(raw[: _SHAPE.size].ljust(_SHAPE.size, b"\0"))

    def take(self, raw: bytes) -> bool:
        """The next octets of the stream."""
        return bool(self._decoder.feed(raw))

    def settle(self) -> None:
        """A good frame comes out: with its code block, or with what comes behind it."""
        self._count += 1
        frame = random.Random(self._count).randbytes(_SHAPE.size)
        coded = self._encoder.encode(frame)
        found = self._decoder.feed(coded) + self._decoder.feed(bytes(len(coded)))
        if frame not in found:
            raise Harmed("the frame behind is lost")
        if len(self._decoder._buffer) > len(coded):
            raise Harmed("more than a code block is kept")


def code_block() -> Blocks:
    """Code blocks of two code words."""
    return Blocks()
