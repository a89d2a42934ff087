"""From a product to its result array."""

from __future__ import annotations

import hashlib
import math

import numpy as np
from numpy.typing import NDArray

from flight.dictionary.product import Product, ProductError, bits_per_value, inflate

LARGEST = 1 << 28  # values
MOST_SIDES = 64  # that a numpy array may have


def _codes(product: Product, count: int) -> NDArray[np.uint8]:
    """Return one code per value: uint8 [count], MSB first in the packed octets."""
    bits = bits_per_value(len(product.values))
    packed = np.frombuffer(inflate(product.packed, -(-count * bits // 8)), np.uint8)
    if bits == 8:
        return packed
    digits = np.unpackbits(packed)
    if digits[count * bits :].any():
        raise ProductError("padding after the last code is not zero")
    weights = (1 << np.arange(bits - 1, -1, -1)).astype(np.uint8)
    codes: NDArray[np.uint8] = digits[: count * bits].reshape(count, bits) @ weights
    return codes


def _decoded(product: Product, count: int) -> NDArray[np.uint8]:
    """Return the values: uint8 [count]. Without a table of values the octets are the values."""
    values = product.values
    if not values:
        return np.frombuffer(inflate(product.packed, count), np.uint8)
    if len(values) > 256 or not all(0 <= value <= 255 for value in values):
        raise ProductError("values must be at most 256 numbers of 0 to 255")
    codes = _codes(product, count)
    if codes.max() >= len(values):
        raise ProductError(f"code {codes.max()} names no value; there are {len(values)}")
    return np.asarray(values, np.uint8)[codes]


def unpack(product: Product) -> NDArray[np.uint8]:
    """Return the result of a product: uint8 of the product's shape.

    Raises ProductError when the data do not fit the description, or when the result is not the one
    whose SHA-256 the node voted on.
    """
    if len(product.shape) > MOST_SIDES:
        raise ProductError(f"shape of {len(product.shape)} sides, {MOST_SIDES} at most")
    if not all(0 < side <= LARGEST for side in product.shape):
        raise ProductError(f"shape {product.shape} has no content")
    count = math.prod(product.shape)
    if count > LARGEST:
        raise ProductError(f"shape {product.shape} is larger than {LARGEST} values")
    result = _decoded(product, count)
    digest = hashlib.sha256(result.tobytes()).hexdigest()
    if digest != product.provenance.result_sha256:
        raise ProductError(
            f"result SHA-256 {digest[:16]} is not the voted {product.provenance.result_sha256[:16]}"
        )
    return result.reshape(product.shape)
