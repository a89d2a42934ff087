"""A protected region seen from both sides: what it gives out, and what damage does to it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from region_memory import NAME, PID, Shared

from flight.radiation.ecc import Protected, Repair, Uncorrectable
from flight.radiation.layout import MAGIC, PAGE, Head, Layout
from flight.radiation.owned import OwnedRegion
from flight.radiation.period import Depth
from flight.radiation.record import BlockStatus, State
from flight.radiation.region import Busy, Region, Scrub
from flight.radiation.secded import Geometry

SMALL = Geometry(64, 2)  # blocks of 1 KiB
FULL, LIGHT = Depth.FULL, Depth.LIGHT


def test_a_sealed_region_tells_the_other_side_what_it_is() -> None:
    shared = Shared(SMALL, 5000, 3000)
    side = shared.scrubber
    assert (side.name, side.pid, side.generation, side.suspended) == (NAME, PID, 1, False)
    assert (side.length, side.blocks, side.layout) == (3000, 3, shared.layout)
    assert side.state is State.CLEAN
    assert side.read() == bytes(side.view()) == shared.data
    assert side.read(1000, 100) == shared.data[1000:1100]
    assert side.view().readonly
    assert shared.layout.data.start % PAGE == 0


@pytest.mark.parametrize("depth", Depth)
def test_a_flip_is_corrected_by_either_side_and_counted(depth: Depth) -> None:
    shared = Shared(SMALL, 5000)
    for number, side in enumerate((shared.scrubber, shared.owner), 1):
        shared.flip(2050, 0x81)
        assert shared.raw() != shared.data
        assert side.scrub(depth, 12.5) == Scrub(5, 0, 2, ())
        assert shared.raw() == shared.data
        assert shared.owner.corrections == shared.scrubber.corrections == 2 * number
        assert shared.owner.status(2) == BlockStatus(12.5, 2 * number, False)
    assert shared.owner.status(1) == BlockStatus(12.5, 0, False)
    assert shared.scrubber.state is State.CORRECTED


def test_only_the_blocks_asked_for_are_scrubbed() -> None:
    shared = Shared(SMALL, 5000)
    shared.flip(0)
    assert shared.scrubber.scrub(FULL, 1.0, range(1, 9)) == Scrub(4, 0, 0, ())
    assert shared.scrubber.scrub(FULL, 1.0, [0]).corrected == 1


def test_a_light_scrub_passes_over_doubles_that_a_full_one_finds() -> None:
    shared = Shared(SMALL, 5000)
    shared.spoil(1)
    assert shared.scrubber.scrub(LIGHT, 1.0) == Scrub(5, 0, 0, ())
    assert shared.scrubber.scrub(FULL, 1.0) == Scrub(5, 0, 0, (1,))
    assert shared.scrubber.scrub(FULL, 1.0) == Scrub(4, 0, 0, ())


def test_what_is_read_is_sound_although_the_memory_was_not() -> None:
    shared = Shared(SMALL, 5000)
    shared.flip(4999, 0xFF)
    assert bytes(shared.owner.view()) != shared.data  # without a look at it after its use
    assert shared.owner.read() == shared.data
    assert shared.owner.corrections == 8


@pytest.mark.parametrize("found_by", ["scrubber", "owner", "reader"])
def test_a_block_that_cannot_be_corrected_is_never_given_out(found_by: str) -> None:
    shared = Shared(SMALL, 5000)
    shared.spoil(1)
    if found_by == "reader":
        with pytest.raises(Uncorrectable):
            shared.owner.read(1500, 10)
    else:
        side = shared.scrubber if found_by == "scrubber" else shared.owner
        assert side.scrub(FULL, 1.0).uncorrectable == (1,)
    for side in (shared.owner, shared.scrubber):
        for use in (side.view, side.read, side.verify):
            for span in ((1024, 1), (0, 5000), (1023, 2)):
                with pytest.raises(Uncorrectable) as caught:
                    use(*span)
                assert caught.value.block == 1
        assert side.read(0, 1024) == shared.data[:1024]
        assert side.state is State.QUARANTINED
        assert side.status(1).quarantined


def test_a_quarantine_ends_only_with_a_block_that_is_written_whole() -> None:
    shared = Shared(SMALL, 5000)
    shared.spoil(1)
    shared.spoil(2)
    assert shared.scrubber.scrub(FULL, 1.0).uncorrectable == (1, 2)
    for part in (bytes(1000), b"x"):
        with pytest.raises(Uncorrectable):
            shared.owner.write(1024 + 7, part)
    shared.owner.write(1024, bytes(1024))
    assert shared.owner.read(1024, 1024) == bytes(1024)
    assert shared.owner.state is State.QUARANTINED
    shared.owner.begin()[:] = shared.data
    shared.owner.seal()
    assert shared.scrubber.scrub(FULL, 1.0) == Scrub(5, 0, 0, ())
    assert shared.owner.state is State.CLEAN
    assert shared.scrubber.read() == shared.data


def test_a_region_that_is_being_written_is_neither_scrubbed_nor_read() -> None:
    shared = Shared(SMALL, 5000)
    shared.owner.begin()[:1500] = bytes(1500)
    assert shared.scrubber.suspended
    assert shared.scrubber.scrub(FULL, 1.0) == Scrub(0, 5, 0, ())
    assert shared.owner.scrub(LIGHT, 1.0) == Scrub(0, 5, 0, ())
    assert shared.scrubber.skipped == 10
    for side in (shared.owner, shared.scrubber):
        for use in (side.view, side.verify, side.read):
            with pytest.raises(Busy):
                use()
    with pytest.raises(Busy):
        shared.owner.write(0, b"x")
    shared.owner.seal(1500)
    assert shared.scrubber.generation == 2
    assert shared.scrubber.scrub(FULL, 1.0) == Scrub(2, 0, 0, ())
    assert shared.scrubber.read() == bytes(1500)


SPANS = st.tuples(st.integers(0, 4999), st.one_of(st.integers(1, 50), st.integers(1, 5000)))


@given(st.lists(st.tuples(SPANS, st.integers(0, 4999), st.booleans()), max_size=8))
@settings(max_examples=80, deadline=None)
def test_what_was_written_is_read_whatever_flips_between(
    steps: list[tuple[tuple[int, int], int, bool]],
) -> None:
    shared = Shared(SMALL, 5000)
    model = bytearray(shared.data)
    for number, ((offset, size), hit, scrub) in enumerate(steps):
        data = np.random.default_rng(number).bytes(min(size, 5000 - offset))
        shared.flip(hit, 1 << number)
        shared.owner.write(offset, data)
        model[offset : offset + len(data)] = data
        shared.flip(offset, 1 << number)
        if scrub:
            shared.scrubber.scrub(LIGHT, 1.0)
        assert shared.owner.read() == model
    assert shared.owner.generation == 1 + len(steps)
    assert shared.scrubber.scrub(FULL, 1.0).uncorrectable == ()


def test_a_correction_by_the_other_side_voids_what_was_computed_meanwhile() -> None:
    """Verifying after use is not enough by itself: the flip that was used may be gone by then."""
    shared = Shared(SMALL, 5000)
    before = shared.owner.corrections
    shared.flip(7)
    used = bytes(shared.owner.view())
    shared.scrubber.scrub(LIGHT, 1.0)
    assert shared.owner.verify() == 0
    assert used != shared.data
    assert shared.owner.corrections != before


def test_a_correction_is_counted_before_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scrubber that dies in between must not leave a flip undone and unheard of."""
    shared = Shared(SMALL, 5000)
    shared.flip(7)

    def die(self: Protected, repair: Repair) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(Protected, "apply", die)
    with pytest.raises(KeyboardInterrupt):
        shared.scrubber.scrub(FULL, 1.0)
    assert shared.owner.corrections == 1


