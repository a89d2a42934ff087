"""Received files: written under a hidden name, made durable, then renamed."""

from __future__ import annotations

import os
from pathlib import Path

from flight.link.cfdp.filestore import acceptable

LARGEST = 1 << 30
_PART = ".part-"


class InboxSink:
    """One file on its way in. All methods raise OSError."""

    def __init__(self, part: Path, target: Path, size: int) -> None:
        self._part = part
        self._target = target
        self._file = os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        try:
            if size:
                os.posix_fallocate(self._file, 0, size)
        except OSError:
            self.discard()
            raise

    def write(self, offset: int, data: bytes) -> None:
        """Place data at an offset."""
        os.pwrite(self._file, data, offset)

    def read(self, offset: int, n: int) -> bytes:
        """Return at most ``n`` octets from an offset."""
        return os.pread(self._file, n, offset)

    def commit(self) -> None:
        """Make the file durable and give it its name in one step."""
        os.fsync(self._file)
        os.replace(self._part, self._target)  # noqa: PTH105
        self._close()
        folder = os.open(self._target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def discard(self) -> None:
        """Forget the file."""
        self._close()
        self._part.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file = -1


class Inbox:
    """A folder of received files. What an earlier run left half-written is removed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        folder.mkdir(parents=True, exist_ok=True)
        for part in folder.glob(f"{_PART}*"):
            part.unlink()

    def open(self, name: str, size: int) -> InboxSink:
        """Reserve ``size`` octets for a file. Raises OSError: no space, too large, bad name."""
        if size > LARGEST or not acceptable(name):
            raise OSError(f"{name!r} of {size} octets refused")
        self._count += 1
        return InboxSink(self._folder / f"{_PART}{self._count}", self._folder / name, size)

    def path(self, name: str) -> Path:
        """Where a delivered file lies."""
        return self._folder / name
