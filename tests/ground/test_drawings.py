"""Drawings of change maps and compressed pictures, and the verbs that make them."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from flight.dictionary.enums import Level, ResultKind
from flight.dictionary.product import ProductError, Provenance, encode_product
from flight.dictionary.programs import PROGRAMS, CompressParameters, parameters_text
from flight.programs.compress import Compress
from flight.storage.packing import pack
from ground.__main__ import main
from ground.products.overlay import colour
from ground.products.panels import panels
from ground.products.render import Layout, render
from ground.station.archive import Archive
from ground.station.receipt import inspect

NOON = 1_767_225_600_000_000_000
Pixels = NDArray[np.uint8]
MAP = np.array([[0, 1, 2], [3, 255, 0]], np.uint8)  # tiles of 16 over 30 x 40 pixels


def scene_file(pixels: Pixels) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, rgb=pixels)
    return stream.getvalue()


def product(result: Pixels, kind: ResultKind, parameters: str = "") -> Any:
    taken = hashlib.sha256(scene_file(hills())).hexdigest()
    counts = (0,) * 7
    digest = hashlib.sha256(result.tobytes()).hexdigest()
    proof = Provenance(
        *(1, 1, "program 1", "hills", taken, "", "", "", Level.TMR, *counts, 0, 0.0, 0.0),
        *(digest, kind, parameters),
    )
    return pack(result, proof)


def changes(tile: int = 16) -> Any:
    parameters = f"tile={tile},threshold=2.0,texture=8.0"
    return product(MAP, ResultKind.CHANGE, parameters)


def hills(height: int = 30, width: int = 40) -> Pixels:
    return np.random.default_rng(4).integers(1, 255, (height, width, 3), np.uint8)


def compressed(scene: Pixels, error: int = 0) -> Any:
    parameters = CompressParameters(max_error=error)
    program = Compress(SimpleNamespace(scene=scene, parameters=parameters))
    state = program.start()
    while not program.done(state):
        state = program.step(state)
    return product(program.result(state), ResultKind.PICTURE, parameters_text(parameters))


def test_a_change_map_lies_over_the_tiles_of_its_scene() -> None:
    scene = np.full((30, 40, 3), 100, np.uint8)
    shown = panels(changes(), scene)
    (_, before), (_, after) = shown.pictures
    assert np.array_equal(before, scene)
    plain = after[0, 0]
    differs = (after != plain).any(-1)
    for row in range(2):
        for column in range(3):
            tile = np.s_[16 * row : 16 * row + 16, 16 * column : 16 * column + 16]
            assert differs[tile].all() == differs[tile].any() == (MAP[row, column] != 0)
    entries = [(label.split()[0], tint) for label, tint in shown.legend]
    names = ("brighter", "darker", "texture")
    assert entries == [(name, colour(n)) for n, name in enumerate(names, 1)]


@pytest.mark.parametrize(
    ("made", "detail"),
    [
        (changes(8), "is no map of"),
        (product(MAP, ResultKind.CHANGE, "tile=1"), "tile=1: allowed is 8"),
        (product(MAP, ResultKind.CHANGE, "side=8"), "no parameter 'side'"),
        (product(MAP, ResultKind.PICTURE), "octets wanted"),
        (product(MAP, ResultKind.MASK), "is no mask of"),
    ],
)
def test_what_does_not_fit_its_scene_is_a_product_error(made: Any, detail: str) -> None:
    with pytest.raises(ProductError, match=detail):
        render(made, 900, hills())


def test_a_picture_is_drawn_beside_its_scene_or_alone() -> None:
    scene = hills(700, 30)
    made = compressed(scene)
    for given, count in ((scene, 2), (None, 1)):
        layout = Layout(700, 30, count)
        with Image.open(io.BytesIO(render(made, 900, given))) as drawn:
            assert drawn.size == layout.size
            pixels = np.asarray(drawn)
        left = layout.left(count - 1)
        if given is None:
            assert abs(2 * left + 30 - layout.size[0]) <= 1, "it stands in the middle"
        assert np.array_equal(pixels[114 : 114 + 700, left : left + 30], scene)


def test_a_picture_that_is_further_off_than_it_says_is_refused() -> None:
    scene = hills()
    assert panels(compressed(scene, 2), scene).legend[0][0].endswith("error at most 2")
    with pytest.raises(ProductError, match="levels off the scene, 2 at most"):
        panels(compressed(scene, 2), scene ^ 64)
    with pytest.raises(ProductError, match="is none of"):
        panels(compressed(scene), hills(40, 30))


def station_that_received(folder: Path, made: Any) -> Path:
    """Station directory with a product in inbox and archive."""
    (folder / "inbox").mkdir(parents=True)
    path = folder / "inbox" / "one.product"
    path.write_bytes(encode_product(made))
    receipt = inspect(path)
    archive = Archive(folder / "archive.sqlite", NOON)
    size, sha256, verdict = receipt.size, receipt.sha256, receipt.verdict
    archive.add_file(path.name, size, sha256, verdict, receipt.product, NOON)
    archive.commit()
    archive.close()
    return folder


def get(folder: Path, *words: str) -> int:
    return main(["file", "get", "one.product", "--dir", str(folder), *words])


def test_file_get_draws_a_picture_without_its_scene_but_not_a_map(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "hills.npz").write_bytes(scene_file(hills()))
    scene, png = str(tmp_path / "hills.npz"), tmp_path / "drawn.png"
    picture = station_that_received(tmp_path / "a", compressed(hills()))
    assert get(picture, "--render", str(png)) == 0
    assert get(picture, "--render", str(png), "--scene", scene) == 0
    drawn = png.read_bytes()
    assert drawn.startswith(b"\x89PNG")
    map_of_changes = station_that_received(tmp_path / "b", changes())
    assert get(map_of_changes, "--render", str(png)) == 2
    assert "--render needs --scene" in capsys.readouterr().err
    assert png.read_bytes() == drawn, "nothing is half-written"
    assert get(map_of_changes, "--render", str(png), "--scene", scene) == 0
    assert png.read_bytes() != drawn


def test_file_get_draws_nothing_over_another_picture_of_the_same_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.npz"
    other.write_bytes(scene_file(hills()[::-1]))
    folder, png = station_that_received(tmp_path / "a", changes()), tmp_path / "drawn.png"
    assert get(folder, "--render", str(png), "--scene", str(other)) == 1
    assert "is not the hills of this product" in capsys.readouterr().err
    assert not png.exists()
    other.write_bytes(scene_file(hills()))
    assert get(folder, "--render", str(png), "--scene", str(other)) == 0
    assert f"drawn to {png}" in capsys.readouterr().out


def test_programs_are_listed_with_what_they_take(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["task", "programs", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [each["program"] for each in listed] == list(PROGRAMS)
    compress = next(each for each in listed if each["program"] == "compress")
    assert {each["name"]: each["default"] for each in compress["parameters"]} == {
        "max_error": 0,
        "rate": 0.0,
        "tile": 128,
    }
    assert main(["task", "programs"]) == 0
    assert "Side of a tile (u16, 16 to 256 pixel, default 128)" in capsys.readouterr().out
