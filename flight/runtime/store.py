"""Persistent files: each replaced as one step, CRC-checked, with its previous generation kept.

A file ``name`` lives as ``name~0`` (current) and ``name~1`` (previous); while it is written there
is also ``name~*.tmp``. No name may hold ``~``, so these never meet the files that ``path`` serves.
One process owns a name; any number of processes may read it, and may share a root.

What has been written is read back before it replaces anything. The page cache answers that: it
shows that the kernel took every octet, not that the medium did; fsync reports the medium.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import struct
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from io import FileIO
from pathlib import Path

from flight.runtime.crc import crc32c, extend

_MAGIC = b"TGST"
_VERSION = 1
_HEADER = struct.Struct("<4sIQII")  # magic, version, length, CRC of data, CRC of the 20 before
_NAME = re.compile(r"[\w.-]+(?:/[\w.-]+)*", re.ASCII)
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR})
_DAMAGED = frozenset({errno.EIO, errno.EBADMSG, errno.EUCLEAN})


class FileStore:
    """Files below ``root``, which is created. Sweeps what interrupted writes have left behind."""

    def __init__(self, root: Path) -> None:
        self._root = root
        make_directories(root)
        for path in self._files():
            if path.name.endswith(".tmp"):
                _sweep(path)

    def write(self, name: str, data: bytes) -> None:
        """Replace a file as one step.

        Raises OSError when it cannot: the old generation then still reads. Only when syncing the
        directory, the last step, fails is the new one in place already, and the old one behind it.
        """
        current, previous = self._generations(name)
        make_directories(current.parent)
        fd, temporary = _open_temporary(current)
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
            _discard(fd, temporary)
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

    def remove(self, name: str) -> None:
        """Remove all generations; the current one last, so that an older one never comes back."""
        current, previous = self._generations(name)
        previous.unlink(missing_ok=True)
        current.unlink(missing_ok=True)
        if current.parent.is_dir():
            sync_directory(current.parent)

    def names(self, prefix: str = "") -> list[str]:
        """Names with at least one generation, whether or not it verifies, sorted."""
        found = {
            path.relative_to(self._root).as_posix()[:-2]
            for path in self._files()
            if path.name.endswith(("~0", "~1"))
        }
        return sorted(name for name in found if name.startswith(prefix))

    def path(self, name: str) -> Path:
        """A path below the root for files that are not CRC-framed; its directory is created."""
        path = self._root / _checked(name)
        make_directories(path.parent)
        return path

    def _generations(self, name: str) -> tuple[Path, Path]:
        stem = str(self._root / _checked(name))
        return Path(f"{stem}~0"), Path(f"{stem}~1")

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

    def write(self, name: str, data: bytes) -> None:
        """Replace a file."""
        self._kept[_checked(name)] = [bytes(data), *self.generations(name)[:1]]

    def read(self, name: str) -> bytes | None:
        """Newest generation, or None."""
        return next(iter(self.generations(name)), None)

    def generations(self, name: str) -> list[bytes]:
        """All generations, newest first."""
        return list(self._kept.get(_checked(name), ()))

    def remove(self, name: str) -> None:
        """Remove all generations."""
        self._kept.pop(_checked(name), None)

    def names(self, prefix: str = "") -> list[str]:
        """Names with at least one generation, sorted."""
        return sorted(name for name in self._kept if name.startswith(prefix))

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
    fd, temporary = _open_temporary(path)
    try:
        write_all(fd, data)
        os.fsync(fd)
        temporary.replace(path)
    except BaseException:
        _discard(fd, temporary)
        raise
    os.close(fd)
    sync_directory(path.parent)


def make_directories(path: Path) -> None:
    """Create a directory with all above it so that they survive a power cut. Raises OSError."""
    missing = []
    while not path.is_dir():
        missing.append(path)
        path = path.parent
    for directory in reversed(missing):
        directory.mkdir(exist_ok=True)
        sync_directory(directory.parent)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_all(fd: int, data: bytes) -> None:
    """Write all of ``data``, however few octets each call takes. Raises OSError."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


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


def _open_temporary(current: Path) -> tuple[int, Path]:
    """A new file beside ``current``, locked so that no other process sweeps it while we write."""
    fd, name = tempfile.mkstemp(".tmp", f"{current.name.removesuffix('~0')}~", current.parent)
    path = Path(name)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        swept = os.fstat(fd).st_nlink == 0  # by another process, before the lock
    except BaseException:
        _discard(fd, path)
        raise
    if not swept:
        return fd, path
    os.close(fd)
    return _open_temporary(current)


def _discard(fd: int, temporary: Path) -> None:
    with suppress(OSError):
        temporary.unlink()
    os.close(fd)


def _sweep(temporary: Path) -> None:
    """Remove a temporary file unless its writer lives. What cannot be removed does no harm."""
    with suppress(OSError):
        fd = os.open(temporary, os.O_RDONLY)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            temporary.unlink()
        finally:
            os.close(fd)
