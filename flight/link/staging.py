"""Where uplinked files wait until a command uses them: on disk, bounded in size and number."""

from __future__ import annotations

import contextlib
import errno
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from flight.dictionary.enums import Reason
from flight.dictionary.parameters import LinkParameters
from flight.link.cfdp.filestore import Sink
from flight.link.cfdp.reports import TransactionId
from flight.runtime.partial import PartialFile, PartialFolder
from flight.runtime.service import Store

LARGEST = 4095 << 20  # octets of a file that any node may be set to take
FOLDER = "uplink/"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}", re.ASCII)


def stageable(name: str) -> bool:
    """Whether a file may have this name: no path, not hidden, at most 64 octets."""
    return _NAME.fullmatch(name) is not None and ".." not in name


def staged(name: str) -> str:
    """Path in the store of an uplinked file. Raises ValueError for a name that none can have."""
    if not stageable(name):
        raise ValueError(f"not a name for a file: {name!r}")
    return f"{FOLDER}{name}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that was not taken, and why."""

    name: str
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Limits:
    """Octets of one file; of all, those on their way in included; and how many are kept."""

    largest: int
    quota: int
    kept: int

    @classmethod
    def of(cls, parameters: LinkParameters) -> Limits:
        """As the parameters have it."""
        largest, quota = parameters.uplink_largest << 20, parameters.uplink_quota << 20
        return cls(largest, quota, parameters.uplink_files)


class _Sink:
    """A part that makes room for itself when it is whole, and says so when it cannot be kept."""

    def __init__(self, staging: Staging, name: str, part: PartialFile) -> None:
        self._staging, self._name, self._part = staging, name, part
        self.write, self.read, self.sync = part.write, part.read, part.sync
        self.discard = part.discard

    def commit(self) -> None:
        """Keep the file; the oldest beyond the limits go. Raises OSError."""
        try:
            self._part.commit()
        except OSError as error:
            raise self._staging.refuse(self._name, Reason.NO_SPACE, error) from error
        self._staging.prune()


class Staging:
    """The filestore of the node's CFDP entity. What it refuses is in ``refusals``."""

    def __init__(self, store: Store, limits: Limits | None = None) -> None:
        """``limits`` are those of the default parameters; they may be replaced. Raises OSError."""
        self.limits = limits or Limits.of(LinkParameters())
        self.refusals: list[Refusal] = []
        self._folder = PartialFolder(store.path(FOLDER.rstrip("/")))

    def open(self, name: str, size: int, transaction: TransactionId) -> Sink:
        """Begin a file. Raises OSError: bad name, too large, no space."""
        if not stageable(name):
            raise self.refuse(name, Reason.FORMAT, OSError(errno.EINVAL, "not a name for a file"))
        if size > self.limits.largest:
            detail = f"{size} octets, {self.limits.largest} at most"
            raise self.refuse(name, Reason.RANGE, OSError(errno.EFBIG, detail))
        if self._folder.reserved() + size > self.limits.quota:
            raise self.refuse(name, Reason.NO_SPACE, OSError(errno.EDQUOT, "quota of uplinks"))
        try:
            part = self._folder.open(_key(transaction), name, size)
        except OSError as error:
            raise self.refuse(name, Reason.NO_SPACE, error) from error
        self.prune()  # not before it is sure that the new one is taken
        return _Sink(self, name, part)

    def reopen(self, name: str, size: int, transaction: TransactionId) -> Sink | None:
        """A file that an earlier life began, None when it is not there. Raises OSError."""
        part = self._folder.reopen(_key(transaction), name, size)
        return None if part is None else _Sink(self, name, part)

    def sweep(self, open_: Collection[TransactionId]) -> None:
        """Remove the parts of all other transactions."""
        self._folder.sweep({_key(each) for each in open_})

    def names(self) -> list[tuple[str, int]]:
        """(name, octets) of the files that are there, oldest first."""
        return [(path.name, size) for path, size in self._whole()]

    def remove(self, name: str) -> bool:
        """Remove a file; False when there is none. Raises OSError."""
        found = [path for path, _ in self._whole() if path.name == name]
        for path in found:
            path.unlink()
        return bool(found)

    def prune(self) -> None:
        """Remove the oldest files, until number and quota are kept."""
        files = self._whole()
        room = self.limits.quota - self._folder.reserved()
        while files and (len(files) > self.limits.kept or sum(n for _, n in files) > room):
            with contextlib.suppress(OSError):  # it is found again the next time
                files[0][0].unlink()
            files = files[1:]

    def refuse(self, name: str, reason: Reason, error: OSError) -> OSError:
        """Note a refusal; returns the error to raise."""
        self.refusals.append(Refusal(name, reason, error.strerror or str(error)))
        return error

    def _whole(self) -> list[tuple[Path, int]]:
        found = [(path.stat(), path) for path in self._folder.whole()]
        found.sort(key=lambda each: (each[0].st_mtime_ns, each[1].name))
        return [(path, stat.st_size) for stat, path in found]


def _key(transaction: TransactionId) -> str:
    return f"{transaction.source}-{transaction.number}"
