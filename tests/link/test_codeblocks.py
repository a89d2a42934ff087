"""Reed-Solomon code blocks against an independent implementation, and their synchronisation."""

from __future__ import annotations

import random

import pytest
import reedsolo
from hypothesis import given, settings
from hypothesis import strategies as st

from flight.link.coding import codeblock
from flight.link.coding.codeblock import ASM, CodeblockDecoder, CodeblockEncoder, Shape
from flight.link.coding.galois import FROM_DUAL, TO_DUAL
from flight.link.coding.reed_solomon import (
    CORRECTABLE,
    INFORMATION,
    PARITY,
    Uncorrectable,
    correct,
    parity,
)

ORACLE = reedsolo.RSCodec(PARITY, nsize=255, fcr=112, prim=0x187, generator=173, c_exp=8)
DEPTHS = [1, 2, 3, 4, 5, 8]


def oracle(data: bytes) -> bytes:
    return bytes(ORACLE.encode(data.translate(FROM_DUAL))[-PARITY:]).translate(TO_DUAL)


def damaged(word: bytes, count: int, source: random.Random) -> bytes:
    octets = bytearray(word)
    for place in source.sample(range(len(word)), count):
        octets[place] ^= source.randrange(1, 256)
    return bytes(octets)


def test_the_dual_basis_is_that_of_the_standard() -> None:
    # Table of 131.0-B-5, annex: alpha^0 to alpha^7 in the dual basis.
    assert TO_DUAL[1] == 0x7B
    assert [TO_DUAL[1 << k] for k in range(8)] == [0x7B, 0xAF, 0x99, 0xFA, 0x86, 0xEC, 0xEF, 0x8D]
    assert sorted(TO_DUAL) == list(range(256))


@settings(max_examples=60)
@given(st.binary(min_size=1, max_size=INFORMATION))
def test_parity_agrees_with_the_oracle(data: bytes) -> None:
    assert parity(data) == oracle(data.rjust(INFORMATION, b"\0"))


@pytest.mark.parametrize("size", [INFORMATION, 100])
def test_up_to_sixteen_octets_are_corrected(size: int) -> None:
    source = random.Random(size)
    for count in range(CORRECTABLE + 1):
        for _ in range(3):
            data = source.randbytes(size)
            assert correct(damaged(data + parity(data), count, source)) == (data, count)


@settings(max_examples=150)
@given(st.integers(0, 20), st.integers(1, INFORMATION), st.integers(0, 1 << 30))
def test_errors_are_dealt_with_as_by_the_oracle(count: int, size: int, seed: int) -> None:
    """Up to 20 wrong octets: both correct the same words to the same data, and refuse the same."""
    source = random.Random(seed)
    data = source.randbytes(size)
    word = damaged(data + parity(data), min(count, size + PARITY), source)
    try:
        theirs = bytes(ORACLE.decode(word.translate(FROM_DUAL))[0]).translate(TO_DUAL)
    except reedsolo.ReedSolomonError:
        with pytest.raises(Uncorrectable):
            correct(word)
    else:
        assert correct(word)[0] == theirs == data


def test_more_are_refused_and_never_taken_for_good() -> None:
    source = random.Random(9)
    for count in range(CORRECTABLE + 1, 40):
        for _ in range(3):
            data = source.randbytes(INFORMATION)
            with pytest.raises(Uncorrectable):
                correct(damaged(data + parity(data), count, source))


def test_the_oracle_corrects_our_words() -> None:
    source = random.Random(4)
    data = source.randbytes(INFORMATION)
    word = damaged(data + parity(data), CORRECTABLE, source).translate(FROM_DUAL)
    assert bytes(ORACLE.decode(word)[0]).translate(TO_DUAL) == data


@settings(max_examples=40)
@given(st.sampled_from(DEPTHS), st.integers(1, INFORMATION), st.booleans(), st.integers(0, 1 << 30))
def test_a_frame_comes_back_with_bursts_corrected(
    depth: int, row: int, randomised: bool, seed: int
) -> None:
    shape, source = Shape(depth * row, depth, randomised), random.Random(seed)
    frame = source.randbytes(depth * row)
    sent = bytearray(CodeblockEncoder(shape).encode(frame))
    assert len(sent) == 4 + shape.coded
    burst = min(CORRECTABLE * depth, shape.coded)
    start = 4 + source.randrange(shape.coded - burst + 1)
    for place in range(start, start + burst):
        sent[place] ^= source.randrange(1, 256)
    decoder = CodeblockDecoder(shape)
    assert decoder.feed(bytes(sent)) == [frame]
    assert decoder.counters["corrected"] == burst


