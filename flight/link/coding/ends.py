"""Both ends of the coded link: what the radio hands over to frames, and frames to the radio."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from flight.link.coding.cltu import CltuDecoder, encode_cltu
from flight.link.coding.codeblock import CodeblockDecoder, CodeblockEncoder, Shape
from flight.link.coding.reed_solomon import INFORMATION

_WORD = re.compile(r"cltu(?P<random>-randomised)?|rs(?P<depth>[1-58])")


@dataclass(frozen=True, slots=True)
class Coding:
    """What is on: CLTUs up, randomised or not; Reed-Solomon down, ``depth`` code words, 0 is off.

    Code blocks are always randomised, as the standard asks where bit transitions are not sure.
    """

    cltu: bool = False
    randomised: bool = False
    depth: int = 0

    @classmethod
    def parse(cls, text: str) -> Coding:
        """From words: ``cltu`` or ``cltu-randomised``, ``rs1`` to ``rs5`` or ``rs8``; none is no
        coding. Raises ValueError."""
        found = cls()
        for word in text.split():
            match = _WORD.fullmatch(word)
            if match is None:
                known = "cltu, cltu-randomised, rs1 to rs5, rs8"
                raise ValueError(f"no coding {word!r}; known: {known}")
            if match["depth"]:
                found = cls(found.cltu, found.randomised, int(match["depth"]))
            else:
                found = cls(True, bool(match["random"]), found.depth)
        return found

    def fitting(self, size: int) -> int:
        """The longest frame, of ``size`` octets at most, that the code blocks hold."""
        if not self.depth:
            return size
        return min(size, INFORMATION * self.depth) // self.depth * self.depth


class NodeCoding:
    """The node's end: units up to frames, frames down to code blocks."""

    def __init__(self, coding: Coding, frame_size: int) -> None:
        """Raises ValueError for frames that no such code block holds."""
        self._up = CltuDecoder(coding.randomised) if coding.cltu else None
        self._down: CodeblockEncoder | None = None
        if coding.depth:
            self._down = CodeblockEncoder(Shape(frame_size, coding.depth, True))

    def received(self, datagram: bytes) -> list[bytes]:
        """Candidates for telecommand frames."""
        return [datagram] if self._up is None else self._up.feed(datagram)

    def sent(self, frame: bytes) -> bytes:
        """What is sent for a telemetry frame."""
        return frame if self._down is None else self._down.encode(frame)

    @property
    def counters(self) -> Counter[str]:
        """Those of the decoder."""
        return Counter() if self._up is None else self._up.counters


class GroundCoding:
    """The station's end: code blocks down to frames, frames up to units."""

    def __init__(self, coding: Coding, frame_size: int) -> None:
        """Raises ValueError for frames that no such code block holds."""
        self._coding = coding
        self._down: CodeblockDecoder | None = None
        if coding.depth:
            self._down = CodeblockDecoder(Shape(frame_size, coding.depth, True))

    def received(self, datagram: bytes) -> list[bytes]:
        """Telemetry frames."""
        return [datagram] if self._down is None else self._down.feed(datagram)

    def sent(self, frame: bytes) -> bytes:
        """What is sent for a telecommand frame."""
        return encode_cltu(frame, self._coding.randomised) if self._coding.cltu else frame

    @property
    def counters(self) -> Counter[str]:
        """Those of the decoder."""
        return Counter() if self._down is None else self._down.counters
