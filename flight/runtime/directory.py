"""Directories of a node: persistent state, and the run directory for sockets and pages."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import struct
import tempfile
from pathlib import Path

_FLOCK = struct.Struct("hhqqi4x")  # struct flock: type, whence, start, length, pid
_WHOLE = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)


class DirectoryInUse(RuntimeError):
    """Another node runs on the same state directory."""


def run_dir(state_dir: Path) -> Path:
    """Run directory of a node: short enough for socket paths, different per state directory."""
    digest = hashlib.blake2b(str(state_dir.resolve()).encode(), digest_size=6).hexdigest()
    memory = Path("/dev/shm")
    base = memory if os.access(memory, os.W_OK) else Path(tempfile.gettempdir())
    return base / f"tardigrade-{digest}"


class NodeDirectory:
    """Exclusive hold of a state directory; the run directory is swept at start and at the end."""

    def __init__(self, state_dir: Path) -> None:
        """Take the directory. Raises DirectoryInUse or OSError."""
        state_dir.mkdir(parents=True, exist_ok=True)
        self.state = state_dir.resolve()
        self.run = run_dir(state_dir)
        self._lock = os.open(self.state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.fcntl(self._lock, fcntl.F_OFD_SETLK, _WHOLE)
        except BlockingIOError as error:
            os.close(self._lock)
            raise DirectoryInUse(f"another node runs on {self.state}") from error
        shutil.rmtree(self.run, ignore_errors=True)
        self.run.mkdir(mode=0o700)

    def release(self) -> None:
        """Remove the run directory and let go of the lock."""
        shutil.rmtree(self.run, ignore_errors=True)
        os.close(self._lock)


def in_use(state_dir: Path) -> bool:
    """True while a node holds the directory."""
    try:
        descriptor = os.open(state_dir / "lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # Asked for, never taken: a node that starts at this moment is not to be refused.
        found = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, _WHOLE)
    finally:
        os.close(descriptor)
    return bool(_FLOCK.unpack(found)[0] != fcntl.F_UNLCK)
