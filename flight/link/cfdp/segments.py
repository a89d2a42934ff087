"""A set of octets of a file, kept as sorted disjoint half-open ranges."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator

Range = tuple[int, int]


class Segments:
    """Ranges [start, end) in octets; touching ranges are joined.

    Each operation costs O(log n + k) comparisons for the k ranges it touches.
    """

    __slots__ = ("_ends", "_starts", "total")

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        self.total = 0

    def __len__(self) -> int:
        return len(self._starts)

    def __iter__(self) -> Iterator[Range]:
        return zip(self._starts, self._ends, strict=True)

    def add(self, start: int, end: int) -> list[Range]:
        """Add a range and return the parts of it that were absent."""
        if start >= end:
            return []
        starts, ends = self._starts, self._ends
        if not starts or start > ends[-1]:
            starts.append(start)
            ends.append(end)
            self.total += end - start
            return [(start, end)]
        if start == ends[-1]:
            ends[-1] = end
            self.total += end - start
            return [(start, end)]
        fresh = self.gaps(start, end)
        first = bisect_left(ends, start)
        last = bisect_right(starts, end)
        if first < last:
            start = min(start, starts[first])
            end = max(end, ends[last - 1])
        starts[first:last] = [start]
        ends[first:last] = [end]
        self.total += sum(stop - begin for begin, stop in fresh)
        return fresh

    def remove(self, start: int, end: int) -> list[Range]:
        """Remove a range and return the parts of it that were present."""
        starts, ends = self._starts, self._ends
        if start >= end or not ends or start >= ends[-1]:
            return []
        first = bisect_right(ends, start)
        last = bisect_left(starts, end)
        if first >= last:
            return []
        gone = [
            (max(start, begin), min(end, stop))
            for begin, stop in zip(starts[first:last], ends[first:last], strict=True)
        ]
        kept = [(starts[first], start), (end, ends[last - 1])]
        kept = [(begin, stop) for begin, stop in kept if begin < stop]
        starts[first:last] = [begin for begin, _ in kept]
        ends[first:last] = [stop for _, stop in kept]
        self.total -= sum(stop - begin for begin, stop in gone)
        return gone

    def gaps(self, start: int, end: int) -> list[Range]:
        """Parts of [start, end) that are absent."""
        starts, ends = self._starts, self._ends
        absent: list[Range] = []
        index = bisect_right(ends, start)
        while start < end and index < len(starts) and starts[index] < end:
            if starts[index] > start:
                absent.append((start, starts[index]))
            start = ends[index]
            index += 1
        if start < end:
            absent.append((start, end))
        return absent

    def within(self, start: int, end: int) -> list[Range]:
        """Parts of [start, end) that are present."""
        first = bisect_right(self._ends, start)
        last = bisect_left(self._starts, end)
        touched = zip(self._starts[first:last], self._ends[first:last], strict=True)
        return [(max(start, begin), min(end, stop)) for begin, stop in touched]

    def take(self, count: int) -> list[Range]:
        """Remove and return the lowest `count` ranges."""
        taken = list(zip(self._starts[:count], self._ends[:count], strict=True))
        del self._starts[:count], self._ends[:count]
        self.total -= sum(end - start for start, end in taken)
        return taken

    def first(self) -> Range | None:
        """The lowest range."""
        return (self._starts[0], self._ends[0]) if self._starts else None

    def complete(self, size: int) -> bool:
        """Whether all octets of a file of `size` octets are present."""
        return not self.gaps(0, size)
