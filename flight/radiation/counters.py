"""Words in three copies: voted when they are read, mended by the one process that writes them.

The protection of memory must not hang on words that are hit themselves. Every word has a single
writer, so that copies need no lock: a reader that comes in between sees two of three old, or new.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


class Words:
    """An array of 64-bit words, three times. The copies should lie far apart."""

    def __init__(self, copies: Sequence[memoryview], *, writer: bool) -> None:
        """Take three writable buffers of equal size, a multiple of 8. Raises ValueError."""
        sizes = {len(copy) for copy in copies}
        if len(copies) != 3 or len(sizes) != 1 or next(iter(sizes)) % 8:
            raise ValueError(f"copies of {[len(copy) for copy in copies]} octets: three alike")
        self._a, self._b, self._c = (copy.cast("B").cast("Q") for copy in copies)
        self._arrays = [np.frombuffer(copy, np.uint64) for copy in copies]
        self._writer = writer
        self.mended = 0  # words of which one copy differed

    def __len__(self) -> int:
        return len(self._a)

    def read(self, index: int) -> int:
        """Bitwise majority of a word; its writer mends the odd copy."""
        a, b, c = self._a[index], self._b[index], self._c[index]
        if a == b == c:
            return a
        voted = (a & b) | (b & c) | (a & c)
        if self._writer:
            self.write(index, voted)
            self.mended += 1
        return voted

    def write(self, index: int, value: int) -> None:
        """Set all copies of a word."""
        self._a[index] = self._b[index] = self._c[index] = value

    def add(self, index: int, count: int) -> None:
        """Count up. Raises ValueError for a negative count: counters are monotonic."""
        if count < 0:
            raise ValueError(f"count = {count}: negative")
        if count:
            self.write(index, self.read(index) + count)

    def voted(self) -> npt.NDArray[np.uint64]:
        """All words, as a copy."""
        a, b, c = self._arrays
        return np.asarray((a & b) | (b & c) | (a & c))

    def odd(self) -> npt.NDArray[np.int64]:
        """Words of which the copies differ."""
        a, b, c = self._arrays
        return np.flatnonzero((a ^ b) | (a ^ c))

    def mend(self) -> int:
        """Bring all copies into line; return the number of words that needed it.

        For the writer, or for who knows that the writer is not writing.
        """
        odd = self.odd()
        voted = self.voted()[odd]
        for copy in self._arrays:
            copy[odd] = voted
        self.mended += len(odd)
        return len(odd)

    def clear(self) -> None:
        """Set all words to zero."""
        for copy in self._arrays:
            copy[:] = 0
