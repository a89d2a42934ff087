"""Synchronisation and coding of telemetry frames: sync marker, randomiser, interleaved code words.

On the way out: frame, Reed-Solomon parity, randomiser, sync marker (CCSDS 131.0-B-5, 4.3.8 and 9).
"""

from __future__ import annotations

from collections import Counter

from flight.link.coding.randomiser import TELEMETRY
from flight.link.coding.reed_solomon import (
    CORRECTABLE,
    INFORMATION,
    PARITY,
    Uncorrectable,
    correct,
    parity,
)

ASM = b"\x1a\xcf\xfc\x1d"
DEPTHS = (1, 2, 3, 4, 5, 8)
MARKER_ERRORS = 2  # bits of a sync marker that may be wrong
REREAD = 4  # octets that may be read again for each that comes
_ASM_WORD = int.from_bytes(ASM, "big")


class Shape:
    """Frames of ``size`` octets in ``interleave`` code words, shortened where they are not full."""

    def __init__(self, size: int, interleave: int, randomised: bool) -> None:
        """Raises ValueError for frames that no such code block holds."""
        if interleave not in DEPTHS:
            raise ValueError(f"interleaving depth {interleave} is none of {DEPTHS}")
        if size % interleave or not 0 < size <= INFORMATION * interleave:
            whole = f"a multiple of {interleave} up to {INFORMATION * interleave}"
            raise ValueError(f"frames of {size} octets do not fit the code block: {whole}")
        self.size, self.interleave, self.randomised = size, interleave, randomised
        self.coded = size + PARITY * interleave


class CodeblockEncoder:
    """Frames into what the transmitter sends."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape

    def encode(self, frame: bytes) -> bytes:
        """Sync marker and code block. Raises ValueError when the frame has another length."""
        shape = self._shape
        if len(frame) != shape.size:
            raise ValueError(f"frame of {len(frame)} octets, not {shape.size}")
        check = bytearray(PARITY * shape.interleave)
        for row in range(shape.interleave):
            check[row :: shape.interleave] = parity(frame[row :: shape.interleave])
        block = frame + check
        return ASM + (TELEMETRY.apply(block) if shape.randomised else block)


class CodeblockDecoder:
    """Frames out of a stream of octets, in whatever pieces it comes.

    Right behind a good code block the next is tried whatever its marker looks like: a burst that
    spoils a marker need not cost a frame. Behind one that could not be corrected the marker is
    looked for anew, an octet on, for it may have been none: a good frame behind garbage is not
    lost. Octets that are read again for that are at most REREAD times those that came. At most a
    code block is kept.

    ``counters``: frames, corrected (octets), uncorrectable (code blocks), garbage (octets).
    """

    def __init__(self, shape: Shape) -> None:
        self.counters: Counter[str] = Counter()
        self._shape = shape
        self._buffer = b""
        self._whole = len(ASM) + shape.coded
        self._locked = False  # the next code block begins where the one before ended
        self._spare = REREAD * self._whole  # octets that may be read again

    def feed(self, octets: bytes) -> list[bytes]:
        """Frames completed by some octets. Never raises."""
        self._buffer += octets
        self._spare = min(self._spare, REREAD * self._whole) + REREAD * len(octets)
        frames: list[bytes] = []
        at = self._synchronise(0)
        while at + self._whole <= len(self._buffer):
            frame, corrected = self._decode(self._buffer[at + len(ASM) : at + self._whole])
            self._locked = bool(frame)
            if frame:
                frames.append(frame)
                at = self._behind(at + self._whole, corrected)
            else:
                at += self._failed(at)
            at = self._synchronise(at)
        self._buffer = self._buffer[at:]
        return frames

    def _decode(self, block: bytes) -> tuple[bytes, int]:
        """Frame, empty when it is beyond repair, and octets corrected in the code block."""
        shape = self._shape
        if shape.randomised:
            block = TELEMETRY.apply(block)
        frame = bytearray(shape.size)
        corrected = 0
        for row in range(shape.interleave):
            try:
                data, count = correct(block[row :: shape.interleave])
            except Uncorrectable:
                return b"", 0
            frame[row :: shape.interleave] = data
            corrected += count
        self.counters["frames"] += 1
        self.counters["corrected"] += corrected
        return bytes(frame), corrected

    def _behind(self, end: int, corrected: int) -> int:
        """Where the code block behind a good one begins, which may have been cut short: octets of
        the next then stood in for those that lacked, and were corrected."""
        if corrected and not self._marked(end):
            reach = CORRECTABLE * self._shape.interleave
            found = self._buffer.find(ASM, max(0, end - reach), end + len(ASM) - 1)
            return end if found < 0 else found
        return end

    def _failed(self, at: int) -> int:
        """Octets to drop of what was no good code block."""
        self.counters["uncorrectable"] += self._marked(at)
        dropped = 1 if self._spare >= self._whole else self._whole
        self._spare -= self._whole if dropped == 1 else 0
        self.counters["garbage"] += dropped
        return dropped

    def _synchronise(self, at: int) -> int:
        """Where the next code block may begin, with its marker; what may be half a marker stays."""
        if self._locked:
            return at
        end = len(self._buffer) - len(ASM) + 1
        start = at
        while start < end and not self._marked(start):
            start += 1
        self.counters["garbage"] += start - at
        return start

    def _marked(self, at: int) -> bool:
        word = int.from_bytes(self._buffer[at : at + len(ASM)], "big")
        return (word ^ _ASM_WORD).bit_count() <= MARKER_ERRORS
