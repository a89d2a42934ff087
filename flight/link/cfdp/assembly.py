"""A received file under construction: where its octets go, and which of them are there."""

from __future__ import annotations

from flight.link.cfdp.filestore import Sink
from flight.link.cfdp.integrity import Verification
from flight.link.cfdp.segments import Range, Segments

HELD = 1 << 17
"""File octets kept in memory while the metadata is missing."""

RANGES = 1 << 16
"""Disjoint ranges of received octets that are kept track of, per transaction."""


class Assembly:
    """Octets go to the sink, or are held until there is one; the first to arrive win.

    `repeated` counts octets that arrived again, `unsaved` those that came since `save`.
    All that touches the sink raises `OSError`.
    """

    def __init__(self, segment: int) -> None:
        self.received = Segments()
        self.end = 0
        self.repeated = self.unsaved = 0
        self._most_held = -(-HELD // segment)
        self._sink: Sink | None = None
        self._held: list[tuple[int, bytes]] = []
        self._verification: Verification | None = None

    @property
    def opened(self) -> bool:
        """Whether there is a sink."""
        return self._sink is not None

    def open(self, sink: Sink) -> None:
        """Write to `sink` from now on, first what was held."""
        self._sink = sink
        for offset, data in self._held:
            sink.write(offset, data)
        self._held.clear()

    def claim(self, ranges: list[Range]) -> None:
        """Octets that an earlier life received."""
        for start, end in ranges:
            self.received.add(start, end)
            self.end = max(self.end, end)

    def overflows(self, start: int, end: int) -> bool:
        """Whether data exceeds a bound of memory; dropped, it is asked for later."""
        if self._sink is not None and len(self.received) < RANGES:
            return False
        if self._sink is None:
            return self.received.total + end - start > HELD or len(self._held) > self._most_held
        isolated = (start - 1, end + 1)
        return self.received.gaps(*isolated) == [isolated]

    def add(self, start: int, data: bytes) -> list[Range] | None:
        """Keep the octets of `data` that are new and return where; None if others contradict."""
        end = start + len(data)
        if start >= self.end < end:  # in order, as nearly all are
            self._place(start, data)
            self.end = end
            self.unsaved += len(data)
            return self.received.add(start, end)
        fresh = self.received.gaps(start, end)
        new = sum(stop - begin for begin, stop in fresh)
        if new < len(data):
            self.repeated += len(data) - new
            if not self._agrees(start, data):
                return None
        for begin, stop in fresh:
            piece = data if stop - begin == len(data) else data[begin - start : stop - start]
            self._place(begin, piece)
        self.received.add(start, end)
        self.end = max(self.end, end)
        self.unsaved += new
        return fresh

    def _place(self, offset: int, data: bytes) -> None:
        if self._sink is None:
            self._held.append((offset, data))
        else:
            self._sink.write(offset, data)

    def _agrees(self, start: int, data: bytes) -> bool:
        """Whether the octets of `data` that came before are the same."""
        for begin, stop in self.received.within(start, start + len(data)):
            if self._octets(begin, stop) != data[begin - start : stop - start]:
                return False
        return True

    def _octets(self, start: int, end: int) -> bytes:
        """Received octets, read back."""
        octets = bytearray(end - start)
        if self._sink is not None:
            position = start
            while position < end:
                block = self._sink.read(position, end - position)
                if not block:
                    raise OSError("storage lost octets that were written")
                octets[position - start : position - start + len(block)] = block
                position += len(block)
        for offset, data in self._held:
            begin, stop = max(start, offset), min(end, offset + len(data))
            if begin < stop:
                octets[begin - start : stop - start] = data[begin - offset : stop - offset]
        return bytes(octets)

    def verified(self, size: int, kind: int, checksum: int, digest: bytes) -> bool | None:
        """Verify a whole file, a step at each call; None until the answer is known."""
        assert self._sink is not None
        if self._verification is None:
            self._verification = Verification(self._sink, size, kind, checksum, digest)
        return self._verification.passed() if self._verification.step() else None

    def save(self) -> None:
        """Make durable what came so far."""
        if self._sink is not None and self.unsaved:
            self._sink.sync()
        self.unsaved = 0

    def commit(self) -> None:
        """Deliver the file."""
        assert self._sink is not None
        self._sink.commit()
        self._sink = None

    def discard(self) -> None:
        """Forget the file."""
        self._held.clear()
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.discard()
