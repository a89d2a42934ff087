"""A folder of keys: the key encryption key, and the ring of master keys under it.

The folder has mode 0700 and belongs to whoever runs the node or the station; its files have mode
0600. What others may read or change is no secret and is refused.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from flight.link.sdls.derivation import KEY_SIZE
from flight.link.sdls.keyring import NAME
from flight.runtime.store import FileStore

KEK = "kek.key"


class KeyFolderError(ValueError):
    """A folder whose keys cannot be used; the message says why, and never what is in them."""


def check(folder: Path) -> None:
    """Check a folder and all keys in it. Raises KeyFolderError."""
    try:
        _private(folder, folder.stat())
        if not folder.is_dir():
            raise KeyFolderError(f"{folder} is no folder")
        for path in (folder / KEK, *sorted(folder.glob(f"{NAME}~?"))):
            _private(path, path.stat())
    except OSError as error:
        raise KeyFolderError(f"{error.filename}: {error.strerror}") from error


def _private(path: Path, found: os.stat_result) -> None:
    if found.st_uid != os.geteuid():
        raise KeyFolderError(f"{path} belongs to somebody else")
    if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        mode = "700" if stat.S_ISDIR(found.st_mode) else "600"
        raise KeyFolderError(f"{path}: others may use it; chmod {mode} it")


def read(folder: Path) -> tuple[bytes, bytes, FileStore]:
    """The key encryption key, the ring and the store that it lies in. Raises KeyFolderError."""
    check(folder)
    try:
        kek = (folder / KEK).read_bytes()
        store = FileStore(folder)
        raw = store.read(NAME)
    except OSError as error:
        raise KeyFolderError(f"{error.filename}: {error.strerror}") from error
    if len(kek) != KEY_SIZE:
        raise KeyFolderError(f"{folder / KEK} has {len(kek)} octets, not {KEY_SIZE}")
    if raw is None:
        raise KeyFolderError(f"{folder}: no keyring that reads; ground key init makes one")
    return kek, raw, store
