"""CLTUs and their BCH code: known octets, every single error, garbage and pieces of any size."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight.link.coding import bch, cltu
from flight.link.coding.cltu import REREAD, START, TAIL, CltuDecoder, encode_cltu
from flight.link.coding.randomiser import TELECOMMAND, TELEMETRY
from flight.link.fecf import intact
from flight.link.tc import MAX_DATA, TcFrame

FRAMES = st.builds(
    lambda data: TcFrame(77, 0, 3, data).pack(), st.binary(min_size=1, max_size=MAX_DATA)
)


def frame(seed: int, size: int = 50) -> bytes:
    return TcFrame(77, 0, seed % 256, random.Random(seed).randbytes(size)).pack()


def test_the_randomisers_are_those_of_the_standards() -> None:
    assert TELECOMMAND.apply(bytes(8)).hex() == "ff399e5a68e906f5"
    assert TELEMETRY.apply(bytes(8)).hex() == "ff480ec09a0d70bc"
    zeros = TELEMETRY.apply(bytes(600))
    assert zeros[:255] == zeros[255:510]
    with pytest.raises(ValueError):
        TELEMETRY.apply(bytes(1 << 15))


def bitwise(information: bytes) -> int:
    """Parity octet by the shift register of figure 3-1 of 231.0-B-4."""
    register = 0
    for bit in itertools.chain.from_iterable(
        (o >> s & 1 for s in range(7, -1, -1)) for o in information
    ):
        feedback = bit ^ (register >> 6)
        register = (register << 1 & 0x7F) ^ (0b1000101 if feedback else 0)
    return (~register & 0x7F) << 1


@given(st.binary(min_size=7, max_size=7))
def test_parity_is_that_of_the_shift_register(information: bytes) -> None:
    assert bch.encode(information) == information + bytes((bitwise(information),))


def test_every_single_error_is_corrected_and_every_double_one_is_not_taken_for_good() -> None:
    information = random.Random(1).randbytes(7)
    block = int.from_bytes(bch.encode(information), "big")
    for bit in range(1, 64):
        assert bch.decode((block ^ 1 << bit).to_bytes(8, "big")) == (information, 1, False)
    assert bch.decode((block ^ 1).to_bytes(8, "big")) == (information, 0, False)  # filler bit
    for a, b in itertools.combinations(range(1, 64), 2):
        assert bch.decode((block ^ 1 << a ^ 1 << b).to_bytes(8, "big"))[2]


@given(FRAMES, st.booleans())
def test_a_frame_comes_back(raw: bytes, randomised: bool) -> None:
    decoder = CltuDecoder(randomised)
    assert decoder.feed(encode_cltu(raw, randomised)) == [raw]
    assert decoder.counters["units"] == 1


@given(st.lists(FRAMES, min_size=1, max_size=4), st.integers(0, 1 << 32), st.booleans())
def test_pieces_of_any_size_and_garbage_between_units(
    raws: list[bytes], seed: int, randomised: bool
) -> None:
    source = random.Random(seed)
    stream = b"".join(
        bytes(source.choice(b"\x00\x55\xaa") for _ in range(source.randrange(9)))
        + encode_cltu(raw, randomised)
        for raw in raws
    )
    decoder, found = CltuDecoder(randomised), []
    while stream:
        size = source.randrange(1, 200)
        found += decoder.feed(stream[:size])
        stream = stream[size:]
    assert found == raws


def test_one_bad_bit_in_each_block_and_in_the_start_is_corrected() -> None:
    raw = frame(1, 300)
    coded = bytearray(encode_cltu(raw, True))
    source = random.Random(2)
    coded[source.randrange(2)] ^= 1 << source.randrange(8)
    for block in range(2, len(coded) - len(TAIL), 8):
        bit = source.randrange(1, 64)
        coded[block + 7 - bit // 8] ^= 1 << bit % 8
    decoder = CltuDecoder(True)
    assert decoder.feed(bytes(coded)) == [raw]
    assert decoder.counters["corrected"] == (len(coded) - 10) // 8


def test_bits_beyond_repair_are_seen_up_to_the_frame_check() -> None:
    """Two wrong bits in a block end the unit; three may pass the code, never the FECF unseen."""
    raw, source = frame(7, 90), random.Random(4)
    for flips in (2, 3, 4, 5):
        for _ in range(100):
            coded = bytearray(encode_cltu(raw, False))
            for bit in source.sample(range(16, 16 + 64 * 14), flips):
                coded[bit // 8] ^= 0x80 >> bit % 8
            decoder = CltuDecoder(False)
            good = [each for each in decoder.feed(bytes(coded) + bytes(2000)) if intact(each)]
            assert good in ([], [raw])


@pytest.mark.parametrize("randomised", [True, False])
def test_a_damaged_or_missing_tail_costs_nothing(randomised: bool) -> None:
    """The length in the header ends a frame, at once, whatever stands where the tail should."""
    source = random.Random(3)
    for size in range(1, 30):
        raw = frame(size, size)
        body = encode_cltu(raw, randomised)[: -len(TAIL)]
        for tail in (b"", TAIL, bytes(8), source.randbytes(8), bch.encode(source.randbytes(7))):
            decoder = CltuDecoder(randomised)
            assert decoder.feed(body + tail)[0] == raw
            assert decoder.feed(encode_cltu(raw, randomised))[-1] == raw


def test_after_random_garbage_the_next_frame_is_there() -> None:
    """A false start sequence in noise may delay it until more comes, but not swallow it."""
    for seed in range(300):
        decoder = CltuDecoder(False)
        found = decoder.feed(random.Random(seed).randbytes(700))
        found += decoder.feed(encode_cltu(frame(seed), False) + bytes(2000))
        assert frame(seed) in found


def test_a_truncated_unit_does_not_hide_the_next() -> None:
    whole, decoder = encode_cltu(frame(1), False), CltuDecoder(False)
    for cut in range(3, len(whole) - 9, 5):
        found = decoder.feed(whole[:cut])
        found += decoder.feed(encode_cltu(frame(2), False))
        found += decoder.feed(encode_cltu(frame(3), False) + bytes(2000))
        assert [each for each in found if intact(each)][-2:] == [frame(2), frame(3)]


@pytest.mark.parametrize("missing", [1, 2])
def test_a_start_that_stands_in_for_the_end_of_a_cut_unit_is_still_one(missing: int) -> None:
    """The last octets of the frame that lack are by chance those that come: START's."""
    number = 0
    while not (first := TcFrame(77, 0, 0, number.to_bytes(4, "big")).pack()).endswith(
        START[:1] if missing == 1 else START
    ):
        number += 1
    cut = START + bch.encode(first + bytes(-len(first) % 7))
    cut = cut[: 2 + (len(first) - 1) // 7 * 8 + (len(first) - 1) % 7 + 1 - missing]
    found = CltuDecoder(False).feed(cut + encode_cltu(frame(2), False) + bytes(2000))
    assert found[-1] == frame(2)


def test_memory_is_bounded_whatever_comes() -> None:
    decoder = CltuDecoder(False)
    long = bch.encode(b"\0\0\x03\xff" + random.Random(3).randbytes(3))
    for piece in (START + long + bytes(900), START * 500, b"\x55" * 1000, START + long * 40):
        for _ in range(50):
            decoder.feed(piece)
            assert len(decoder._buffer) < 1200
    assert frame(5) in decoder.feed(bytes(2000) + encode_cltu(frame(5), False))


def crafted(size: int) -> bytes:
    """Eight octets over and over: each time a start sequence, and a block that fits the code and
    claims a frame of 1024 octets."""
    for number in range(1 << 16):
        block = b"\0\0\x03\xff" + number.to_bytes(2, "big") + START
        if bch.decode(block) == (block[:7], 0, False):
            return block * (size // 8)
    raise AssertionError("no such block")


def test_crafted_starts_are_not_read_over_and_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is decoded stays within a few times what came."""
    stream, decoded, real = crafted(64_000), 0, bch.decode

    def count(coded: bytes) -> tuple[bytes, int, bool]:
        nonlocal decoded
        decoded += len(coded)
        return real(coded)

    monkeypatch.setattr(bch, "decode", count)
    CltuDecoder(False).feed(stream)
    assert decoded < (REREAD + 4) * len(stream)
    decoded = 0
    monkeypatch.setattr(cltu, "_LONGEST", 1 << 60)
    CltuDecoder(False).feed(stream)
    assert decoded > 20 * len(stream)  # without the bound


@given(st.binary(max_size=300))
def test_no_octets_raise(octets: bytes) -> None:
    CltuDecoder(True).feed(octets + START + octets)
