"""Synchronisation and coding of telemetry frames: sync marker, randomiser, interleaved code words.

On the way out: frame, Reed-Solomon parity, randomiser, sync marker (CCSDS 131.0-B-5, 4.3.8 and 9).
"""

from __future__ import annotations

from collections import Counter

from flight.link.coding.randomiser import TELEMETRY
from flight.link.coding.reed_solomon import INFORMATION, PARITY, Uncorrectable, correct, parity

ASM = b"\x1a\xcf\xfc\x1d"
DEPTHS = (1, 2, 3, 4, 5, 8)
MARKER_ERRORS = 2  # bits of a sync marker that may be wrong
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

    Behind a code block that could not be corrected the marker is looked for anew, one octet on: it
    may have been no marker. So a good frame behind garbage is never lost. At most a code block is
    kept.

    ``counters``: frames, corrected (octets), uncorrectable (code blocks), garbage (octets).
    """

    def __init__(self, shape: Shape) -> None:
        self.counters: Counter[str] = Counter()
        self._shape = shape
        self._buffer = b""

    def feed(self, octets: bytes) -> list[bytes]:
        """Frames completed by some octets. Never raises."""
        self._buffer += octets
        frames: list[bytes] = []
        while self._synchronise() and len(self._buffer) >= len(ASM) + self._shape.coded:
            frame = self._decode(self._buffer[len(ASM) : len(ASM) + self._shape.coded])
            if frame is None:
                self.counters["uncorrectable"] += 1
                self._drop(1)
            else:
                frames.append(frame)
                self._buffer = self._buffer[len(ASM) + self._shape.coded :]
        return frames

    def _decode(self, block: bytes) -> bytes | None:
        shape = self._shape
        if shape.randomised:
            block = TELEMETRY.apply(block)
        frame = bytearray(shape.size)
        corrected = 0
        for row in range(shape.interleave):
            try:
                data, count = correct(block[row :: shape.interleave])
            except Uncorrectable:
                return None
            frame[row :: shape.interleave] = data
            corrected += count
        self.counters["frames"] += 1
        self.counters["corrected"] += corrected
        return bytes(frame)

    def _synchronise(self) -> bool:
        """Drop what comes before a sync marker; False when there is none yet."""
        while len(self._buffer) >= len(ASM):
            word = int.from_bytes(self._buffer[: len(ASM)], "big")
            if (word ^ _ASM_WORD).bit_count() <= MARKER_ERRORS:
                return True
            found = self._buffer.find(ASM, 1)
            near = self._near(found if found >= 0 else len(self._buffer) - len(ASM) + 1)
            self._drop(near)
        return False

    def _near(self, end: int) -> int:
        """Offset of the first marker with few errors before ``end``, or ``end``."""
        for start in range(1, end):
            word = int.from_bytes(self._buffer[start : start + len(ASM)], "big")
            if (word ^ _ASM_WORD).bit_count() <= MARKER_ERRORS:
                return start
        return end

    def _drop(self, octets: int) -> None:
        self.counters["garbage"] += octets
        self._buffer = self._buffer[octets:]
