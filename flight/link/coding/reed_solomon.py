"""Reed-Solomon (255,223) of telemetry links, in the dual basis (CCSDS 131.0-B-5, section 4).

The encoder is a shift register of 32 octets held in one integer. A code word whose parity computes
to itself is clean, and only others see the decoder: Berlekamp-Massey, Chien and Forney. A
polynomial is evaluated at all points at once, as a sum of rows of powers.
"""

from __future__ import annotations

from itertools import zip_longest

from flight.link.coding.galois import EXP, FROM_DUAL, TO_DUAL, combine, divide, multiply

PARITY = 32
INFORMATION = 223
CODE_WORD = 255
CORRECTABLE = PARITY // 2  # octets of a code word
_FIRST, _STEP = 112, 11  # the generator's roots are alpha^(11 j) for j = 112 to 143
_REGISTER = (1 << 8 * PARITY) - 1
_TOP = 8 * (PARITY - 1)


class Uncorrectable(ValueError):
    """More octets of a code word are wrong than can be corrected."""


def _generator() -> list[int]:
    """Coefficients, highest power first."""
    found = [1]
    for root in range(_FIRST, _FIRST + PARITY):
        factor = EXP[_STEP * root % 255]
        found = [a ^ multiply(b, factor) for a, b in zip([*found, 0], [0, *found], strict=True)]
    return found


def _feedback() -> list[int]:
    tail = _generator()[1:]
    return [
        int.from_bytes(bytes(multiply(value, each) for each in tail), "big") for value in range(256)
    ]


_FEEDBACK = _feedback()

# Row k: the k-th powers of the generator's roots, of which the first is the one of syndrome 0.
_ROOTS = [
    bytes(EXP[_STEP * (_FIRST + root) * power % 255] for root in range(PARITY))
    for power in range(PARITY)
]
# Row k: the k-th powers of what the locator is zero at, for an error in each power of x.
_PLACES = [
    bytes(EXP[-_STEP * place * power % 255] for place in range(CODE_WORD))
    for power in range(CORRECTABLE + 1)
]


def _remainder(symbols: bytes | bytearray) -> int:
    """Parity as the register holds it, in the conventional basis."""
    register = 0
    for symbol in symbols:
        register = (register << 8 & _REGISTER) ^ _FEEDBACK[symbol ^ register >> _TOP]
    return register


def parity(data: bytes) -> bytes:
    """Parity, 32 octets, of at most 223 octets; fewer stand behind virtual fill of zeros."""
    return _remainder(data.translate(FROM_DUAL)).to_bytes(PARITY, "big").translate(TO_DUAL)


def correct(word: bytes) -> tuple[bytes, int]:
    """Information of a code word, shortened or not, and the octets corrected in all of it.

    Raises Uncorrectable. More than 16 wrong octets may be one code word's 16 of another (the
    chance is 1 in 16!): the FECF of the frame is there for that.
    """
    symbols = word.translate(FROM_DUAL)
    difference = _remainder(symbols[:-PARITY]) ^ int.from_bytes(symbols[-PARITY:], "big")
    if not difference:
        return word[:-PARITY], 0
    # What the word leaves when divided by the generator has the syndromes of the word itself.
    syndromes = list(combine(list(difference.to_bytes(PARITY, "little")), _ROOTS))
    locator = _locate(syndromes)
    errors = _search(locator, len(symbols))
    repaired = bytearray(symbols)
    for place, magnitude in _magnitudes(syndromes, locator, errors):
        repaired[-1 - place] ^= magnitude
    if _remainder(repaired[:-PARITY]) != int.from_bytes(repaired[-PARITY:], "big"):
        raise Uncorrectable("the correction is no code word")
    return bytes(repaired[:-PARITY]).translate(TO_DUAL), len(errors)


def _locate(syndromes: list[int]) -> list[int]:
    """Error locator by Berlekamp-Massey, lowest power first. Raises Uncorrectable."""
    locator, previous = [1], [1]
    length, gap, last = 0, 1, 1
    for index, syndrome in enumerate(syndromes):
        discrepancy = syndrome
        for power in range(1, min(length, len(locator) - 1) + 1):
            discrepancy ^= multiply(locator[power], syndromes[index - power])
        if not discrepancy:
            gap += 1
            continue
        scale = divide(discrepancy, last)
        shifted = [0] * gap + [multiply(scale, each) for each in previous]
        updated = [a ^ b for a, b in zip_longest(locator, shifted, fillvalue=0)]
        if 2 * length <= index:
            previous, length, last, gap = locator, index + 1 - length, discrepancy, 1
        else:
            gap += 1
        locator = updated
    while len(locator) > 1 and not locator[-1]:
        locator.pop()
    if len(locator) - 1 != length or length > CORRECTABLE:
        raise Uncorrectable(f"{length} octets or more")
    return locator


def _search(locator: list[int], count: int) -> list[int]:
    """Places in error, counted from the last symbol. Raises Uncorrectable."""
    values = combine(locator, _PLACES)[:count]
    found = [place for place, value in enumerate(values) if not value]
    if len(found) != len(locator) - 1:
        raise Uncorrectable("errors in the virtual fill, or too many")
    return found


def _magnitudes(
    syndromes: list[int], locator: list[int], errors: list[int]
) -> list[tuple[int, int]]:
    """(place, error) by Forney's formula."""
    evaluator = [0] * len(errors)
    for i, syndrome in enumerate(syndromes[: len(errors)]):
        for j, coefficient in enumerate(locator[: len(errors) - i]):
            evaluator[i + j] ^= multiply(syndrome, coefficient)
    tops = combine(evaluator, _PLACES)
    # The derivative's terms are the locator's odd ones, a power lower.
    bottoms = combine(locator[1::2], _PLACES[::2])
    found = []
    for place in errors:
        # The first root is alpha^(11 * 112): X to the power of 1 - 112.
        scale = EXP[_STEP * place * (1 - _FIRST) % 255]
        found.append((place, multiply(divide(tops[place], bottoms[place]), scale)))
    return found
