"""The station's files on disk: inbox, copies of what goes up, and the state of all transfers."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

from flight.link.cfdp import Engine, Readable, Settings, State
from flight.link.channels import Entity
from flight.link.staging import LARGEST, stageable
from flight.link.storedfiles import FileSource, Records
from flight.runtime.store import FileStore
from ground.station.inbox import Inbox

LIMIT = 64  # transactions in each direction
NAK_SIZE = 256
INACTIVITY = 30.0  # s until a node that said it has everything is asked what became of it
KEEP_ALIVE = 5.0  # s


class FileDesk:
    """One CFDP entity over a station directory; a restart goes on where the last run stopped."""

    def __init__(self, folder: Path, round_trip: float, now: float, first: int) -> None:
        """``round_trip`` in s from a PDU to its answer; ``first`` is the least transaction number.
        Raises OSError."""
        self.inbox = Inbox(folder / "inbox")
        self._outgoing = folder / "outgoing"
        self._outgoing.mkdir(parents=True, exist_ok=True)
        self._copying: set[Path] = set()
        self._settings = settings = Settings(
            round_trip=round_trip,
            nak_pdu=NAK_SIZE,
            inactivity=INACTIVITY,
            keep_alive=KEEP_ALIVE,
        )
        records = Records(FileStore(folder / "transfers"))
        self.engine = Engine(
            Entity.GROUND,
            self.inbox,
            records,
            settings,
            peers={Entity.NODE: settings},
            first=first,
            limit=LIMIT,
        )
        self.engine.restore(self._source, now)
        states = self.engine.progress()
        self.inbox.sweep([each.id for each in states if not each.sending])
        self.tidy()
        self.engine.freeze(now)  # until the link is there

    @property
    def segment(self) -> int:
        """Octets of a file in one frame."""
        return self._settings.segment

    def cut(self, segment: int) -> None:
        """Put no more than ``segment`` octets of a file into one frame from now on."""
        self._settings = replace(self._settings, segment=segment)
        self.engine.configure(self._settings)

    def put(self, path: Path, name: str, priority: int, acknowledged: bool) -> int:
        """Queue a copy of a file for the node; return its transaction number. Raises as ``place``
        and ``begin`` do."""
        copy = self.place(path, name)
        return self.begin(copy, self.copied(path, copy), name, priority, acknowledged)

    def place(self, path: Path, name: str) -> Path:
        """Where the copy of a file will lie. Raises OSError; ValueError for a name or a size that
        no node takes."""
        if not stageable(name):
            raise ValueError(f"{name!r} is no name for a file on board")
        if (size := path.stat().st_size) > LARGEST:
            raise ValueError(f"{name}: {size} octets, {LARGEST} at most")
        number = 0
        while (copy := self._outgoing / f"{number}-{name}") in self._copying or copy.exists():
            number += 1
        self._copying.add(copy)
        return copy

    def copied(self, path: Path, copy: Path) -> FileSource | OSError:
        """Copy and hash a file; this may take seconds, and any thread may do it."""
        try:
            shutil.copyfile(path, copy)
            with copy.open("rb") as file:
                os.fsync(file.fileno())
            source = FileSource(copy)
            source.checksum()
        except OSError as error:
            return error
        return source

    def begin(
        self,
        copy: Path,
        source: FileSource | OSError,
        name: str,
        priority: int,
        acknowledged: bool,
    ) -> int:
        """Queue what was copied; return its transaction number. Raises OSError; ValueError when
        LIMIT files are on their way."""
        self._copying.discard(copy)
        try:
            if isinstance(source, OSError):
                raise source
            transaction = self.engine.put(
                name,
                source,
                Entity.NODE,
                origin=copy.name,
                acknowledged=acknowledged,
                priority=priority,
            )
        except (OSError, ValueError):
            copy.unlink(missing_ok=True)
            raise
        return transaction.number

    def find(self, name: str) -> list[State]:
        """Files of a name on their way up."""
        return [s for s in self.engine.progress() if s.sending and s.name == name]

    def tidy(self) -> None:
        """Remove copies that no transfer needs any more."""
        needed = {state.origin for state in self.engine.progress()}
        for copy in self._outgoing.iterdir():
            if copy.name not in needed and copy not in self._copying:
                copy.unlink(missing_ok=True)

    def _source(self, origin: str) -> Readable | None:
        try:
            return FileSource(self._outgoing / origin)
        except OSError:
            return None
