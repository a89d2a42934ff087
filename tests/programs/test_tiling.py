"""Tiling against the plain way: pad the whole scene, slice it, and cut the result to size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from flight.programs.tiling import NODATA, Tiling, with_nodata

sizes = st.tuples(st.integers(1, 90), st.integers(1, 90))
shapes = st.sampled_from([(32, 4), (32, 0), (16, 7), (8, 3), (5, 1)])


def padded(scene: NDArray[Any], tile: int, halo: int) -> tuple[NDArray[Any], int, int]:
    """The whole scene zero padded to full tiles, and the number of tiles down and across."""
    step = tile - 2 * halo
    down, across = -(-scene.shape[0] // step), -(-scene.shape[1] // step)
    whole = np.zeros((down * step + 2 * halo, across * step + 2 * halo, 3), np.uint8)
    whole[halo : halo + scene.shape[0], halo : halo + scene.shape[1]] = scene
    return whole, down, across


@settings(deadline=None, max_examples=80)
@given(sizes, shapes, st.integers(0, 99))
def test_each_tile_is_the_window_of_the_padded_scene(
    size: tuple[int, int], shape: tuple[int, int], seed: int
) -> None:
    tile, halo = shape
    scene = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    whole, down, across = padded(scene, tile, halo)
    tiling = Tiling(*size, tile, halo)
    assert len(tiling) == down * across
    for index in range(len(tiling)):
        row, column = tiling.origin(index)
        assert (row, column) == (index // across * tiling.step, index % across * tiling.step)
        window = whole[None, row : row + tile, column : column + tile]
        read = tiling.read(scene, index)
        assert read.flags.c_contiguous
        assert np.array_equal(read, window)


@settings(deadline=None, max_examples=80)
@given(sizes, shapes, st.integers(0, 99))
def test_the_identity_model_gives_the_scene_back(
    size: tuple[int, int], shape: tuple[int, int], seed: int
) -> None:
    scene = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
    tiling = Tiling(*size, *shape)
    mask = np.zeros(size, np.uint8)
    for index in reversed(range(len(tiling))):
        tiling.write(mask, index, tiling.read(scene, index)[..., 1])
    assert np.array_equal(mask, scene[..., 1])


@settings(deadline=None, max_examples=40)
@given(sizes, shapes)
def test_tiles_cover_every_pixel_exactly_once(
    size: tuple[int, int], shape: tuple[int, int]
) -> None:
    tiling, covered = Tiling(*size, *shape), np.zeros(size, int)
    for index in range(len(tiling)):
        mine = np.zeros(size, np.uint8)
        tiling.write(mine, index, np.ones((1, shape[0], shape[0]), np.uint8))
        covered += mine
    assert (covered == 1).all()


def test_the_demonstration_scene_takes_20_tiles() -> None:
    tiling = Tiling(718, 791, 256, 32)
    assert (tiling.step, tiling.columns, len(tiling)) == (192, 5, 20)
    assert tiling.origin(19) == (576, 768)


@pytest.mark.parametrize("index", [-1, 20, 1 << 40])
def test_a_tile_that_does_not_exist_is_an_error(index: int) -> None:
    with pytest.raises(IndexError, match="of 20"):
        Tiling(718, 791, 256, 32).origin(index)


def test_nodata_is_black_in_all_bands_and_the_mask_is_not_changed() -> None:
    scene = np.array([[[0, 0, 0], [0, 0, 1], [255, 0, 0], [9, 9, 9]]], np.uint8)
    mask = np.array([[1, 1, 0, 0]], np.uint8)
    assert with_nodata(mask, scene).tolist() == [[NODATA, 1, 0, 0]]
    assert mask.tolist() == [[1, 1, 0, 0]]
