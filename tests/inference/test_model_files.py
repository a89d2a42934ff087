"""Model files and manifests: what is not exactly what was signed off is refused."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight.dictionary.enums import Reason
from flight.inference.errors import Fault, InferenceError
from flight.inference.manifest import (
    MANIFEST_FILE,
    MAX_MANIFEST,
    Manifest,
    load_model,
    parse_manifest,
    verify_model,
)

FLIPS = 400
TEXT = (Path(__file__).parents[2] / "configs/models/cloudnet-rgb/manifest.json").read_bytes()
MANIFEST = json.loads(TEXT)


def refused(manifest: Manifest, data: bytes) -> bool:
    with pytest.raises(InferenceError) as caught:
        verify_model(manifest, data)
    return caught.value.fault is Fault.MODEL_CORRUPT


def test_the_shipped_model_verifies(folder: Path) -> None:
    manifest, data = load_model(folder)
    assert verify_model(manifest, data) is data, "the bytes that were hashed are the ones used"
    assert (folder / manifest.provenance).exists()


def test_every_single_bit_flip_is_refused(shipped: tuple[Manifest, bytes]) -> None:
    manifest, data = shipped
    rng, missed = random.Random(1), 0
    for _ in range(FLIPS):
        bit = rng.randrange(8 * len(data))
        damaged = bytearray(data)
        damaged[bit >> 3] ^= 1 << (bit & 7)
        missed += not refused(manifest, bytes(damaged))
    assert missed == 0, f"{missed} of {FLIPS} flipped files passed"


def test_truncated_extended_zeroed_and_swapped_pages_are_refused(
    shipped: tuple[Manifest, bytes],
) -> None:
    manifest, data = shipped
    assert refused(manifest, b"")
    assert refused(manifest, data[:-1])
    assert refused(manifest, data + b"\0")
    for start in range(0, len(data), 40 * 4096):
        page = slice(start, start + 4096)
        zeroed = bytearray(data)
        zeroed[page] = bytes(len(zeroed[page]))
        assert refused(manifest, bytes(zeroed)), start
    assert refused(manifest, data[4096:8192] + data[:4096] + data[8192:])


@pytest.mark.parametrize("gone", ["manifest.json", "model.onnx"])
def test_a_missing_file_is_one_typed_line(folder: Path, tmp_path: Path, gone: str) -> None:
    for file in folder.iterdir():
        if file.name != gone:
            (tmp_path / file.name).write_bytes(file.read_bytes())
    with pytest.raises(InferenceError, match=f"{gone}: No such file") as caught:
        load_model(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_file_longer_than_the_manifest_says_is_not_read_whole(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / MANIFEST_FILE).write_bytes(TEXT)
    with (tmp_path / "model.onnx").open("wb") as file:
        file.write((folder / "model.onnx").read_bytes())
        file.truncate(1 << 33)
    with pytest.raises(InferenceError, match="837026 octets, manifest says 837025"):
        load_model(tmp_path)


WRONG: list[tuple[str, Any, str]] = [
    ("name", "Cloud Net", r"\$\.name"),
    ("name", "a\n", r"\$\.name"),
    ("version", 0, r"\$\.version"),
    ("version", "1", r"Expected `int`, got `str` - at `\$\.version`"),
    ("file", "../model.onnx", r"\$\.file"),
    ("file", "/etc/passwd", r"\$\.file"),
    ("file", "", r"\$\.file"),
    ("size", -1, r"\$\.size"),
    ("size", 1 << 40, r"\$\.size"),
    ("sha256", MANIFEST["sha256"][:-1], r"\$\.sha256"),
    ("sha256", MANIFEST["sha256"].upper(), r"\$\.sha256"),
    ("input", None, r"\$\.input"),
    ("input.dtype", "float32", r"\$\.input\.dtype"),
    ("input.layout", "NCHW", r"\$\.input\.layout"),
    ("input.shape", [256, 256], r"\$\.input\.shape"),
    ("input.shape", [128, 128, 3], r"input\.shape must be \[tile, tile, number of bands\]"),
    ("input.batch", 0, r"\$\.input\.batch"),
    ("output.classes", ["cloud"], r"\$\.output\.classes"),
    ("nodata", 1, "nodata must not be one of the classes"),
    ("nodata", 256, r"\$\.nodata"),
    ("halo", 128, "halo must be below half a tile"),
    ("tile", 0, r"\$\.tile"),
    ("golden.tolerance", 2, r"\$\.golden\.tolerance"),
    ("colour", "red", "unknown field `colour`"),
]


@pytest.mark.parametrize(("path", "value", "line"), WRONG)
def test_wrong_fields_are_named_in_one_line(path: str, value: Any, line: str) -> None:
    changed = json.loads(TEXT)
    *parents, last = path.split(".")
    target = changed
    for parent in parents:
        target = target[parent]
    target[last] = value
    with pytest.raises(InferenceError, match=line) as caught:
        parse_manifest(json.dumps(changed).encode())
    assert caught.value.fault is Fault.MANIFEST_INVALID
    assert caught.value.reason is Reason.FORMAT
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("field", MANIFEST)
def test_each_missing_field_is_named(field: str) -> None:
    changed = {k: v for k, v in MANIFEST.items() if k != field}
    with pytest.raises(InferenceError, match=f"missing required field `{field}`"):
        parse_manifest(json.dumps(changed).encode())


def test_an_oversized_manifest_is_refused() -> None:
    with pytest.raises(InferenceError, match="limit"):
        parse_manifest(TEXT + b" " * MAX_MANIFEST)


@given(
    st.integers(0, len(TEXT) - 1),
    st.binary(max_size=4),
    st.integers(0, 4),
)
def test_no_edit_of_a_manifest_escapes_the_typed_error(at: int, put: bytes, cut: int) -> None:
    fault = Fault.MANIFEST_INVALID
    try:
        parse_manifest(TEXT[:at] + put + TEXT[at + cut :])
    except InferenceError as error:
        fault = error.fault
    assert fault is Fault.MANIFEST_INVALID
