"""What a product shows: its panels and its legend, by the kind of its result."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flight.dictionary.enums import ResultKind
from flight.dictionary.product import Product, ProductError
from flight.dictionary.programs import CHANGE_DETECTION, ChangeParameters, parse_parameters
from flight.dictionary.values import LayoutError
from ground.products.overlay import colour, overlay, shares
from ground.products.picture import decode_picture
from ground.products.unpack import unpack

CHANGES = {1: "brighter", 2: "darker", 3: "texture"}
Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Panels:
    """Labelled pictures uint8 [H,W,3] of one size, and legend entries with their colours."""

    pictures: tuple[tuple[str, Image], ...]
    legend: tuple[tuple[str, tuple[int, int, int] | None], ...]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of one picture."""
        height, width = self.pictures[0][1].shape[:2]
        return height, width


def panels(product: Product, scene: Image | None) -> Panels:
    """Return what to draw of a product. ``scene`` is uint8 [H,W,3]; a picture needs none.

    Raises ProductError when the product does not verify or is not of this scene.
    """
    result = unpack(product)
    if product.provenance.kind is ResultKind.PICTURE:
        return _picture(result, scene)
    if scene is None:
        raise ProductError("a mask is drawn over its scene")
    if product.provenance.kind is ResultKind.CHANGE:
        return _over(scene, _enlarged(product, result, scene.shape[:2]), CHANGES)
    if result.shape != scene.shape[:2]:
        raise ProductError(f"product of shape {result.shape} is no mask of {scene.shape[:2]}")
    return _over(scene, result, {1: "cloud"} if "cloud" in product.provenance.program else {})


def _over(scene: Image, mask: Image, names: dict[int, str]) -> Panels:
    """A mask uint8 [H,W] over its scene; classes with their share of the valid pixels."""
    pictures = ("SCENE", scene), ("RESULT OVER SCENE", overlay(scene, mask))
    found = sorted(shares(mask).items())[:4]
    legend = [(f"{names.get(n, f'class {n}')} {share:.1%}", colour(n)) for n, share in found]
    return Panels(pictures, tuple(legend))


def _enlarged(product: Product, tiles: Image, shape: tuple[int, ...]) -> Image:
    """A map of tiles [R,C] as a mask of the scene [H,W]."""
    try:
        parameters = parse_parameters(CHANGE_DETECTION, product.provenance.parameters)
    except LayoutError as error:
        raise ProductError(f"parameters of the product: {error.detail}") from error
    assert isinstance(parameters, ChangeParameters)
    side = parameters.tile
    if tiles.shape != tuple(-(-length // side) for length in shape):
        raise ProductError(f"product of {tiles.shape} tiles of {side} is no map of {shape}")
    enlarged: Image = np.kron(tiles, np.ones((side, side), np.uint8))[: shape[0], : shape[1]]
    return enlarged


def _picture(result: Image, scene: Image | None) -> Panels:
    """A decompressed picture, beside its scene when the ground has it."""
    picture = decode_picture(result.tobytes())
    pixels = picture.pixels
    rate = 8 * result.size / (pixels.shape[0] * pixels.shape[1])
    legend = ((f"{rate:.2f} bit/pixel, error at most {picture.error}", None),)
    if scene is None:
        return Panels((("DECOMPRESSED", pixels),), legend)
    if scene.shape != pixels.shape:
        raise ProductError(f"picture of shape {pixels.shape} is none of {scene.shape}")
    worst = int(np.abs(pixels.astype(np.int16) - scene).max())
    if worst > picture.error:
        raise ProductError(f"picture is {worst} levels off the scene, {picture.error} at most")
    return Panels((("SCENE", scene), ("DECOMPRESSED", pixels)), legend)
