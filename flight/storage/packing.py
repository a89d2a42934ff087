"""Packing of a result: few distinct values take few bits each; then, or as they are, zlib."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from flight.dictionary.product import FORMAT, Product, Provenance, bits_per_value, deflate

FEW = 16  # distinct values that half an octet tells apart


def pack_codes(codes: npt.NDArray[np.uint8], bits: int) -> bytes:
    """Pack codes below 2**bits, bits 1, 2, 4 or 8, most significant first; zero padded."""
    per_octet = 8 // bits
    padded = np.zeros(-(-codes.size // per_octet) * per_octet, np.uint8)
    padded[: codes.size] = codes.reshape(-1)
    packed = np.zeros(padded.size // per_octet, np.uint8)
    for position in range(per_octet):
        packed |= padded[position::per_octet] << np.uint8(8 - bits * (position + 1))
    return packed.tobytes()


def pack(result: npt.NDArray[np.uint8], provenance: Provenance) -> Product:
    """Product of a uint8 array of any shape: coded when it is a mask, plain octets otherwise."""
    values = np.flatnonzero(np.bincount(result.reshape(-1), minlength=256))
    if len(values) > FEW:
        return Product(FORMAT, provenance, (), result.shape, deflate(result.tobytes()))
    codes = np.zeros(256, np.uint8)
    codes[values] = np.arange(len(values))
    packed = pack_codes(codes[result], bits_per_value(len(values)))
    return Product(FORMAT, provenance, tuple(values.tolist()), result.shape, deflate(packed))