@pytest.mark.parametrize("copy", [0, 1, 2])
@pytest.mark.parametrize("fill", [0x00, 0xFF, None])
def test_any_copy_of_head_and_tables_may_be_lost(copy: int, fill: int | None) -> None:
    shared = Shared(SMALL, 5000)
    layout = shared.layout
    shared.flip(100)
    pages = (layout.size - 5000 - 5 * 160) // PAGE // 3  # of a copy: head and tables
    second = layout.data.start + 2 * PAGE
    start = (0, second, layout.size - pages * PAGE)[copy]
    noise = np.random.default_rng(copy).bytes(pages * PAGE)
    lost = noise if fill is None else bytes([fill]) * (pages * PAGE)
    shared.memory[start : start + len(lost)] = lost
    side = Region.attach(shared.memory)
    assert side.name == NAME
    assert side.scrub(FULL, 1.0) == Scrub(5, 0, 1, ())
    assert side.mended > 0
    assert shared.owner.read() == shared.data
    shared.owner.scrub(FULL, 2.0)
    for words in (side._head, side._blocks, side._mine):
        assert words.mend() == 0


def test_one_copy_of_the_head_leads_to_the_others_and_is_outvoted() -> None:
    shared = Shared(SMALL, 5000)
    shared.memory[:PAGE].cast("Q")[Head.CAPACITY] = 5001  # of which the region is as large
    assert Region.attach(shared.memory).layout == shared.layout


