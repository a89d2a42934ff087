"""The manifest of a model, and the check of a model file against it.

onnxruntime has no integrity check: nearly every damaged file loads and runs, with other numbers.
So the bytes are hashed first, and the bytes that were hashed are the ones that are used.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from flight.inference.errors import Fault, InferenceError

MANIFEST_FILE = "manifest.json"
MAX_MANIFEST = 64 << 10
MAX_MODEL = 256 << 20

Name = Annotated[str, Meta(pattern=r"\A[a-z0-9][a-z0-9-]{0,31}\Z")]
FileName = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")]
Sha256 = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
TensorName = Annotated[str, Meta(min_length=1, max_length=64)]
Positive = Annotated[int, Meta(ge=1, le=4096)]


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of the parts of a manifest."""


class InputSpec(_Strict, frozen=True):
    """The array that the model takes: uint8 [1..batch, *shape], C order."""

    name: TensorName
    dtype: Literal["uint8"]
    layout: Literal["NHWC"]
    bands: Annotated[tuple[str, ...], Meta(min_length=1, max_length=16)]
    shape: tuple[Positive, Positive, Positive]  # height, width, bands
    batch: Annotated[int, Meta(ge=1, le=64)]
    contract: str  # what the values must mean


class OutputSpec(_Strict, frozen=True):
    """The mask that the model gives: uint8 [N, height, width], values index ``classes``."""

    name: TensorName
    dtype: Literal["uint8"]
    layout: Literal["NHW"]
    classes: Annotated[tuple[str, ...], Meta(min_length=2, max_length=254)]


class Golden(_Strict, frozen=True):
    """The mask that the model gave on a known scene, where it was measured."""

    onnxruntime: str
    scene: Name
    scene_sha256: Sha256  # of the picture's bytes, uint8, row major
    mask_sha256: Sha256  # of the mask's bytes, uint8, row major, nodata applied
    mask_file: FileName
    tolerance: Annotated[float, Meta(ge=0, le=1)]  # share of pixels that may differ elsewhere
    note: str


class Score(_Strict, frozen=True):
    """Accuracy, Cohen's kappa and cloud IoU on one labelled scene."""

    acc: float
    kappa: float
    iou_cloud: float


class Rendering(_Strict, frozen=True):
    """Scores under one way of making 8-bit pictures; the rule uses no network."""

    held_out: dict[str, Score]  # by the scene that was not in training
    mean_acc: float
    mean_kappa: float
    rule_mean_acc: float
    rule_mean_kappa: float
    in_contract: bool


class Accuracy(_Strict, frozen=True):
    """Held-out accuracy only, by rendering."""

    note: str
    renderings: dict[str, Rendering]


class Manifest(_Strict, frozen=True):
    """What a model file is, what it takes and gives, and how good it is."""

    name: Name
    version: Annotated[int, Meta(ge=1)]
    file: FileName
    size: Annotated[int, Meta(ge=1, le=MAX_MODEL)]
    sha256: Sha256
    input: InputSpec
    output: OutputSpec
    nodata: Annotated[int, Meta(ge=0, le=255)]
    tile: Positive
    halo: Annotated[int, Meta(ge=0)]
    golden: Golden
    accuracy: Accuracy
    licence: str
    provenance: FileName

    def __post_init__(self) -> None:
        if self.input.shape != (self.tile, self.tile, len(self.input.bands)):
            raise ValueError("input.shape must be [tile, tile, number of bands]")
        if 2 * self.halo >= self.tile:
            raise ValueError("halo must be below half a tile")
        if self.nodata < len(self.output.classes):
            raise ValueError("nodata must not be one of the classes")


def parse_manifest(data: bytes) -> Manifest:
    """Return the manifest in the bytes of a JSON file. Raises InferenceError."""
    if len(data) > MAX_MANIFEST:
        raise InferenceError(Fault.MANIFEST_INVALID, f"{len(data)} octets, limit {MAX_MANIFEST}")
    try:
        return msgspec.json.decode(data, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InferenceError(Fault.MANIFEST_INVALID, str(error)) from error


def verify_model(manifest: Manifest, data: bytes) -> bytes:
    """Return ``data`` when it is the file that the manifest describes. Raises InferenceError."""
    if len(data) != manifest.size:
        detail = f"{manifest.file}: {len(data)} octets, manifest says {manifest.size}"
        raise InferenceError(Fault.MODEL_CORRUPT, detail)
    found = hashlib.sha256(data).hexdigest()
    if found != manifest.sha256:
        detail = f"{manifest.file}: SHA-256 {found[:16]}…, manifest says {manifest.sha256[:16]}…"
        raise InferenceError(Fault.MODEL_CORRUPT, detail)
    return data


def load_model(folder: Path) -> tuple[Manifest, bytes]:
    """Read a model's folder, each file once; return what verified. Raises InferenceError."""
    manifest = parse_manifest(_read(folder / MANIFEST_FILE, MAX_MANIFEST, Fault.MANIFEST_INVALID))
    data = _read(folder / manifest.file, manifest.size, Fault.MODEL_CORRUPT)
    return manifest, verify_model(manifest, data)


def _read(path: Path, limit: int, fault: Fault) -> bytes:
    """Return a file's bytes, at most one more than ``limit``, so that excess is seen."""
    try:
        with path.open("rb") as file:
            return file.read(limit + 1)
    except OSError as error:
        raise InferenceError(fault, f"{path.name}: {error.strerror}") from error
