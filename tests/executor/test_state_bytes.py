"""States as bytes: round trip, one form only, and nothing but StateError for anything else."""

from __future__ import annotations

import struct
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from flight.executor.state import StateError, decode, encode_into
from flight.runtime.crc import crc32c

ROOM = 1 << 16
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False),
    st.text(max_size=20),
    st.binary(max_size=20),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
DTYPES = st.sampled_from(
    ["?", "u1", "i1", "<u2", ">u2", "<i4", ">i8", "<u8", "<f2", "<f4", ">f8", "<c8", "<c16"]
)
ARRAYS = DTYPES.flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0))
)
STATES = st.dictionaries(st.text(max_size=8), VALUES | ARRAYS, max_size=6)


def encoded(state: dict[str, Any], room: int = ROOM) -> bytes:
    memory = memoryview(bytearray(b"\xa5" * room))  # what was there before must not show
    length, crc = encode_into(state, memory)
    assert crc == crc32c(memory[:length])
    return bytes(memory[:length])


def equal(left: Any, right: Any) -> bool:
    if isinstance(left, np.ndarray):
        return (
            isinstance(right, np.ndarray)
            and left.dtype == right.dtype
            and left.shape == right.shape
            and left.tobytes() == right.tobytes()
        )
    return type(left) is type(right) and left == right


@given(STATES)
@settings(max_examples=300, deadline=None)
def test_round_trip(state: dict[str, Any]) -> None:
    found = decode(memoryview(encoded(state)))
    assert found.keys() == state.keys()
    assert all(equal(state[name], found[name]) for name in state)
    assert encoded(found) == encoded(state)


@given(STATES, st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_the_order_of_dicts_does_not_show(state: dict[str, Any], random: Any) -> None:
    def shuffled(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        names = list(value)
        random.shuffle(names)
        return {name: shuffled(value[name]) for name in names}

    assert encoded(shuffled(state)) == encoded(state)


@given(STATES)
@settings(max_examples=100, deadline=None)
def test_arrays_are_read_only(state: dict[str, Any]) -> None:
    memory = memoryview(bytearray(encoded(state)))
    for value in decode(memory).values():
        if isinstance(value, np.ndarray):
            assert not value.flags.writeable
            with pytest.raises(ValueError):
                value[...] = 0


EXAMPLE = {
    "n": 7,
    "name": "hills",
    "list": [1, [2.5, None], b"x"],
    "grid": np.arange(13, dtype=np.uint8),
    "field": np.linspace(0, 1, 5).reshape(5, 1),
    "none": np.zeros((0, 3), np.float32),
}


def test_truncation_at_every_length_is_refused() -> None:
    data = encoded(EXAMPLE)
    for length in range(len(data)):
        with pytest.raises(StateError):
            decode(memoryview(data[:length]))
    with pytest.raises(StateError):
        decode(memoryview(data + bytes(8)))


def test_a_flip_anywhere_is_refused_or_decodes() -> None:
    data = encoded(EXAMPLE)
    refused = 0
    for position in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[position // 8] ^= 1 << position % 8
        try:
            decode(memoryview(damaged))
        except StateError:
            refused += 1
    assert 0 < refused < 8 * len(data)


@given(st.binary(max_size=200))
@settings(max_examples=500, deadline=None)
def test_random_bytes_raise_nothing_else(data: bytes) -> None:
    for candidate in (data, struct.pack("<I", len(data)) + data):
        try:
            decode(memoryview(candidate))
        except StateError:
            continue


@given(
    st.one_of(
        st.text(max_size=8),
        st.sampled_from(["O", "|O", "S0", "V8", "<M8[s]", "<f16", "i4,(", "x4", "{'a'", "<U3"]),
    ),
    st.lists(st.integers(-3, 2**65) | st.floats(), max_size=4),
)
@settings(max_examples=300, deadline=None)
def test_tables_that_describe_no_array_are_refused(dtype: str, shape: list[Any]) -> None:
    try:
        head = msgpack.packb([[], [["x", dtype, shape]]])
    except (OverflowError, UnicodeEncodeError):
        return
    body = struct.pack("<I", len(head)) + head
    data = body + bytes(-len(body) % 8 + 64)
    try:
        state = decode(memoryview(data))
    except StateError:
        return
    assert state["x"].nbytes in range(57, 65)


@pytest.mark.parametrize(
    "value",
    [
        object(),
        {1, 2},
        1 << 64,
        -(1 << 63) - 1,
        1j,
        "\ud800",
        "x" * ((1 << 20) + 1),
        b"x" * ((1 << 20) + 1),
        [0] * ((1 << 16) + 1),
        {1: "a", "b": 2},
        {1: "a"},
        [np.zeros(3)],
        np.array([object()]),
        np.array(["text"]),
        np.zeros(2, "M8[s]"),
        np.zeros(2, np.longdouble),
        np.zeros(2, [("a", "u1")]),
        np.ma.masked_array([1, 2], [0, 1]),
    ],
    ids=lambda value: f"{type(value).__name__}",
)
def test_what_cannot_be_returned_is_refused(value: Any) -> None:
    memory = memoryview(bytearray(8 << 20))
    with pytest.raises(StateError):
        encode_into({"value": value}, memory)
    assert not any(memory[:4096])


def test_endless_nesting_is_refused() -> None:
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(StateError):
        encoded({"deep": deep})
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(StateError):
        encoded({"loop": loop})


def test_names_are_text() -> None:
    with pytest.raises(StateError):
        encoded({1: 2})  # type: ignore[dict-item]


def test_scalars_of_numpy_become_those_of_python() -> None:
    state = {"i": np.int64(-3), "f": np.float32(0.1), "b": np.bool_(True), "t": (1, 2)}
    found = decode(memoryview(encoded(state)))
    assert found == {"i": -3, "f": float(np.float32(0.1)), "b": True, "t": [1, 2]}
    assert [type(found[name]) for name in "ifb"] == [int, float, bool]


def test_strided_arrays_are_stored_in_order() -> None:
    whole = np.arange(24, dtype=np.int32).reshape(4, 6)
    assert encoded({"x": whole[::2, ::-1]}) == encoded({"x": whole[::2, ::-1].copy()})


def test_a_state_that_does_not_fit_writes_nothing() -> None:
    length = len(encoded(EXAMPLE))
    assert len(encoded(EXAMPLE, length)) == length
    memory = memoryview(bytearray(length - 1))
    with pytest.raises(StateError, match=f"state of {length} octets"):
        encode_into(EXAMPLE, memory)
    assert not any(memory)
