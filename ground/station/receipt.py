"""What a received file is: its digest and, when it is a product, whether it proves itself."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flight.dictionary.product import ProductError, decode_product
from ground.station.jsonform import message_json

VERIFIED = "verified"
PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Receipt:
    """Verdict on a file: ``verified``, ``plain`` when it is no product, or what is wrong with it.

    ``product`` holds its provenance, empty for a plain file.
    """

    size: int
    sha256: str
    verdict: str
    product: dict[str, Any]


def inspect(path: Path) -> Receipt:
    """Return the receipt of a file. Raises OSError."""
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    try:
        product = decode_product(data)
    except ValueError:
        return Receipt(len(data), digest, PLAIN, {})
    from ground.products.unpack import unpack  # numpy: only once a product has come

    try:
        unpack(product)
    except ProductError as error:
        verdict = f"damaged: {error}"
    else:
        verdict = VERIFIED
    return Receipt(len(data), digest, verdict, message_json(product.provenance))
