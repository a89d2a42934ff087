"""Product packing against the ground's independent unpacking, and its refusals."""

from __future__ import annotations

import hashlib

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from flight.dictionary.enums import Level
from flight.dictionary.product import (
    Product,
    ProductError,
    Provenance,
    decode_product,
    encode_product,
)
from flight.storage.packing import pack
from ground.products.unpack import unpack


def product(result: NDArray[np.uint8]) -> Product:
    digest = hashlib.sha256(result.tobytes()).hexdigest()
    counts = (0,) * 7
    proof = Provenance(
        1, 1, "p 1", "s", "", "m", "", "", Level.TMR, *counts, 0, 0.0, 0.0, digest
    )  # fmt: skip
    return pack(result, proof)


@given(arrays(np.uint8, array_shapes(max_dims=3, max_side=40)))
def test_any_result_comes_back_to_the_byte(result: NDArray[np.uint8]) -> None:
    returned = unpack(decode_product(encode_product(product(result))))
    assert returned.shape == result.shape
    assert np.array_equal(returned, result)


@given(st.binary(max_size=200))
def test_random_bytes_are_no_product(data: bytes) -> None:
    with pytest.raises(ProductError):
        decode_product(data)


def test_three_classes_take_two_bits() -> None:
    mask = np.random.default_rng(1).choice(np.array([0, 1, 255], np.uint8), (64, 64))
    assert len(product(mask).packed) < 64 * 64 // 4 + 64


@pytest.mark.parametrize(("values", "table"), [(16, 16), (17, 0), (256, 0)])
def test_only_masks_have_a_table_of_values(values: int, table: int) -> None:
    result = np.random.default_rng(2).permutation(4096).astype(np.uint32) % values
    packed = product(result.astype(np.uint8))
    assert len(packed.values) == table
    assert np.array_equal(unpack(packed), result)


def test_a_stream_that_is_compressed_already_hardly_grows() -> None:
    stream = np.random.default_rng(3).integers(0, 256, 100_000, np.uint8)
    assert len(product(stream).packed) < 100_100


def test_a_changed_octet_is_seen_by_the_digest() -> None:
    codes = np.arange(64, dtype=np.uint8).reshape(8, 8) % 8
    whole, other = product(codes), product(codes + 1)
    forged = msgspec.structs.replace(whole, values=other.values)
    with pytest.raises(ProductError):
        unpack(forged)
