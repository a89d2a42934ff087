"""Communications link transmission units: what a telecommand frame is sent as (231.0-B-4, 4)."""

from __future__ import annotations

import re
from collections import Counter

from flight.link import fecf
from flight.link.coding import bch
from flight.link.coding.randomiser import TELECOMMAND
from flight.link.tc import MAX_SIZE

START = b"\xeb\x90"
TAIL = b"\xc5\xc5\xc5\xc5\xc5\xc5\xc5\x79"
REREAD = 4  # octets that may be read again for each that comes
_FILL = b"\x55"
_LONGEST = -(-MAX_SIZE // bch.INFORMATION) * bch.BLOCK  # octets of code blocks in a unit


def _start() -> re.Pattern[bytes]:
    """Start sequences with at most one wrong bit, as the decoder's correcting mode has it."""
    word = int.from_bytes(START, "big")
    words = [START, *((word ^ 1 << bit).to_bytes(2, "big") for bit in range(16))]
    return re.compile(b"|".join(map(re.escape, words)), re.DOTALL)


_START = _start()


def encode_cltu(frame: bytes, randomise: bool) -> bytes:
    """Start sequence, code blocks, tail sequence."""
    data = TELECOMMAND.apply(frame) if randomise else frame
    data += _FILL * (-len(data) % bch.INFORMATION)
    return START + bch.encode(data) + TAIL


class CltuDecoder:
    """Frames out of a stream of octets, in whatever pieces it comes; one frame in each unit.

    A unit begins at a start sequence, of which one bit may be wrong. Its frame is whole with the
    code block that the length in its header asks for; what fills that block is cut off, and a
    damaged tail costs nothing. Where no good frame came of a start, it may have been noise, so
    the next is looked for right behind it: a good frame behind garbage is not lost. Octets that
    are read again for that are at most REREAD times those that came, so that no stream of crafted
    starts costs much more than any other. At most one unit is kept.

    ``counters``: units, corrected (bits), garbage (octets outside units), truncated (units that
    an uncorrectable code block ends before their frame).
    """

    def __init__(self, randomised: bool) -> None:
        self.counters: Counter[str] = Counter()
        self._randomised = randomised
        self._buffer = b""
        self._spare = REREAD * _LONGEST  # octets that may be read again

    def feed(self, octets: bytes) -> list[bytes]:
        """Frames completed by some octets, those with a wrong FECF too. Never raises."""
        self._buffer += octets
        self._spare = min(self._spare, REREAD * _LONGEST) + REREAD * len(octets)
        frames: list[bytes] = []
        at = 0
        while (found := self._synchronise(at)) is not None:
            taken = self._take(found)
            if taken is None:
                at = found
                break
            at, frame = taken
            if frame:
                frames.append(frame)
        else:
            at = max(at, len(self._buffer) - 1)  # the first octet of a start sequence, perhaps
        self._buffer = self._buffer[at:]
        return frames

    def _synchronise(self, at: int) -> int | None:
        """Offset of the next start sequence, None when there is none."""
        # The tail of the unit before is no garbage.
        begin = at + len(TAIL) * self._buffer.startswith(TAIL, at)
        match = _START.search(self._buffer, begin)
        end = match.start() if match else len(self._buffer) - 1
        self.counters["garbage"] += max(0, end - begin)
        return match.start() if match else None

    def _take(self, at: int) -> tuple[int, bytes] | None:
        """Where to go on, and the frame of the unit at an offset, empty when it holds none.

        None when more octets are needed.
        """
        begin = at + len(START)
        head = self._buffer[begin : begin + bch.INFORMATION]
        if len(head) < bch.INFORMATION:
            return None
        blocks = self._blocks(head)
        data, corrected, ended = self._read(begin, blocks)
        if data and (told := self._blocks(data)) != blocks:  # a bit of the length was corrected
            blocks = told
            data, corrected, ended = self._read(begin, blocks)
        if data and len(data) == blocks * bch.INFORMATION:
            return self._cut(data, corrected, begin)
        if not ended:
            return None
        self.counters["truncated"] += 1
        return self._again(begin, len(data)), b""

    def _read(self, begin: int, blocks: int) -> tuple[bytes, int, bool]:
        return bch.decode(self._buffer[begin : begin + blocks * bch.BLOCK])

    def _cut(self, data: bytes, corrected: int, begin: int) -> tuple[int, bytes]:
        """Where to go on, and the frame in the information of a whole unit."""
        plain = TELECOMMAND.apply(data) if self._randomised else data
        frame = plain[: self._length(data)]
        self.counters["units"] += 1
        self.counters["corrected"] += corrected
        if not fecf.intact(frame):
            return self._again(begin, len(data)), frame
        end = begin + len(data) // bch.INFORMATION * bch.BLOCK
        if self._buffer.startswith(TAIL, end):
            return end, frame
        # The unit may have been cut short, and the next one's start have stood in for its end.
        whole, part = divmod(len(frame) - len(START), bch.INFORMATION)
        return begin + whole * bch.BLOCK + part, frame

    def _again(self, begin: int, read: int) -> int:
        """Where to go on after a unit that held no good frame."""
        read = read // bch.INFORMATION * bch.BLOCK
        if read > self._spare:
            return begin + read
        self._spare -= read
        return begin

    def _length(self, data: bytes) -> int:
        """Octets of the frame that begins with this code block's information."""
        head = data[: bch.INFORMATION]
        plain = TELECOMMAND.apply(head) if self._randomised else head
        return ((plain[2] & 3) << 8 | plain[3]) + 1

    def _blocks(self, data: bytes) -> int:
        """Code blocks of the frame that begins with this information."""
        return -(-self._length(data) // bch.INFORMATION)
