"""Persistent files: each replaced as one step, CRC-checked, with its previous generation kept.

A file ``name`` lives as ``name~0`` (current) and ``name~1`` (previous); while it is written there
is also ``name~*.tmp``. No name may hold ``~``, so these never meet the files that ``path`` serves.
One process owns a name; any number of processes may read it, and may share a root.

What has been written is read back before it replaces anything. The page cache answers that: it
shows that the kernel took every octet, not that the medium did; fsync reports the medium.

A large file has slots instead, ``name~s0`` and on: each one file, replaced as one step, written and
read in pieces. Its owner keeps the generations, checks what it reads, and reads back what it wrote:
``open_slot`` first has the kernel drop what it caches of the slot, so that the device answers. No
software on board can tell the medium from a cache inside the device.
"""

from __future__ import annotations

import errno
import io
import os
import re
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from flight.runtime.crc import crc32c, extend
from flight.runtime.files import (
    Piece,
    discard,
    make_directories,
    open_temporary,
    replace_pieces,
    sweep,
    sync_directory,
    write_all,
)

_MAGIC = b"TGST"
_VERSION = 1
_HEADER = struct.Struct("<4sIQII")  # magic, version, length, CRC of data, CRC of the 20 before
_NAME = re.compile(r"[\w.-]+(?:/[\w.-]+)*", re.ASCII)
_ENDING = re.compile(r"~(?:[01]|s\d)$")
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR})
_DAMAGED = frozenset({errno.EIO, errno.EBADMSG, errno.EUCLEAN})

SLOTS = 4  # of a name


class FileStore:
    """Files below ``root``, which is created. Sweeps what interrupted writes have left behind."""

    def __init__(self, root: Path) -> None:
        self._root = root
        make_directories(root)
        for path in self._files():
            if path.name.endswith(".tmp"):
                sweep(path)

    def write(self, name: str, data: bytes) -> None:
        """Replace a file as one step.

        Raises OSError when it cannot: the old generation then still reads. Only when syncing the
        directory, the last step, fails is the new one in place already, and the old one behind it.
        """
        current, previous = self._generations(name)
        make_directories(current.parent)
        fd, temporary = open_temporary(current)
        try:
            write_all(fd, _header(data))
            write_all(fd, data)
            os.fsync(fd)
            if not _verifies(temporary):
                raise OSError(errno.EIO, "does not read back", str(temporary))
            # A damaged current generation must not push out a previous one that may be good.
            if _verifies(current):
                current.replace(previous)
            temporary.replace(current)
        except BaseException:
            discard(fd, temporary)
            raise
        os.close(fd)
        sync_directory(current.parent)

    def read(self, name: str) -> bytes | None:
        """Newest generation that verifies, or None. Raises OSError when one may not be opened."""
        for path in self._generations(name):
            if (data := _load(path)) is not None:
                return data
        return None

    def generations(self, name: str) -> list[bytes]:
        """All generations that verify, newest first. Raises OSError as ``read`` does."""
        return [data for path in self._generations(name) if (data := _load(path)) is not None]

    def write_slot(self, name: str, slot: int, pieces: Iterable[Piece]) -> None:
        """Replace one slot as one step by pieces of (offset, data); what lies between reads 0.

        Raises OSError, and whatever ``pieces`` raises: the slot is then as it was, but for an
        error when syncing the directory, the last step.
        """
        path = self._slot(name, slot)
        make_directories(path.parent)
        replace_pieces(path, pieces)

    def open_slot(self, name: str, slot: int) -> BinaryIO | None:
        """A slot to be read from the medium, unbuffered; None when absent. Raises OSError."""
        try:
            file = self._slot(name, slot).open("rb", buffering=0)
        except (FileNotFoundError, NotADirectoryError):
            return None
        with suppress(OSError):  # advice that not every file system takes
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return file

    def remove(self, name: str) -> None:
        """Remove all slots, and all generations: the current one last, so that an older one never
        comes back."""
        current, previous = self._generations(name)
        for slot in range(SLOTS):
            self._slot(name, slot).unlink(missing_ok=True)
        previous.unlink(missing_ok=True)
        current.unlink(missing_ok=True)
        if current.parent.is_dir():
            sync_directory(current.parent)

    def names(self, prefix: str = "") -> list[str]:
        """Names with at least one generation or slot, whether or not it verifies, sorted."""
        files = (path.relative_to(self._root).as_posix() for path in self._files())
        found = {file[: match.start()] for file in files if (match := _ENDING.search(file))}
        return sorted(name for name in found if name.startswith(prefix))

    def path(self, name: str) -> Path:
        """A path below the root for files that are not CRC-framed; its directory is created."""
        path = self._root / _checked(name)
        make_directories(path.parent)
        return path

    def _generations(self, name: str) -> tuple[Path, Path]:
        stem = str(self._root / _checked(name))
        return Path(f"{stem}~0"), Path(f"{stem}~1")

    def _slot(self, name: str, slot: int) -> Path:
        return Path(f"{self._root / _checked(name)}~s{range(SLOTS)[slot]}")

    def _files(self) -> Iterator[Path]:
        """Every file of ours below the root, those that ``path`` serves left out."""
        for directory, _, files in os.walk(self._root):
            for file in files:
                if "~" in file:
                    yield Path(directory, file)


