"""Unpacking and drawing of products, against an independent packer."""

from __future__ import annotations

import contextlib
import hashlib
import io
import zlib
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from flight.dictionary.enums import Level
from flight.dictionary.product import (
    Product,
    ProductError,
    Provenance,
    decode_product,
    encode_product,
)
from ground.products.overlay import overlay, shares
from ground.products.render import Layout, load_scene, render
from ground.products.unpack import unpack


def provenance(result: bytes, **changes: object) -> Provenance:
    proof = Provenance(
        task=7,
        request=0x18640001,
        program="cloudmask 1",
        scene="bahamas",
        scene_sha256="ab" * 32,
        model="cloudnet",
        model_sha256="cd" * 32,
        dictionary="0123",
        level=Level.TMR,
        steps=4,
        votes=4,
        masked=1,
        corrected=0,
        replaced=0,
        checkpoints=1,
        resumes=0,
        started_utc=1_767_225_600_000_000_000,
        elapsed=1.5,
        energy=float("nan"),
        result_sha256=hashlib.sha256(result).hexdigest(),
    )
    return msgspec.structs.replace(proof, **changes)


def product_of(result: np.ndarray) -> Product:
    """Pack digit by digit, as the specification says, with no help from numpy."""
    values = sorted(set(result.ravel().tolist()))
    bits = next(bits for bits in (1, 2, 4, 8) if len(values) <= 1 << bits)
    digits = "".join(f"{values.index(value):0{bits}b}" for value in result.ravel().tolist())
    digits += "0" * (-len(digits) % 8)
    packed = zlib.compress(bytes(int(digits[i : i + 8], 2) for i in range(0, len(digits), 8)))
    return Product(1, provenance(result.tobytes()), tuple(values), result.shape, packed)


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.lists(st.integers(0, 255), min_size=1, max_size=40, unique=True),
    st.integers(0),
)
def test_unpack_inverts_an_independent_packer(
    height: int, width: int, values: list[int], seed: int
) -> None:
    source = np.random.default_rng(seed)
    result = source.choice(np.array(values, np.uint8), (height, width))
    assert np.array_equal(unpack(product_of(result)), result)


MASK = np.array([[0, 1, 255], [1, 1, 0]], np.uint8)


@pytest.mark.parametrize(
    "changes",
    [
        {"shape": (3, 3)},
        {"shape": (2, 3, 7)},
        {"shape": (0, 3)},
        {"shape": (-2, -3)},
        {"shape": (1 << 20, 1 << 20)},
        {"values": (0, 1)},
        {"values": (0, 1, 2)},
        {"values": (0, 1, 256)},
        {"values": ()},
        {"packed": b"not zlib"},
        {"packed": zlib.compress(b"\x11\x49\x00")},
        {"packed": zlib.compress(b"\x1e\xff")},
        {"provenance": provenance(b"something else")},
    ],
)
def test_what_does_not_fit_is_a_product_error(changes: dict[str, object]) -> None:
    good = product_of(MASK)
    assert np.array_equal(unpack(good), MASK)
    with pytest.raises(ProductError):
        unpack(msgspec.structs.replace(good, **changes))


def test_any_flipped_bit_of_the_data_is_seen() -> None:
    good = product_of(np.random.default_rng(1).choice(np.array([0, 1, 255], np.uint8), (30, 30)))
    count = len(good.packed) * 8
    accepted = 0
    for bit in range(count):
        packed = bytearray(good.packed)
        packed[bit >> 3] ^= 1 << (bit & 7)
        try:
            result = unpack(msgspec.structs.replace(good, packed=bytes(packed)))
        except ProductError:
            continue
        accepted += not np.array_equal(result, unpack(good))
    assert accepted == 0, f"{accepted} wrong results accepted of n={count} flips"


def test_any_flipped_bit_of_the_file_is_a_refusal_or_changes_no_result() -> None:
    result = np.random.default_rng(2).choice(np.array([0, 1, 255], np.uint8), (12, 12))
    data = encode_product(product_of(result))
    wrong = 0
    for bit in range(len(data) * 8):
        damaged = bytearray(data)
        damaged[bit >> 3] ^= 1 << (bit & 7)
        with contextlib.suppress(ValueError):
            wrong += unpack(decode_product(bytes(damaged))).tobytes() != result.tobytes()
    assert wrong == 0, f"{wrong} wrong results accepted of n={len(data) * 8} flips"


@pytest.mark.parametrize("shape", [(40, 60), (300, 250), (1, 1), (900, 20)])
def test_picture_has_the_size_of_its_layout(shape: tuple[int, int]) -> None:
    source = np.random.default_rng(3)
    mask = source.choice(np.array([0, 1, 2, 255], np.uint8), shape)
    scene = source.integers(0, 256, (*shape, 3), np.uint8)
    png = render(product_of(mask), 900, scene)
    with Image.open(io.BytesIO(png)) as picture:
        picture.load()
        assert (picture.format, picture.size) == ("PNG", Layout(*shape).size)
        assert len(picture.getcolors(1 << 24)) > 2


def test_picture_shows_the_scene_unchanged_on_the_left() -> None:
    scene = np.random.default_rng(4).integers(0, 256, (641, 20, 3), np.uint8)
    png = render(product_of(np.zeros((641, 20), np.uint8)), 900, scene)
    with Image.open(io.BytesIO(png)) as picture:
        pixels = np.asarray(picture)
    left = Layout(641, 20).left(0)
    assert np.array_equal(pixels[114 : 114 + 641, left : left + 20], scene)


def test_overlay_touches_classes_and_nodata_only() -> None:
    scene = np.full((8, 8, 3), 100, np.uint8)
    mask = np.zeros((8, 8), np.uint8)
    mask[2:6, 2:6], mask[0] = 1, 255
    picture = overlay(scene, mask)
    clear = picture[mask == 0]
    assert (clear == clear[0]).all()
    assert (picture[mask == 1] != clear[0]).any(axis=1).all()
    assert (picture[mask == 255] != clear[0]).any(axis=1).all()
    assert shares(mask) == {1: 16 / 56}


def test_mask_of_another_scene_is_refused() -> None:
    with pytest.raises(ProductError, match="no mask of"):
        render(product_of(MASK), 900, np.zeros((9, 9, 3), np.uint8))


def test_scene_files(tmp_path: Path) -> None:
    scene = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    np.savez(tmp_path / "good.npz", other=np.zeros(3), rgb=scene)
    assert np.array_equal(load_scene(tmp_path / "good.npz"), scene)
    np.savez(tmp_path / "bad.npz", rgb=scene.astype(float))
    np.savez(tmp_path / "pickle.npz", rgb=np.array([{}], object))
    np.save(tmp_path / "single.npy", scene)
    (tmp_path / "junk.npz").write_bytes(b"PK\x03\x04 junk")
    for name in ("bad.npz", "pickle.npz", "single.npy", "junk.npz", "missing.npz"):
        with pytest.raises(ProductError):
            load_scene(tmp_path / name)
