"""Where uplinked files wait until a command uses them: in the store, bounded in size and number."""

from __future__ import annotations

import contextlib
import errno
import re
from dataclasses import dataclass

from flight.dictionary.enums import Reason
from flight.runtime.service import Store

LARGEST = 8 << 20  # octets of one file; it is held in memory until it is whole
KEPT = 8  # files; the oldest makes room
_FOLDER = "uplink/"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}", re.ASCII)


def stageable(name: str) -> bool:
    """Whether a file may have this name: no path, not hidden, at most 64 octets."""
    return _NAME.fullmatch(name) is not None and ".." not in name


def staged(name: str) -> str:
    """Store name of an uplinked file. Raises ValueError for a name that none can have."""
    if not stageable(name):
        raise ValueError(f"not a name for a file: {name!r}")
    return _FOLDER + name


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that was not taken, and why."""

    name: str
    reason: Reason
    detail: str


class _Sink:
    """One file on its way in (flight.link.cfdp.filestore.Sink)."""

    def __init__(self, staging: Staging, name: str, size: int) -> None:
        self._staging, self._name = staging, name
        self._data = bytearray(size)

    def write(self, offset: int, data: bytes) -> None:
        """Place data at an offset."""
        self._data[offset : offset + len(data)] = data

    def read(self, offset: int, n: int) -> bytes:
        """At most ``n`` octets from an offset."""
        return bytes(self._data[offset : offset + n])

    def commit(self) -> None:
        """Store the file as one step. Raises OSError."""
        self._staging.keep(self._name, bytes(self._data))

    def discard(self) -> None:
        """Forget the file."""
        self._data.clear()


class Staging:
    """The filestore of the node's CFDP entity. What it refuses is in ``refusals``."""

    def __init__(self, store: Store) -> None:
        self.refusals: list[Refusal] = []
        self._store = store
        self._names = [name.removeprefix(_FOLDER) for name in store.names(_FOLDER)]

    def open(self, name: str, size: int) -> _Sink:
        """Begin a file. Raises OSError: bad name, or too large."""
        if not stageable(name):
            raise self._refuse(name, Reason.FORMAT, errno.EINVAL, "not a name for a file")
        if size > LARGEST:
            detail = f"{size} octets, {LARGEST} at most"
            raise self._refuse(name, Reason.RANGE, errno.EFBIG, detail)
        return _Sink(self, name, size)

    def keep(self, name: str, data: bytes) -> None:
        """Store a whole file; the oldest beyond KEPT go. Raises OSError."""
        try:
            self._store.write(staged(name), data)
        except OSError as error:
            detail = error.strerror or str(error)
            raise self._refuse(name, Reason.NO_SPACE, errno.ENOSPC, detail) from error
        names = [*(each for each in self._names if each != name), name]
        self._names = names[-KEPT:]
        for old in names[:-KEPT]:
            with contextlib.suppress(OSError):  # it is found again at the next start
                self._store.remove(staged(old))

    def _refuse(self, name: str, reason: Reason, code: int, detail: str) -> OSError:
        self.refusals.append(Refusal(name, reason, detail))
        return OSError(code, detail, name)
