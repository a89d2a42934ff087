"""Files replaced as one step, directories that survive a power cut: what store and journal use."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

SYNC_EVERY = 32 << 20  # octets
Piece = tuple[int, bytes | memoryview]  # offset in the file, data


def replace_pieces(path: Path, pieces: Iterable[Piece]) -> None:
    """Replace a file as one step; what lies between the pieces reads as zeros.

    Raises OSError, and whatever ``pieces`` raises; the file is then as it was. Only when syncing
    the directory, the last step, fails is the new one in place already.
    """
    fd, temporary = open_temporary(path)
    try:
        _write_pieces(fd, pieces)
        os.fsync(fd)
        temporary.replace(path)
    except BaseException:
        discard(fd, temporary)
        raise
    os.close(fd)
    sync_directory(path.parent)


def _write_pieces(fd: int, pieces: Iterable[Piece]) -> None:
    """Write pieces; the device takes the first while the next are copied, as fsync would later."""
    from concurrent.futures import Future, ThreadPoolExecutor  # 13 ms at start-up, for large files

    dirty, syncs = 0, list[Future[None]]()
    with ThreadPoolExecutor(1) as syncer:
        for offset, data in pieces:
            os.lseek(fd, offset, os.SEEK_SET)
            write_all(fd, data)
            dirty += len(data)
            if dirty >= SYNC_EVERY and all(sync.done() for sync in syncs):
                dirty = 0
                with suppress(RuntimeError):  # no thread: fsync does it all
                    syncs.append(syncer.submit(os.fdatasync, fd))
    for sync in syncs:
        sync.result()  # the kernel reports an error of the device to one call only


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


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Write all of ``data``, however few octets each call takes. Raises OSError."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def open_temporary(current: Path) -> tuple[int, Path]:
    """A new file beside ``current``, locked so that no other process sweeps it while we write."""
    fd, name = tempfile.mkstemp(".tmp", f"{current.name.removesuffix('~0')}~", current.parent)
    path = Path(name)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        swept = os.fstat(fd).st_nlink == 0  # by another process, before the lock
    except BaseException:
        discard(fd, path)
        raise
    if not swept:
        return fd, path
    os.close(fd)
    return open_temporary(current)


def discard(fd: int, temporary: Path) -> None:
    """Give up a temporary file."""
    with suppress(OSError):
        temporary.unlink()
    os.close(fd)


def sweep(temporary: Path) -> None:
    """Remove a temporary file unless its writer lives. What cannot be removed does no harm."""
    with suppress(OSError):
        fd = os.open(temporary, os.O_RDONLY)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            temporary.unlink()
        finally:
            os.close(fd)
