"""The compiled form of a model: a graph without weights, and one pool that holds them all.

It is made on the node (``compile``), because the optimised graph suits one processor only, and
opened without ``onnx``. File layout: 8 octets of magic, SHA-256 of the rest, MessagePack.
"""

from __future__ import annotations

import hashlib
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from flight.inference.errors import Fault, InferenceError
from flight.inference.manifest import InputSpec, Name, OutputSpec

COMPILED_FILE = "compiled.bin"
ALIGNMENT = 64
_MAGIC = b"TGMODEL1"
_HEAD = len(_MAGIC) + 32
_ITEM_SIZE = {"<f2": 2, "<f4": 4, "<f8": 8}

Index = Annotated[int, Meta(ge=0)]


class TensorSpec(msgspec.Struct, frozen=True):
    """Where one weight tensor lies in the pool; ``dtype`` as NumPy writes it, ``<f4``."""

    name: str
    dtype: str
    shape: tuple[Index, ...]
    offset: Index

    @property
    def size(self) -> int:
        """Octets."""
        return prod(self.shape) * _ITEM_SIZE[self.dtype]


class Compiled(msgspec.Struct, frozen=True):
    """A model ready to open. ``graph`` holds zeros where its weights are in the pool."""

    model: Name
    key: str
    input: InputSpec
    output: OutputSpec
    graph: bytes
    tensors: tuple[TensorSpec, ...]
    constants: tuple[str, ...]  # tensors left in the graph: read at load, out of the guard's reach
    pool: bytes


def compile_key(source_sha256: str, ort_version: str, cpu_flags: str) -> str:
    """Return the identity of a compiled form: another key means compile again (hexadecimal)."""
    text = "\0".join((source_sha256, ort_version, " ".join(sorted(cpu_flags.split()))))
    return hashlib.sha256(text.encode()).hexdigest()


def encode_compiled(compiled: Compiled) -> bytes:
    """Return the bytes of the file."""
    body = msgspec.msgpack.encode(compiled)
    return _MAGIC + hashlib.sha256(body).digest() + body


def decode_compiled(data: bytes) -> Compiled:
    """Return the compiled form in ``data``. Raises InferenceError(COMPILED_CORRUPT)."""
    if data[: len(_MAGIC)] != _MAGIC:
        raise InferenceError(Fault.COMPILED_CORRUPT, "not a compiled model of this software")
    body = memoryview(data)[_HEAD:]
    if hashlib.sha256(body).digest() != data[len(_MAGIC) : _HEAD]:
        raise InferenceError(Fault.COMPILED_CORRUPT, "SHA-256 differs")
    try:
        compiled = msgspec.msgpack.decode(body, type=Compiled)
    except msgspec.DecodeError as error:
        raise InferenceError(Fault.COMPILED_CORRUPT, str(error)) from error
    _check_layout(compiled)
    return compiled


def read_compiled(path: Path) -> Compiled:
    """Read and decode a file. Raises InferenceError(COMPILED_CORRUPT)."""
    try:
        data = path.read_bytes()
    except OSError as error:
        detail = f"{path.name}: {error.strerror}"
        raise InferenceError(Fault.COMPILED_CORRUPT, detail) from error
    return decode_compiled(data)


def _check_layout(compiled: Compiled) -> None:
    """Refuse tensors of unknown type, misaligned, overlapping or outside the pool."""
    for spec in compiled.tensors:
        if spec.dtype not in _ITEM_SIZE or spec.offset % ALIGNMENT:
            raise InferenceError(Fault.COMPILED_CORRUPT, f"tensor {spec.name}: type or alignment")
    ordered = sorted(compiled.tensors, key=lambda spec: spec.offset)
    overlap = any(a.offset + a.size > b.offset for a, b in pairwise(ordered))
    if not ordered or overlap or ordered[-1].offset + ordered[-1].size > len(compiled.pool):
        raise InferenceError(Fault.COMPILED_CORRUPT, "tensors do not fit the pool")