@pytest.mark.parametrize(("words", "capacity"), [(512, 40_000), (2048, 100)])
def test_a_burst_as_long_as_a_row_is_survived_wherever_in_the_region_it_falls(
    words: int, capacity: int
) -> None:
    shared = Shared(Geometry(64, words), capacity)
    sound, width = bytes(shared.memory), 8 * words
    rng = np.random.default_rng(1)
    starts = [
        *range(0, len(sound) - width + 1, width // 4),
        *rng.integers(len(sound) - width, size=50),
    ]
    damaging = 0
    for start in starts:
        shared.memory[start : start + width] = rng.bytes(width)
        damaging += shared.raw() != shared.data
        side = Region.attach(shared.memory)
        assert side.scrub(FULL, 1.0).uncorrectable == ()
        assert side.read() == shared.data
        shared.memory[:] = sound
    assert damaging > 5


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [(Head.MAGIC, MAGIC ^ 1, "magic = 0x"), (Head.VERSION, 2, "version = 0x2"),
     (Head.ROWS, 65, "rows = 65"), (Head.WORDS, 3, "words = 3"),
     (Head.CAPACITY, 500_000, "capacity = 500000"), (Head.CAPACITY, 0, "capacity = 0"),
     (Head.LENGTH, 5001, "length = 5001"), (Head.NAME, 0xFF, "name = ")],
)  # fmt: skip
def test_a_head_that_cannot_be_is_refused_by_field(field: Head, value: int, why: str) -> None:
    shared = Shared(SMALL, 5000)
    shared.owner._head.write(field, value)
    with pytest.raises(ValueError, match=why):
        Region.attach(shared.memory)


@pytest.mark.parametrize("size", [0, 1, PAGE, 2 * PAGE, 9 * PAGE])
def test_memory_that_is_no_region_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=r"size = |magic = 0x0"):
        Region.attach(memoryview(bytearray(size)))


@pytest.mark.parametrize(
    ("make", "why"),
    [(lambda: Layout(SMALL, 0), "capacity = 0"),
     (lambda: create(b"", -1), "size = "), (lambda: create(b"", 1), "size = "),
     (lambda: create(b""), "name = ''"), (lambda: create(b"n" * 33), "name = 'nnn"),
     (lambda: Shared(SMALL, 5000).owner.seal(), "generation = 1"),
     (lambda: create(b"n").seal(5001), "length = 5001"), (lambda: create(b"n").seal(0), "length"),
     (lambda: Shared(SMALL, 5000).owner.write(4999, b"xx"), "offset, size"),
     (lambda: Shared(SMALL, 5000, 3).owner.write(3, b"x"), "offset, size"),
     (lambda: Shared(SMALL, 5000).owner.write(-1, b"x"), "offset, size"),
     (lambda: Shared(SMALL, 5000).owner.write(0, b""), "no octets"),
     (lambda: Shared(SMALL, 5000).owner.read(5000, 1), "offset, size"),
     (lambda: Shared(SMALL, 5000).owner.view(0, 0), "offset, size")],
)  # fmt: skip
def test_calls_that_cannot_be_are_refused(make: Callable[[], object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        make()


def create(name: bytes, more: int = 0) -> OwnedRegion:
    layout = Layout(SMALL, 5000)
    memory = memoryview(bytearray(layout.size + more))
    return OwnedRegion.create(memory, layout, name.decode() if not more else "n", 1)
