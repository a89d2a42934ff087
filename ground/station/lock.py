"""Lock of a station directory: one station at a time, released by the kernel if it dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from flight.console.exits import Exit, Stop


class DirectoryLock:
    """Holds ``station.lock`` in a directory."""

    def __init__(self, folder: Path) -> None:
        """Take the lock. Raises Stop (6) with the pid of the station that holds it."""
        self._file = os.open(folder / "station.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.pread(self._file, 32, 0).decode("ascii", "replace").strip()
            os.close(self._file)
            raise Stop(Exit.DOWN, f"station {owner} already runs on {folder}") from error
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let another station have the directory."""
        os.close(self._file)
