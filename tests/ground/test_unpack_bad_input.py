"""Products whose description no array can have: refused with the one typed error."""

from __future__ import annotations

import hashlib

import pytest

from flight.dictionary.enums import Level
from flight.dictionary.product import (
    FORMAT,
    Product,
    ProductError,
    Provenance,
    decode_product,
    deflate,
    encode_product,
)
from ground.products.unpack import MOST_SIDES, unpack

OCTETS = bytes(range(8))
TEXTS, COUNTS = ("cloud-mask", "scene", "", "", "", ""), (6, 6, 0, 0, 0, 0, 0, 0)
DIGEST = hashlib.sha256(OCTETS).hexdigest()
PROOF = Provenance(1, 1, *TEXTS, Level.DMR, *COUNTS, 1.0, 1.0, DIGEST)


def product(shape: tuple[int, ...]) -> Product:
    raw = encode_product(Product(FORMAT, PROOF, (), shape, deflate(OCTETS)))
    return decode_product(raw)


@pytest.mark.parametrize("sides", [MOST_SIDES + 1, 65, 100, 1000])
def test_too_many_sides_are_a_product_error(sides: int) -> None:
    with pytest.raises(ProductError, match="sides"):
        unpack(product((8,) + (1,) * (sides - 1)))


def test_as_many_sides_as_an_array_may_have() -> None:
    assert unpack(product((8,) + (1,) * (MOST_SIDES - 1))).shape[0] == 8
    assert unpack(product((8,))).tobytes() == OCTETS
