"""The product of a task as it is downlinked: packed data and the proof of how it was computed."""

from __future__ import annotations

import zlib
from typing import Annotated

import msgspec

from flight.dictionary.enums import Level, ResultKind
from flight.dictionary.fields import internal
from flight.dictionary.registry import Message

FORMAT = 1


class Provenance(Message, frozen=True):
    """How a result was computed."""

    task: Annotated[int, internal("Task id")]
    request: Annotated[int, internal("Telecommand request id")]
    program: Annotated[str, internal("Program and version")]
    scene: Annotated[str, internal("Scene")]
    scene_sha256: Annotated[str, internal("SHA-256 of the scene file")]
    model: Annotated[str, internal("Model, empty when none was used")]
    model_sha256: Annotated[str, internal("SHA-256 of the model file")]
    dictionary: Annotated[str, internal("Dictionary hash")]
    level: Annotated[Level, internal("Redundancy")]
    steps: Annotated[int, internal("Steps")]
    votes: Annotated[int, internal("Votes taken")]
    masked: Annotated[int, internal("Replica answers outvoted or lost")]
    corrected: Annotated[int, internal("Memory corrections inside replicas")]
    replaced: Annotated[int, internal("Replicas replaced")]
    checkpoints: Annotated[int, internal("Checkpoints written")]
    resumes: Annotated[int, internal("Resumes from a checkpoint")]
    started_utc: Annotated[int, internal("First start", "ns")]
    elapsed: Annotated[float, internal("Time from first start to result", "s")]
    energy: Annotated[float, internal("Node input energy over that time, NaN when unknown", "J")]
    result_sha256: Annotated[str, internal("SHA-256 of the unpacked result bytes")]
    kind: Annotated[ResultKind, internal("Kind of result")] = ResultKind.MASK
    parameters: Annotated[str, internal("All parameters of the program, name=value")] = ""
    second: Annotated[str, internal("Second scene, empty when none was used")] = ""
    second_sha256: Annotated[str, internal("SHA-256 of the second scene file")] = ""


class Evidence(Message, frozen=True):
    """Of a task that ended its replicas again and again."""

    why: Annotated[str, internal("Why it was given up")]
    step: Annotated[int, internal("Last step that was voted")]
    crashes: Annotated[tuple[str, ...], internal("How replicas ended at the step after it")]
    state_sha256: Annotated[str, internal("SHA-256 of the state voted last, empty for none")]
    state: Annotated[bytes, internal("That state, empty when it is large")]


class Product(Message, frozen=True):
    """A result array, packed, with its provenance."""

    format: Annotated[int, internal("Format version")]
    provenance: Annotated[Provenance, internal("How it was computed")]
    values: Annotated[tuple[int, ...], internal("Distinct values, index = code; empty: octets")]
    shape: Annotated[tuple[int, ...], internal("Dimensions of the uint8 result")]
    packed: Annotated[bytes, internal("zlib of the octets, or of codes of least bits, MSB first")]


class ProductError(ValueError):
    """The bytes are no product, or do not unpack to what the provenance says."""


def encode_product(product: Product) -> bytes:
    """Return the file bytes of a product."""
    return msgspec.msgpack.encode(product)


def decode_product(data: bytes) -> Product:
    """Return the product in ``data``. Raises ProductError."""
    try:
        product = msgspec.msgpack.decode(data, type=Product)
    except ValueError as error:  # msgspec.DecodeError, or text that is no UTF-8
        raise ProductError(f"not a product: {error}") from error
    if product.format != FORMAT:
        raise ProductError(f"product format {product.format}, this software reads {FORMAT}")
    return product


def decode_evidence(octets: bytes) -> Evidence:
    """Return the evidence in an unpacked result. Raises ProductError."""
    try:
        return msgspec.msgpack.decode(octets, type=Evidence)
    except ValueError as error:  # msgspec.DecodeError, or text that is no UTF-8
        raise ProductError(f"not evidence: {error}") from error


def bits_per_value(count: int) -> int:
    """Bits that tell ``count`` distinct values apart: 1, 2, 4 or 8."""
    return next(bits for bits in (1, 2, 4, 8) if count <= 1 << bits)


def deflate(codes: bytes) -> bytes:
    """Compress packed codes."""
    return zlib.compress(codes, 9)


def inflate(packed: bytes, size: int) -> bytes:
    """Decompress exactly ``size`` octets. Raises ProductError."""
    stream = zlib.decompressobj()
    try:
        codes = stream.decompress(packed, size + 1)
    except zlib.error as error:
        raise ProductError(f"packed data: {error}") from error
    if len(codes) != size or not stream.eof:
        raise ProductError(f"packed data inflate to {len(codes)} octets or more, {size} expected")
    return codes
