"""Blocks of buffers of any size and type: against a fresh encoding, and with guards taken away."""

from __future__ import annotations

import mmap

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sealed_memory import Sealed

from flight.radiation import ecc
from flight.radiation.ecc import Protected, Uncorrectable, octets
from flight.radiation.secded import Geometry, Secded
from flight.runtime.crc import crc32c

GEOMETRIES = st.builds(Geometry, st.sampled_from([64, 64, 256, 1024]), st.sampled_from([1, 2, 4]))
CODES = {(rows, words): Secded(Geometry(rows, words)) for rows in (64, 256) for words in (1, 4)}


@st.composite
def memories(draw: st.DrawFn) -> Sealed:
    geometry = draw(GEOMETRIES)
    return Sealed(geometry, draw(st.integers(1, 3 * geometry.block_size)), draw(st.integers(0, 9)))


@given(memories(), st.data())
@settings(max_examples=100, deadline=None)
def test_flips_in_codewords_of_any_buffer_are_corrected(
    memory: Sealed, data: st.DataObject
) -> None:
    """Any number of flips in data and check rows, at most one in each codeword."""
    width = memory.geometry.width
    for block in range(memory.protected.blocks):
        length = memory.protected.content(block).size
        lines = data.draw(st.lists(st.integers(0, 8 * width - 1), unique=True, max_size=12))
        for bit in lines:
            # Padding cannot be flipped: below a last row that is cut short are only check rows.
            filled = -(-(length - bit // 8) // width)
            row = data.draw(st.integers(0, filled + memory.geometry.check_rows - 1))
            memory.flip(row if row < filled else row - filled + memory.geometry.rows, bit, block)
        assert memory.protected.light(block) == (not lines)
        assert memory.heal(block) == len(lines)
    assert memory.intact()


@pytest.mark.parametrize("dtype", ["u1", "i2", ">u4", "f4", "f8", "c16", "?", "S5", "i4,f8", "f2"])
def test_arrays_of_any_type_are_protected_in_place(dtype: str) -> None:
    array = np.zeros((3, 7, 5), dtype)
    array.view(np.uint8)[...] = 1
    code = CODES[64, 1]
    checks = bytearray(code.geometry.check_size(array.nbytes))
    protected = Protected(code, array, checks)
    crcs = [protected.encode(block) for block in range(protected.blocks)]
    before = array.tobytes()
    array.reshape(-1).view(np.uint8)[array.nbytes // 2] ^= 0x24
    repair = protected.find(array.nbytes // 2 // 512, crcs[array.nbytes // 2 // 512])
    assert repair is not None
    assert protected.apply(repair)
    assert repair.bits == 2
    assert array.tobytes() == before


def test_shared_memory_and_unaligned_buffers_are_protected() -> None:
    code = CODES[256, 4]
    size = 3 * code.geometry.block_size - 11
    for data in (memoryview(mmap.mmap(-1, size)), memoryview(bytearray(size + 3))[3:]):
        checks = memoryview(bytearray(code.geometry.check_size(size) + 5))[5:]
        protected = Protected(code, data, checks)
        crc = protected.encode(2)
        data[size - 1] ^= 0x80
        repair = protected.find(2, crc)
        assert repair is not None
        assert protected.apply(repair)
        assert data[size - 1] == 0


@pytest.mark.parametrize(
    ("buffer", "why"),
    [(np.zeros((4, 4))[:, ::2], "strides"), (np.zeros((4, 4), order="F"), "strides"),
     (np.zeros(0), "no octets"), (b"", "no octets"), (np.array([{}, []], object), "references"),
     (np.zeros(2, [("a", "i4"), ("b", "O")]), "references")],
)  # fmt: skip
def test_buffers_that_cannot_be_protected_are_refused(buffer: np.ndarray, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        octets(buffer)


@pytest.mark.parametrize("size", [0, 8, 63, 65, 128])
def test_a_wrong_number_of_check_rows_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="check rows" if size else "no octets"):
        Protected(CODES[64, 1], bytearray(512), bytearray(size))


@given(memories(), st.data())
@settings(max_examples=100, deadline=None)
def test_an_update_leaves_what_a_fresh_encoding_gives(memory: Sealed, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 6))):
        block = data.draw(st.integers(0, memory.protected.blocks - 1))
        content = memory.protected.content(block)
        start = data.draw(st.integers(0, content.size - 1))
        size = data.draw(st.one_of(st.integers(1, 40), st.integers(1, content.size)))
        new = np.random.default_rng(size).integers(0, 256, size, np.uint8)[: content.size - start]
        change = memory.protected.update(block, start, new)
        assert change is not None
        memory.crcs[block] ^= change
        assert np.array_equal(content[start : start + new.size], new)
        assert memory.crcs[block] == crc32c(content)
    memory.keep()
    for block in range(memory.protected.blocks):
        memory.protected.encode(block)
    assert memory.intact()


def test_an_update_touches_only_the_columns_that_it_changes() -> None:
    """Damage beside them stays seen, and is corrected to what was there."""
    memory = Sealed(Geometry(64, 4))
    memory.flip(5, 200)
    change = memory.protected.update(0, 7 * 32, np.full(8, 0x5A, np.uint8))
    assert change is not None
    assert memory.protected.find(0, memory.crcs[0] ^ change).bits == 1


@pytest.mark.parametrize("row", [9, 40, 66])
def test_an_update_over_a_flip_is_refused_and_would_else_be_blessed(
    row: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory, new = Sealed(Geometry(64, 2)), np.full(16, 0x5A, np.uint8)
    memory.flip(row, 77)
    damaged = memory.data.copy()
    assert memory.protected.update(0, 9 * 16, new) is None
    assert np.array_equal(memory.data, damaged)
    if row != 9:
        return
    # Without the look at the columns, the flip in the old octets becomes one in the new.
    monkeypatch.setattr(ecc, "_any", lambda syndrome: False)
    change = memory.protected.update(0, 9 * 16, new)
    monkeypatch.undo()
    memory.crcs[0] ^= change
    assert memory.heal() == 1
    assert not np.array_equal(memory.data[9 * 16 : 10 * 16], new)


def test_the_light_scrub_sees_odd_errors_and_not_even_ones() -> None:
    memory, rng = Sealed(Geometry(64, 1)), np.random.default_rng(8)
    for weight in range(1, 10):
        for _ in range(100):
            for row in rng.choice(72, weight, replace=False):
                memory.flip(int(row), 31)
            assert memory.protected.light(0) == (weight % 2 == 0)
            memory.restore()


def test_a_correction_of_the_padding_is_refused() -> None:
    """Flips in three check rows look like one in a data row that is not there."""
    memory = Sealed(Geometry(64, 1), 10 * 8 + 3)
    row = next(row for row in range(11, 64) if len(memory.code.checks_of(row)) == 3)
    for check in memory.code.checks_of(row):
        memory.flip(64 + check, 5)
    with pytest.raises(Uncorrectable, match="CRC"):
        memory.heal()


def test_a_flip_in_the_crc_is_not_taken_for_one_in_the_data() -> None:
    memory = Sealed(Geometry(64, 1))
    memory.crcs[0] ^= 1
    assert memory.heal() == 0  # a sound block does not ask for its CRC
    memory.flip(3, 3)
    with pytest.raises(Uncorrectable) as caught:
        memory.heal()
    assert caught.value.block == 0


@pytest.mark.parametrize("where", ["data", "checks"])
def test_a_repair_of_what_has_changed_since_is_not_applied(where: str) -> None:
    memory = Sealed(Geometry(64, 2))
    memory.flip(3 if where == "data" else 65, 100)
    repair = memory.protected.find(0, memory.crcs[0])
    assert repair is not None
    memory.flip(3 if where == "data" else 65, 101)
    memory.keep()
    assert not memory.protected.apply(repair)
    assert memory.intact()


def test_read_only_data_can_be_checked_and_not_repaired() -> None:
    code = CODES[64, 1]
    checks = bytearray(64)
    crc = Protected(code, bytes(512), checks).encode(0)
    damaged = Protected(code, bytes(511) + b"\1", checks)
    assert not damaged.light(0)
    repair = damaged.find(0, crc)
    assert repair is not None
    with pytest.raises(ValueError, match="read-only"):
        damaged.apply(repair)
