"""Counters that must never go back: small files written in place, durable when ``save`` returns.

A file has four blocks of 4096 octets, one copy in each, written in turn. Writing in place needs no
free space, so that a full disk does not stop what cannot go on without its counters, and one
fdatasync is all it costs. The newest copy that is whole counts. Each copy that is torn or damaged
stands for a value that may have been in use: the counter then reads that many ``STEP`` higher, so
that a value is skipped and never used twice.
"""

from __future__ import annotations

import errno
import os
import struct
from pathlib import Path

from flight.runtime.crc import crc32c
from flight.runtime.files import make_directories, sync_directory, write_all

STEP = 1 << 16  # a value further than this above the last one is written twice
MOST = 1 << 127

_BLOCK = 4096
_COPIES = 4
_RECORD = struct.Struct(">4sQ16sI")  # magic, number of the save, value, CRC of what is before
_MAGIC = b"TGCN"


class CounterFiles:
    """Counters by name below ``folder``, which is created. One process owns them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, int] = {}
        self._saves: dict[str, tuple[int, int]] = {}  # number and value of the last one

    def load(self, name: str) -> int:
        """The value to go on from, 0 when the counter is new. Raises OSError, EBADMSG when no copy
        is whole any more."""
        copies = _copies(self._open(name))
        whole = [copy for copy in copies if copy is not None]
        damaged = len(copies) - len(whole)
        newest = max(whole, default=(0, 0))
        if damaged and newest[0] == 0:
            raise OSError(errno.EBADMSG, "counter lost", str(self._folder / name))
        self._saves[name] = newest
        if not damaged:
            return newest[1]
        return max(value for _, value in whole) + damaged * STEP

    def save(self, name: str, value: int) -> None:
        """Keep a value; it is on the medium when this returns. Raises OSError: the value may then
        be there or not."""
        if not 0 <= value < MOST:
            raise ValueError(f"counter {value}")
        if name not in self._saves:
            self.load(name)
        if value > self._saves[name][1] + STEP:
            self._write(name, value)
        self._write(name, value)

    def _write(self, name: str, value: int) -> None:
        number = self._saves[name][0] + 1
        head = _RECORD.pack(_MAGIC, number, value.to_bytes(16, "big"), 0)[:-4]
        file = self._open(name)
        os.pwrite(file, head + crc32c(head).to_bytes(4, "big"), number % _COPIES * _BLOCK)
        os.fdatasync(file)
        self._saves[name] = number, value

    def close(self) -> None:
        """Release the files."""
        for file in self._files.values():
            os.close(file)
        self._files.clear()
        self._saves.clear()

    def _open(self, name: str) -> int:
        if name not in self._files:
            make_directories(self._folder)
            path = self._folder / name
            if not path.exists():
                _create(path)
            self._files[name] = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        return self._files[name]


def _create(path: Path) -> None:
    """A file of empty copies, its blocks allocated, under its name only when it is whole."""
    fresh = path.with_name(f"{path.name}.new")
    file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        write_all(file, bytes(_BLOCK * _COPIES))
        os.fsync(file)
    finally:
        os.close(file)
    fresh.replace(path)
    sync_directory(path.parent)


def _copies(file: int) -> list[tuple[int, int] | None]:
    """Number and value of each copy, (0, 0) when it was never written, None when it is damaged."""
    return [_copy(os.pread(file, _RECORD.size, at * _BLOCK)) for at in range(_COPIES)]


def _copy(raw: bytes) -> tuple[int, int] | None:
    if raw == bytes(_RECORD.size):
        return 0, 0
    if len(raw) != _RECORD.size or crc32c(raw[:-4]) != int.from_bytes(raw[-4:], "big"):
        return None
    magic, number, value, _ = _RECORD.unpack(raw)
    return (number, int.from_bytes(value, "big")) if magic == _MAGIC else None
