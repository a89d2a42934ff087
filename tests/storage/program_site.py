"""Bundles and a store with two versions of a program installed."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from flight.dictionary.content import content_hash
from flight.link.staging import staged
from flight.runtime.store import FileStore, MemoryStore
from flight.storage.programs import ProgramStore

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
KEYS = [KEY.public_key().public_bytes_raw()]


def bundle(version: int, name: str = "rows", note: str = "", key: Ed25519PrivateKey = KEY) -> bytes:
    source = f"class Rows:\n    '''{note}'''\n".encode()
    digest = hashlib.sha256(source).hexdigest()
    manifest = {
        "name": name,
        "version": version,
        "entry": "rows:Rows",
        "summary": "Rows",
        "result": "MASK",
        "scenes": 1,
        "parameters": [],
        "dictionary": content_hash().hex(),
        "files": [{"name": "rows.py", "size": len(source), "sha256": digest}],
    }
    text = json.dumps(manifest).encode()
    public = key.public_key().public_bytes_raw()
    head = b"TGPB\x01" + hashlib.sha256(public).digest()[:8]
    rest = struct.pack(">I", len(text)) + text + source
    return head + key.sign(head + rest) + rest


def opened(store: FileStore | MemoryStore, keys: list[bytes] | None = None) -> ProgramStore:
    found = ProgramStore(store, KEYS if keys is None else keys)
    assert found.load() == []
    return found


def put(store: FileStore | MemoryStore, data: bytes) -> str:
    store.path(staged("up.bundle")).write_bytes(data)
    return "up.bundle"


def prepared(root: Path) -> FileStore:
    """Versions 1 and 2 installed, 1 and then 2 active, 3 uplinked."""
    store = FileStore(root)
    programs = opened(store)
    for version in (1, 2):
        programs.install(put(store, bundle(version)))
        programs.activate("rows", version)
    put(store, bundle(3))
    return store


def state(programs: ProgramStore) -> tuple[list[int], int]:
    """Installed versions, and the active one."""
    listed = programs.shelf.installed()
    return [each.version for each, _ in listed], programs.shelf.active("rows")
