"""Received files: on disk from the first octet, under their name when they are whole."""

from __future__ import annotations

import errno
from collections.abc import Collection
from pathlib import Path

from flight.link.cfdp import Sink, TransactionId, acceptable
from flight.runtime.partial import PartialFolder

LARGEST = 1 << 30


class Inbox:
    """The filestore of the station's CFDP entity (flight.link.cfdp.filestore.Filestore)."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError."""
        self._parts = PartialFolder(folder)
        self._folder = folder

    def open(self, name: str, size: int, transaction: TransactionId) -> Sink:
        """Reserve ``size`` octets for a file. Raises OSError: no space, too large, bad name."""
        if size > LARGEST or not acceptable(name):
            raise OSError(errno.EINVAL, f"{size} octets under this name are refused", name)
        return self._parts.open(_key(transaction), name, size)

    def reopen(self, name: str, size: int, transaction: TransactionId) -> Sink | None:
        """A file that an earlier run began, None when it is not there. Raises OSError."""
        return self._parts.reopen(_key(transaction), name, size)

    def sweep(self, open_: Collection[TransactionId]) -> None:
        """Remove what is left of all other transactions."""
        self._parts.sweep({_key(each) for each in open_})

    def path(self, name: str) -> Path:
        """Where a delivered file lies."""
        return self._folder / name


def _key(transaction: TransactionId) -> str:
    return f"{transaction.source}-{transaction.number}"
