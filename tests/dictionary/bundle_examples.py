"""Bundles for tests, and a second packer written from the description of the format."""

from __future__ import annotations

import hashlib
import json
import struct
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from flight.dictionary.content import content_hash

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
SOURCE = b"class Rows:\n    pass\n"


def public(key: Ed25519PrivateKey = KEY) -> bytes:
    return key.public_key().public_bytes_raw()


def described(files: dict[str, bytes], /, **changed: Any) -> dict[str, Any]:
    """A manifest as JSON data."""
    listed = [
        {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in files.items()
    ]
    return {
        "name": "rows",
        "version": 1,
        "entry": "rows:Rows",
        "summary": "Adds up rows",
        "result": "MASK",
        "scenes": 1,
        "parameters": [],
        "dictionary": content_hash().hex(),
        "files": listed,
    } | changed


def packed(
    manifest: dict[str, Any] | bytes,
    body: bytes,
    key: Ed25519PrivateKey = KEY,
    named: Ed25519PrivateKey | None = None,
) -> bytes:
    """A signed bundle, however wrong its content. ``named``: whose key the header names."""
    text = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
    head = b"TGPB\x01" + hashlib.sha256(public(named or key)).digest()[:8]
    rest = struct.pack(">I", len(text)) + text + body
    return head + key.sign(head + rest) + rest


def bundle(files: dict[str, bytes] | None = None, /, **changed: Any) -> bytes:
    """A signed bundle; ``changed`` goes into the manifest."""
    files = {"rows.py": SOURCE} if files is None else files
    return packed(described(files, **changed), b"".join(files.values()))
