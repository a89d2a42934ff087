"""Canonical bytes of a task state, so that equal states have equal bytes.

Layout: u32 length, MessagePack of [[name, value]…, [name, dtype, shape]…] in name order, then the
raw arrays, each on an 8-octet boundary. Values are None, booleans, numbers, text, octets, and lists
and dicts of such; arrays are of booleans, integers, binary16 to binary64, and pairs of the latter.
"""

from __future__ import annotations

import math
import re
import struct
from typing import Any

import msgpack
import numpy as np
import numpy.typing as npt

from flight.executor.task import State
from flight.runtime.crc import extend

_LENGTH = struct.Struct("<I")
_LIMITS = {"max_str_len": 1 << 20, "max_bin_len": 1 << 20, "max_array_len": 1 << 16}
# No long double: its padding octets are not initialised, so equal arrays would differ.
_DTYPE = re.compile(r"[<>|](?:b1|[iu][1248]|f[248]|c8|c16)")
_ERRORS = (ValueError, TypeError, OverflowError, RecursionError, MemoryError, struct.error)


class StateError(ValueError):
    """The bytes are no state, or the state cannot be encoded."""


def _aligned(offset: int) -> int:
    return -(-offset // 8) * 8


def encode_into(state: State, memory: memoryview) -> tuple[int, int]:
    """Write a state into ``memory``; return its length and the CRC-32C of what was to be written.

    The CRC is taken from the source, so that whatever happens to ``memory`` from then on is seen.
    Raises StateError, with nothing written, when it does not fit or ``decode`` would not return it.
    """
    arrays = {
        name: np.asarray(value, order="C")
        for name, value in sorted(_named(state).items())
        if type(value) is np.ndarray
    }
    head = _pack_head(state, arrays)
    end = _aligned(_LENGTH.size + len(head))
    for array in arrays.values():
        end = _aligned(end + array.nbytes)
    if end > memory.nbytes:
        raise StateError(f"state of {end} octets, the slot holds {memory.nbytes}")
    offset = crc = 0
    octets = (array.reshape(-1).view(np.uint8) for array in arrays.values())
    for piece in (np.frombuffer(_LENGTH.pack(len(head)) + head, np.uint8), *octets):
        padding = bytes(_aligned(offset + piece.size) - offset - piece.size)
        crc = extend(extend(crc, piece), padding)
        memory[offset : offset + piece.size] = piece.data
        offset += piece.size + len(padding)
        memory[offset - len(padding) : offset] = padding
    return end, crc


def _named(state: State) -> State:
    for name in state:
        if not isinstance(name, str):
            raise StateError(f"name {name!r} is no text")
    return state


def _pack_head(state: State, arrays: dict[str, npt.NDArray[Any]]) -> bytes:
    for name, array in arrays.items():
        if not _DTYPE.fullmatch(array.dtype.str):
            raise StateError(f"{name}: arrays of {array.dtype} have no canonical octets")
    table = [[name, array.dtype.str, list(array.shape)] for name, array in arrays.items()]
    try:
        scalars = [[name, _sorted(state[name])] for name in sorted(state) if name not in arrays]
        head: bytes = msgpack.packb([scalars, table])
        msgpack.unpackb(head, strict_map_key=True, **_LIMITS)
    except _ERRORS as error:
        raise StateError(f"state cannot be encoded: {error}") from error
    return head


def _sorted(value: Any) -> Any:
    """The value with its dicts in key order and NumPy's scalars as Python's."""
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list | tuple):
        return [_sorted(each) for each in value]
    return value.item() if isinstance(value, np.generic) else value


def decode(memory: memoryview) -> State:
    """Return the state in exactly ``memory``; arrays are read-only views. Raises StateError."""
    try:
        scalars, table, offset = _head(memory)
        state: State = dict(scalars)
        for name, dtype, shape in table:
            array = _array(memory, _aligned(offset), dtype, shape)
            state[name] = array
            offset = _aligned(offset) + array.nbytes
        _named(state)
    except StateError:
        raise
    except _ERRORS as error:
        raise StateError(f"not a state: {error}") from error
    if _aligned(offset) != memory.nbytes:
        raise StateError(f"state of {_aligned(offset)} octets in {memory.nbytes}")
    return state


def _head(memory: memoryview) -> tuple[list[Any], list[Any], int]:
    (length,) = _LENGTH.unpack_from(memory)
    offset = _LENGTH.size + length
    if offset > memory.nbytes:
        raise StateError(f"header of {length} octets in {memory.nbytes}")
    head = memory[_LENGTH.size : offset]
    scalars, table = msgpack.unpackb(head, strict_map_key=True, **_LIMITS)
    return scalars, table, offset


def _array(memory: memoryview, start: int, dtype: Any, shape: Any) -> npt.NDArray[Any]:
    if not (isinstance(dtype, str) and _DTYPE.fullmatch(dtype)):
        raise StateError(f"no arrays of {dtype!r}")
    if not all(type(side) is int and side >= 0 for side in shape):
        raise StateError(f"no shape {shape!r}")
    kind, count = np.dtype(dtype), math.prod(shape)
    if start + count * kind.itemsize > memory.nbytes:
        raise StateError(f"array {shape} of {dtype} ends behind the {memory.nbytes} octets")
    array = np.frombuffer(memory, kind, count, start).reshape(shape)
    array.flags.writeable = False
    return array


def result_in(octets: bytes) -> npt.NDArray[np.uint8]:
    """The result that a replica's last answer holds. Raises StateError, TypeError."""
    state = decode(memoryview(octets))
    result = state.get("result")
    if not (isinstance(result, np.ndarray) and result.dtype == np.uint8 and result.size):
        raise TypeError("the result is no array of octets")
    return result