@settings(max_examples=40)
@given(st.integers(0, 1 << 30))
def test_pieces_of_any_size_with_garbage_between(seed: int) -> None:
    """The frame behind garbage is the next that is handed out: within one frame."""
    shape, source = Shape(128, 1, True), random.Random(seed)
    encoder, decoder = CodeblockEncoder(shape), CodeblockDecoder(shape)
    frames = [source.randbytes(128) for _ in range(4)]
    stream = b"".join(source.randbytes(source.randrange(60)) + encoder.encode(f) for f in frames)
    stream += bytes(4 + shape.coded)  # the last frame may wait behind a false marker
    found = []
    while stream:
        size = source.randrange(1, 400)
        found += decoder.feed(stream[:size])
        stream = stream[size:]
    assert found == frames


def test_a_burst_over_a_marker_costs_no_frame_while_in_step() -> None:
    shape, source = Shape(446, 2, True), random.Random(5)
    encoder, decoder = CodeblockEncoder(shape), CodeblockDecoder(shape)
    frames = [source.randbytes(446) for _ in range(3)]
    stream = bytearray(b"".join(map(encoder.encode, frames)))
    for place in range(514 - 10, 514 + 10):  # the second marker and what is around it
        stream[place] ^= 0x5A
    assert decoder.feed(bytes(stream)) == frames
    assert decoder.counters["garbage"] == 0
    stream[:4] = bytes(4)  # not in step yet
    assert CodeblockDecoder(shape).feed(bytes(stream)) == frames[2:]


def test_a_block_cut_short_is_repaired_and_the_next_is_not_lost() -> None:
    """What lacks is made up from the next block's octets, its marker among them."""
    shape, source = Shape(446, 2, True), random.Random(8)
    encoder = CodeblockEncoder(shape)
    for short in range(1, CORRECTABLE * 2):
        frames = [source.randbytes(446) for _ in range(2)]
        first, second = map(encoder.encode, frames)
        decoder = CodeblockDecoder(shape)
        assert decoder.feed(first[:-short]) == []
        assert decoder.feed(second) == frames


def test_three_and_more_bits_of_a_marker_are_too_many() -> None:
    shape, source = Shape(100, 1, True), random.Random(6)
    coded = int.from_bytes(CodeblockEncoder(shape).encode(bytes(100)), "big")
    bits = 8 * (4 + shape.coded)
    for wrong in range(6):
        flips = sum(1 << bits - 1 - bit for bit in source.sample(range(32), wrong))
        found = CodeblockDecoder(shape).feed((coded ^ flips).to_bytes(bits // 8, "big"))
        assert found == ([bytes(100)] if wrong <= 2 else [])


def test_markers_over_and_over_are_not_read_over_and_over(monkeypatch: pytest.MonkeyPatch) -> None:
    shape, tries, real = Shape(1115, 5, True), 0, codeblock.correct

    def count(word: bytes) -> tuple[bytes, int]:
        nonlocal tries
        tries += 1
        return real(word)

    monkeypatch.setattr(codeblock, "correct", count)
    decoder = CodeblockDecoder(shape)
    decoder.feed(ASM * 16_000)
    assert tries < (codeblock.REREAD + 3) * 64_000 / shape.coded
    frame = random.Random(1).randbytes(1115)
    coded = CodeblockEncoder(shape).encode(frame)
    assert decoder.feed(coded + coded)[-1] == frame
    tries = 0
    monkeypatch.setattr(codeblock, "REREAD", 1 << 40)
    CodeblockDecoder(shape).feed(ASM * 4_000)
    assert tries > 20 * 16_000 / shape.coded  # without the bound


def test_a_frame_beyond_repair_is_counted_and_the_next_one_is_there() -> None:
    shape = Shape(446, 2, True)
    encoder, decoder = CodeblockEncoder(shape), CodeblockDecoder(shape)
    bad = damaged(encoder.encode(bytes(446))[4:], 60, random.Random(1))
    good = random.Random(2).randbytes(446)
    assert decoder.feed(ASM + bad + encoder.encode(good)) == [good]
    assert decoder.counters["uncorrectable"] >= 1


@given(st.binary(max_size=600))
@settings(max_examples=50)
def test_no_octets_raise_and_memory_is_bounded(octets: bytes) -> None:
    shape = Shape(64, 1, False)
    decoder = CodeblockDecoder(shape)
    assert decoder.feed(octets) == [] or len(octets) >= 100
    assert len(decoder._buffer) < 4 + shape.coded + 4


@pytest.mark.parametrize(("size", "depth"), [(224, 1), (9, 2), (0, 1), (50, 6), (50, 0)])
def test_shapes_that_no_code_block_holds_are_refused(size: int, depth: int) -> None:
    with pytest.raises(ValueError):
        Shape(size, depth, True)
