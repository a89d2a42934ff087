"""Files that come in pieces: reserved at once, durable in steps, visible only when they are whole.

A part lies in the folder of its file under a hidden name that follows from a key of its owner, who
finds it again after a restart. One process owns a folder.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from flight.runtime.files import make_directories, sync_directory

_PREFIX = ".part-"
_FLAGS = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW


class PartialFile:
    """One file on its way in (flight.link.cfdp.filestore.Sink). All methods raise OSError."""

    def __init__(self, part: Path, target: Path, fd: int) -> None:
        self._part, self._target, self._fd = part, target, fd

    def write(self, offset: int, data: bytes) -> None:
        """Place data at an offset."""
        view = memoryview(data)
        while view:
            done = os.pwrite(self._fd, view, offset)
            view, offset = view[done:], offset + done

    def read(self, offset: int, n: int) -> bytes:
        """At most ``n`` octets from an offset."""
        return os.pread(self._fd, n, offset)

    def sync(self) -> None:
        """Make durable what was written."""
        os.fdatasync(self._fd)

    def commit(self) -> None:
        """Make the file durable and give it its name, as one step."""
        os.fsync(self._fd)
        self._part.replace(self._target)
        self._close()
        sync_directory(self._target.parent)

    def discard(self) -> None:
        """Forget the file."""
        self._close()
        self._part.unlink(missing_ok=True)

    def _close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


class PartialFolder:
    """A folder of received files and of those on their way in."""

    def __init__(self, folder: Path) -> None:
        """Create it. Raises OSError."""
        self.folder = folder
        make_directories(folder)

    def open(self, key: str, name: str, size: int) -> PartialFile:
        """Reserve ``size`` octets; what lay under the key is replaced. Raises OSError."""
        part = self._part(key)
        part.unlink(missing_ok=True)
        fd = os.open(part, _FLAGS | os.O_CREAT | os.O_EXCL, 0o644)
        file = PartialFile(part, self.folder / name, fd)
        try:
            if size:
                os.posix_fallocate(fd, 0, size)
            os.fsync(fd)
            sync_directory(self.folder)
        except OSError:
            file.discard()
            raise
        return file

    def reopen(self, key: str, name: str, size: int) -> PartialFile | None:
        """A file that an earlier life began, None when it is not there. Raises OSError."""
        part = self._part(key)
        try:
            fd = os.open(part, _FLAGS)
        except FileNotFoundError:
            return None
        file = PartialFile(part, self.folder / name, fd)
        if os.fstat(fd).st_size != size:
            file.discard()
            return None
        return file

    def sweep(self, keys: Collection[str]) -> None:
        """Remove all parts but those of these keys. What cannot be removed does no harm."""
        kept = {self._part(key) for key in keys}
        for part in self.folder.glob(f"{_PREFIX}*"):
            if part not in kept:
                with suppress(OSError):
                    part.unlink()

    def whole(self) -> Iterator[Path]:
        """Files that are whole."""
        return (
            path
            for path in self.folder.iterdir()
            if not path.name.startswith(".") and path.is_file() and not path.is_symlink()
        )

    def reserved(self) -> int:
        """Octets that files on their way in hold."""
        return sum(part.stat().st_size for part in self.folder.glob(f"{_PREFIX}*"))

    def _part(self, key: str) -> Path:
        return self.folder / f"{_PREFIX}{key}"


class SourceFile:
    """A file that is sent (flight.link.cfdp.filestore.Readable); it must not change meanwhile."""

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        self.size = os.fstat(self._fd).st_size

    def read(self, offset: int, n: int) -> bytes:
        """At most ``n`` octets from ``offset``. Raises OSError."""
        return os.pread(self._fd, n, offset)

    def __del__(self) -> None:
        with suppress(AttributeError):  # it could not be opened
            os.close(self._fd)
