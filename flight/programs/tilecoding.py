"""Coding of one tile of a picture: quantised, predicted, and Rice coded. Integers only.

Quantised first by 2e+1, values are then coded without loss, so that no value comes back more than
e wrong, and the predictor needs no feedback from the decoder. Planes: green, then red and blue
less green. Predictor: the median edge detector of LOCO-I (Weinberger, Seroussi and Sapiro, IEEE
Trans. Image Proc. 9(8), 2000). Its errors are folded to 0, 1, 2, … for -0, -1, 1, … and Rice coded
in blocks with one option each, the all-zero block among them (as CCSDS 121.0-B-3).

A coded tile is a string of bits, most significant first, zero padded to octets:
the options of all blocks, 4 bits each; for all values of blocks that are not zero the high parts in
unary, n zeros and a one; then their low parts, k bits each. High parts lie together so that both
ends can work on whole arrays.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BLOCK = 32  # values that share an option; the last block is filled with zeros
OPTIONS = 11  # k of 0 to 10: differences of bands reach 510, folded 1020
ALL_ZERO = 15
OPTION_BITS = 4

Tile = NDArray[np.uint8]
Blocks = NDArray[np.int32]


def predicted_blocks(tile: Tile, error: int) -> Blocks:
    """Folded prediction errors of a tile uint8 [H,W,3] at a largest error: int32 [N,BLOCK]."""
    levels = (tile.astype(np.int32) + error) // (2 * error + 1)
    red, green, blue = np.moveaxis(levels, -1, 0)
    planes = np.pad(np.stack((green, red - green, blue - green)), ((0, 0), (1, 0), (1, 0)))
    west, north, corner = planes[:, 1:, :-1], planes[:, :-1, 1:], planes[:, :-1, :-1]
    low, high = np.minimum(west, north), np.maximum(west, north)
    errors = planes[:, 1:, 1:] - np.clip(west + north - corner, low, high)
    folded = (errors << 1) ^ (errors >> 31)
    blocks = np.zeros(-(-folded.size // BLOCK) * BLOCK, np.int32)
    blocks[: folded.size] = folded.reshape(-1)
    return blocks.reshape(-1, BLOCK)


def options(blocks: Blocks) -> tuple[NDArray[np.uint8], int]:
    """The shortest option of each block, uint8 [N], and the octets of the whole coded tile."""
    costs = np.stack([(blocks >> k).sum(1) + BLOCK * (1 + k) for k in range(OPTIONS)])
    chosen = costs.argmin(0).astype(np.uint8)
    zero = ~blocks.any(1)
    chosen[zero] = ALL_ZERO
    bits = int(costs.min(0)[~zero].sum()) + OPTION_BITS * len(blocks)
    return chosen, -(-bits // 8)


def coded(blocks: Blocks, chosen: NDArray[np.uint8]) -> bytes:
    """The octets of a tile."""
    kept = chosen != ALL_ZERO
    values = blocks[kept].reshape(-1)
    low = np.repeat(chosen[kept], BLOCK).astype(np.int32)
    ones = np.cumsum((values >> low) + 1) - 1
    unary = np.zeros(ones[-1] + 1 if ones.size else 0, np.uint8)
    unary[ones] = 1
    starts = np.cumsum(low) - low
    binary = np.zeros(int(low.sum()), np.uint8)
    for place in range(OPTIONS - 1):
        deep = low > place
        digits = values[deep] >> (low[deep] - 1 - place)
        binary[starts[deep] + place] = digits & 1
    head = np.unpackbits(chosen[:, None], axis=1)[:, -OPTION_BITS:].reshape(-1)
    return np.packbits(np.concatenate((head, unary, binary))).tobytes()
