"""The code that ours is measured against is a real one: it tells every single flip of a word."""

from __future__ import annotations

import numpy as np

from hil.measure.hsiao import Hsiao, columns


def test_the_word_code_tells_every_single_flip_and_sees_every_double() -> None:
    words = np.random.default_rng(1).integers(0, 2**63, 40_000, np.uint64)
    checks, syndromes = np.zeros((2, len(words)), np.uint8)
    code = Hsiao()
    code.encode(words, checks)
    assert code.syndromes(words, checks, syndromes)
    pairs = [(one, other) for one in range(64) for other in range(one)]
    for index, (one, other) in enumerate(pairs):
        words[index] ^= np.uint64(1 << one)
        words[5000 + index] ^= np.uint64(1 << one | 1 << other)
    assert not code.syndromes(words, checks, syndromes)
    single = syndromes[: len(pairs)].tolist()
    assert single == [columns()[one] for one, _ in pairs]
    double = set(syndromes[5000 : 5000 + len(pairs)].tolist())
    assert 0 not in double
    assert not double & {*columns(), *(1 << check for check in range(8))}
    assert not syndromes[len(pairs) : 5000].any()
