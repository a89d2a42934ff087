"""A program bundle: the files of a task program as one signed file, uplinked and kept as it is.

Magic (4 octets), format (1), key id (8), Ed25519 signature (64), length of the manifest (4, big
endian), manifest (JSON), then the files in the manifest's order and nothing else. The signature
covers all octets but its own. A bundle is never unpacked: replicas import from its bytes.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from flight.dictionary.enums import Reason
from flight.dictionary.manifest import File, Manifest

LARGEST = 256 << 10  # octets; code, not data
LARGEST_MANIFEST = 32 << 10

MAGIC = b"TGPB"
FORMAT = 1
KEY_ID_SIZE = 8
SIGNATURE_SIZE = 64
_HEAD = struct.Struct(f">4sB{KEY_ID_SIZE}s")
_LENGTH = struct.Struct(">I")
_SIGNED_FROM = _HEAD.size + SIGNATURE_SIZE
SMALLEST = _SIGNED_FROM + _LENGTH.size


class BundleError(ValueError):
    """A bundle is refused: RANGE (size), FORMAT, AUTHENTICATION, CORRUPT or UNKNOWN (entry)."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Seal:
    """Who signed a bundle (first octets of the SHA-256 of the public key), the signature, and
    what it covers."""

    key_id: bytes
    signature: bytes
    covered: bytes


@dataclass(frozen=True, slots=True)
class Bundle:
    """The content of a bundle; files by name."""

    manifest: Manifest
    files: dict[str, bytes]


def listing(files: dict[str, bytes]) -> tuple[File, ...]:
    """The list of files for a manifest."""
    return tuple(
        File(name, len(data), hashlib.sha256(data).hexdigest()) for name, data in files.items()
    )


def pack_bundle(
    manifest: Manifest, files: dict[str, bytes], key_id: bytes, sign: Callable[[bytes], bytes]
) -> bytes:
    """The octets of a bundle. Raises BundleError when ``parse_bundle`` would refuse it."""
    described = msgspec.json.encode(manifest)
    body = _LENGTH.pack(len(described)) + described + b"".join(files.values())
    head = _HEAD.pack(MAGIC, FORMAT, key_id)
    data = head + sign(head + body) + body
    parse_bundle(data)
    return data


def read_seal(data: bytes) -> Seal:
    """Header of a bundle of acceptable size; nothing else is looked at. Raises BundleError."""
    if not SMALLEST <= len(data) <= LARGEST:
        detail = f"{len(data)} octets, {SMALLEST} to {LARGEST} are allowed"
        raise BundleError(Reason.RANGE, detail)
    magic, version, key_id = _HEAD.unpack_from(data)
    if magic != MAGIC:
        raise BundleError(Reason.FORMAT, "no program bundle")
    if version != FORMAT:
        raise BundleError(Reason.FORMAT, f"bundle format {version}, this software reads {FORMAT}")
    covered = data[: _HEAD.size] + data[_SIGNED_FROM:]
    return Seal(key_id, data[_HEAD.size : _SIGNED_FROM], covered)


def parse_bundle(data: bytes) -> Bundle:
    """The content of a bundle whose signature, or whose SHA-256, is known to be right.

    Raises BundleError.
    """
    read_seal(data)
    (length,) = _LENGTH.unpack_from(data, _SIGNED_FROM)
    if length > min(LARGEST_MANIFEST, len(data) - SMALLEST):
        raise BundleError(Reason.FORMAT, f"manifest of {length} octets")
    manifest = _manifest(data[SMALLEST : SMALLEST + length])
    bundle = Bundle(manifest, _files(manifest, data[SMALLEST + length :]))
    _check_entry(manifest, bundle.files[manifest.entry_file])
    return bundle


def _manifest(text: bytes) -> Manifest:
    try:
        return msgspec.json.decode(text, type=Manifest)
    except ValueError as error:  # msgspec's DecodeError, or text not in UTF-8
        raise BundleError(Reason.FORMAT, f"manifest: {error}") from error


def _files(manifest: Manifest, body: bytes) -> dict[str, bytes]:
    """Cut the body as the manifest says; every digest must match and nothing be left over."""
    files: dict[str, bytes] = {}
    start = 0
    for file in manifest.files:
        data = body[start : start + file.size]
        if hashlib.sha256(data).hexdigest() != file.sha256:
            raise BundleError(Reason.CORRUPT, f"{file.name}: SHA-256 differs")
        files[file.name] = data
        start += file.size
    if start != len(body):
        raise BundleError(Reason.FORMAT, f"files of {start} octets in {len(body)}")
    return files


def _check_entry(manifest: Manifest, source: bytes) -> None:
    """The class must be there. Its text tells, at no cost; whether it compiles, the ground has
    checked, and a replica will."""
    wanted = manifest.entry.partition(":")[2].encode()
    if not re.search(rb"^class " + wanted + rb"\s*[(:]", source, re.MULTILINE):
        detail = f"{manifest.entry_file} has no class {wanted.decode()}"
        raise BundleError(Reason.UNKNOWN, detail)
