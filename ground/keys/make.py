"""Making a folder of keys."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from flight.link.sdls import fingerprint
from flight.link.sdls.derivation import KEY_SIZE
from flight.link.sdls.folder import KEK
from flight.link.sdls.keyring import NAME, first_record
from flight.runtime.store import FileStore


def make(
    folder: Path,
    spacecraft: int,
    *,
    clear: bool = False,
    strict: bool = False,
    entropy: Callable[[int], bytes] = os.urandom,
) -> str:
    """Make a key encryption key and a first master key in a new folder; return the fingerprint of
    the master key. Node and station each get a copy of the folder.

    ``clear``: authentication only. ``strict``: the whole primary header is authenticated, which
    other ground systems do not do. ``entropy(n)`` gives n random octets.

    Raises OSError, FileExistsError when there are keys already.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    kek, master = entropy(KEY_SIZE), entropy(KEY_SIZE)
    write_key(folder / KEK, kek)
    FileStore(folder).write(NAME, first_record(kek, master, spacecraft, clear, strict))
    return fingerprint(master)


def write_key(path: Path, key: bytes) -> None:
    """A new file of mode 0600, on the medium when this returns. Raises OSError."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(file, "wb") as stream:
        stream.write(key)
        stream.flush()
        os.fsync(stream.fileno())
