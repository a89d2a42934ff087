"""The station's end of the protected link, and the steps of a rotation on the ground."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Any

from flight.console.exits import Exit, Stop
from flight.dictionary.security import KeyState
from flight.link.sdls import Direction, Keyring, KeyringError, LinkEnd
from flight.link.sdls.derivation import KEY_SIZE
from flight.link.sdls.folder import KeyFolderError, read
from flight.link.sdls.keyring import wrap
from flight.runtime.counters import CounterFiles
from flight.runtime.store import FileStore

COUNTERS = "counters"


def open_ring(folder: Path) -> Keyring:
    """The ring of a folder. Raises Stop (1)."""
    kek, raw, store = _read(folder)
    try:
        return Keyring(kek, raw, store)
    except KeyringError as error:
        raise Stop(Exit.CHECK_FAILED, f"{folder}: {error.detail}") from error


def _read(folder: Path) -> tuple[bytes, bytes, FileStore]:
    try:
        return read(folder)
    except KeyFolderError as error:
        raise Stop(Exit.CHECK_FAILED, str(error)) from error


class KeyHolder:
    """One process at a time: two that send under the same counters would break the keys."""

    def __init__(self, folder: Path, spacecraft: int) -> None:
        """Raises Stop: 1 when the keys cannot be used, 6 when a station has them."""
        found = open_ring(folder).spacecraft
        if found != spacecraft:
            which = f"spacecraft {found:#x}, not {spacecraft:#x}"
            raise Stop(Exit.CHECK_FAILED, f"{folder}: the keys are for {which}")
        self._kek = _read(folder)[0]
        self._lock = _lock(folder)
        self.ring = open_ring(folder)  # again: a station may just have changed and left it
        self.end = LinkEnd(self.ring, Direction.UP, CounterFiles(folder / COUNTERS))

    def prepare(self) -> dict[str, Any]:
        """The key to rotate to: one that waits, else a new one. Raises KeyringError, OSError."""
        waiting = [
            epoch
            for epoch, state in self.ring.states().items()
            if state is KeyState.PRE_ACTIVE and epoch > self.ring.sending
        ]
        if not waiting:
            epoch = self.ring.newest + 1
            self.ring.load(epoch, wrap(self._kek, os.urandom(KEY_SIZE)))
            waiting = [epoch]
        epoch = waiting[-1]
        found = {"epoch": epoch, "wrapped": self.ring.wrapped(epoch).hex()}
        return found | {"fingerprint": self.ring.fingerprints()[epoch]}

    def switch(self, epoch: int) -> None:
        """Send under a key that the node takes. Raises KeyringError, OSError."""
        self.ring.switch(epoch)

    def revoke(self, epoch: int) -> None:
        """Destroy a key. Raises KeyringError, OSError."""
        self.ring.revoke(epoch)
        self.end.forget()

    def close(self) -> None:
        """Keep the counters and let another station have the keys."""
        self.end.close()
        os.close(self._lock)


def _lock(folder: Path) -> int:
    file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(file)
        raise Stop(Exit.DOWN, f"a station already uses the keys in {folder}") from error
    return file