class MemoryStore:
    """The same without files, for the simulated hosting; only ``path`` needs a ``root``."""

    def __init__(self, root: Path | None = None) -> None:
        self._root = root
        self._kept: dict[str, list[bytes]] = {}
        self._slots: dict[tuple[str, int], bytes] = {}

    def write(self, name: str, data: bytes) -> None:
        """Replace a file."""
        self._kept[_checked(name)] = [bytes(data), *self.generations(name)[:1]]

    def read(self, name: str) -> bytes | None:
        """Newest generation, or None."""
        return next(iter(self.generations(name)), None)

    def generations(self, name: str) -> list[bytes]:
        """All generations, newest first."""
        return list(self._kept.get(_checked(name), ()))

    def write_slot(self, name: str, slot: int, pieces: Iterable[Piece]) -> None:
        """Replace a slot."""
        key, file = (_checked(name), range(SLOTS)[slot]), io.BytesIO()
        for offset, data in pieces:
            file.seek(offset)
            file.write(data)
        self._slots[key] = file.getvalue()

    def open_slot(self, name: str, slot: int) -> BinaryIO | None:
        """A slot to be read, None when absent."""
        data = self._slots.get((_checked(name), range(SLOTS)[slot]))
        return None if data is None else io.BytesIO(data)

    def remove(self, name: str) -> None:
        """Remove all generations and slots."""
        self._kept.pop(_checked(name), None)
        self._slots = {key: data for key, data in self._slots.items() if key[0] != name}

    def names(self, prefix: str = "") -> list[str]:
        """Names with at least one generation or slot, sorted."""
        found = self._kept.keys() | {name for name, _ in self._slots}
        return sorted(name for name in found if name.startswith(prefix))

    def path(self, name: str) -> Path:
        """A path below the root given; its directory is created. Raises OSError without a root."""
        name = _checked(name)
        if self._root is None:
            raise OSError(errno.ENOTDIR, "this store was given no directory", name)
        path = self._root / name
        make_directories(path.parent)
        return path


def replace_file(path: Path, data: bytes) -> None:
    """Replace a file that carries its own integrity check, as one step. Raises OSError."""
    make_directories(path.parent)
    replace_pieces(path, [(0, data)])


def _checked(name: str) -> str:
    """Return a relative name of [A-Za-z0-9._-/] without '.' or '..'. Raises ValueError."""
    if not _NAME.fullmatch(name) or not {".", ".."}.isdisjoint(name.split("/")):
        raise ValueError(f"not a name for a file: {name!r}")
    return name


def _header(data: bytes) -> bytes:
    head = _HEADER.pack(_MAGIC, _VERSION, len(data), crc32c(data), 0)[:-4]
    return head + crc32c(head).to_bytes(4, "little")


def _expected(file: FileIO) -> tuple[int, int] | None:
    """Length and CRC that the header promises; None when it is damaged or the file too long."""
    head = file.read(_HEADER.size)
    size = os.fstat(file.fileno()).st_size - _HEADER.size
    if size < 0 or crc32c(head[:-4]) != int.from_bytes(head[-4:], "little"):
        return None
    magic, version, length, crc, _ = _HEADER.unpack(head)
    return (length, crc) if (magic, version, length) == (_MAGIC, _VERSION, size) else None


def _verifies(path: Path, block: int = 1 << 20, keep: list[bytes] | None = None) -> bool:
    """Whether a generation is there and whole. Its data are read in blocks, and kept if asked."""
    length, crc = 0, 0
    try:
        with path.open("rb", buffering=0) as file:
            expected = _expected(file)
            while expected and (piece := file.read(block)):
                length, crc = length + len(piece), extend(crc, piece)
                if keep is not None:
                    keep.append(piece)
    except OSError as error:
        if error.errno in _ABSENT | _DAMAGED:
            return False
        raise
    return expected == (length, crc)


def _load(path: Path) -> bytes | None:
    """Data of a generation, or None when it is absent, damaged or unreadable."""
    pieces: list[bytes] = []
    return b"".join(pieces) if _verifies(path, -1, pieces) else None
