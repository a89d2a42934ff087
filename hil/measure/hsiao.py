"""The code that is compared: Hsiao (72,64), word by word, as one writes it first in NumPy."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
Checks = npt.NDArray[np.uint8]

_STEP = 1 << 15  # words at once: temporaries stay in the cache


def columns() -> list[int]:
    """Columns of H for 64 data bits: all 56 of weight three, then eight of weight five."""
    by_weight = [
        [sum(1 << check for check in checks) for checks in itertools.combinations(range(8), weight)]
        for weight in (3, 5)
    ]
    return by_weight[0] + by_weight[1][:8]


class Hsiao:
    """Eight check bits for each word: the parity of those of its bits that a mask selects."""

    def __init__(self) -> None:
        self._masks = [
            np.uint64(sum(1 << bit for bit, column in enumerate(columns()) if column >> check & 1))
            for check in range(8)
        ]
        self._selected = np.empty(_STEP, np.uint64)
        self._parity = np.empty(_STEP, np.uint8)

    def encode(self, words: Words, out: Checks) -> None:
        """Check bits of words [n] into ``out`` [n]."""
        for start in range(0, len(words), _STEP):
            part, checks = words[start : start + _STEP], out[start : start + _STEP]
            selected, parity = self._selected[: len(part)], self._parity[: len(part)]
            checks[:] = 0
            for check, mask in enumerate(self._masks):
                np.bitwise_and(part, mask, out=selected)
                np.bitwise_count(selected, out=parity)
                np.bitwise_and(parity, 1, out=parity)
                np.left_shift(parity, check, out=parity)
                np.bitwise_or(checks, parity, out=checks)

    def syndromes(self, words: Words, checks: Checks, out: Checks) -> bool:
        """Syndromes of words into ``out``; True when all are zero."""
        self.encode(words, out)
        np.bitwise_xor(out, checks, out=out)
        return not out.any()
