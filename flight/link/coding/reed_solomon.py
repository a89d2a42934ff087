"""Reed-Solomon (255,223) of telemetry links, in the dual basis (CCSDS 131.0-B-5, section 4).

The encoder is a shift register of 32 octets held in one integer. A code word whose parity computes
to itself is clean, and only others see the decoder: Berlekamp-Massey, Chien and Forney.
"""

from __future__ import annotations

from flight.link.coding.galois import EXP, FROM_DUAL, LOG, TO_DUAL, divide, multiply

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


def parity(data: bytes) -> bytes:
    """Parity, 32 octets, of at most 223 octets; fewer stand behind virtual fill of zeros."""
    register = 0
    for octet in data.translate(FROM_DUAL):
        register = (register << 8 & _REGISTER) ^ _FEEDBACK[octet ^ register >> _TOP]
    return register.to_bytes(PARITY, "big").translate(TO_DUAL)


def correct(word: bytes) -> tuple[bytes, int]:
    """Information of a code word, shortened or not, and the octets corrected in all of it.

    Raises Uncorrectable.
    """
    data, check = word[:-PARITY], word[-PARITY:]
    if parity(data) == check:
        return data, 0
    symbols = bytearray(word.translate(FROM_DUAL))
    syndromes = _syndromes(symbols)
    locator = _locate(syndromes)
    errors = _search(locator, len(symbols))
    for power, magnitude in _magnitudes(syndromes, locator, errors):
        symbols[len(symbols) - 1 - power] ^= magnitude
    repaired = bytes(symbols).translate(TO_DUAL)
    if parity(repaired[:-PARITY]) != repaired[-PARITY:]:
        raise Uncorrectable("the correction is no code word")
    return repaired[:-PARITY], len(errors)


def _syndromes(symbols: bytearray) -> list[int]:
    found = []
    for root in range(_FIRST, _FIRST + PARITY):
        power, value = _STEP * root % 255, 0
        for symbol in symbols:
            value = symbol ^ (EXP[LOG[value] + power] if value else 0)
        found.append(value)
    return found


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
        longer = max(len(locator), len(shifted))
        updated = [
            (locator[k] if k < len(locator) else 0) ^ (shifted[k] if k < len(shifted) else 0)
            for k in range(longer)
        ]
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
    """Powers of x, counted from the last symbol, that are in error. Raises Uncorrectable."""
    found = []
    for power in range(count):
        inverse = -_STEP * power % 255
        value = 0
        for coefficient in reversed(locator):
            value = coefficient ^ (EXP[LOG[value] + inverse] if value else 0)
        if not value:
            found.append(power)
    if len(found) != len(locator) - 1:
        raise Uncorrectable("errors in the virtual fill, or too many")
    return found


def _magnitudes(
    syndromes: list[int], locator: list[int], errors: list[int]
) -> list[tuple[int, int]]:
    """(power, error) by Forney's formula."""
    evaluator = [0] * PARITY
    for i, syndrome in enumerate(syndromes):
        for j, coefficient in enumerate(locator[: PARITY - i]):
            evaluator[i + j] ^= multiply(syndrome, coefficient)
    found = []
    for power in errors:
        position = _STEP * power % 255  # log of X
        inverse = -position % 255
        top = bottom = 0
        for k, coefficient in enumerate(evaluator):
            top ^= multiply(coefficient, EXP[inverse * k % 255])
        for k in range(1, len(locator), 2):
            bottom ^= multiply(locator[k], EXP[inverse * (k - 1) % 255])
        if not bottom:
            raise Uncorrectable("a double root")
        # The first root is alpha^(11 * 112): X to the power of 1 - 112.
        found.append((power, multiply(divide(top, bottom), EXP[position * (1 - _FIRST) % 255])))
    return found
