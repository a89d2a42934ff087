"""The telecommand ledger: stage of the newest requests, kept over restarts."""

from __future__ import annotations

import hashlib

import msgspec

from flight.dictionary.enums import Reason, Stage
from flight.dictionary.telemetry import CommandLedger
from flight.runtime.service import Store

NAME = "commanding/ledger"
LIMIT = 64


class Entry(msgspec.Struct):
    """One telecommand. ``digest`` tells a repeat from another command under the same id."""

    request: int
    digest: bytes
    opcode: int
    stage: Stage = Stage.QUEUED
    step: int = 0
    reason: Reason = Reason.NONE
    accepted: bool = False
    arguments: bytes = b""


def digest(service: int, subtype: int, data: bytes) -> bytes:
    """Digest of what a telecommand asks for."""
    return hashlib.blake2b(bytes((service, subtype)) + data, digest_size=8).digest()


class Ledger:
    """Newest entries last; the oldest final ones make room."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._entries: dict[int, Entry] = {}
        for saved in store.generations(NAME):
            try:
                entries = msgspec.msgpack.decode(saved, type=list[Entry])
            except ValueError:  # msgspec's DecodeError, or text not in UTF-8
                continue
            self._entries = {entry.request: entry for entry in entries}
            break

    def find(self, request: int, mark: bytes) -> Entry | None:
        """The entry of a repeated telecommand, None when it is new."""
        entry = self._entries.get(request)
        return entry if entry is not None and entry.digest == mark else None

    def get(self, request: int) -> Entry | None:
        """The entry of a request id."""
        return self._entries.get(request)

    def open_entries(self) -> list[Entry]:
        """Entries that have not ended."""
        return [entry for entry in self._entries.values() if not entry.stage.final]

    def add(self, entry: Entry) -> None:
        """Enter a new telecommand and persist it. Raises OSError."""
        self._entries.pop(entry.request, None)
        self._entries[entry.request] = entry
        while len(self._entries) > LIMIT:
            ended = (r for r, e in self._entries.items() if e.stage.final)
            del self._entries[next(ended, next(iter(self._entries)))]
        self.save()

    def save(self) -> None:
        """Persist all entries. Raises OSError."""
        self._store.write(NAME, msgspec.msgpack.encode(list(self._entries.values())))

    def summary(self) -> CommandLedger:
        """The newest four, newest first."""
        fields: list[int | Stage | Reason] = []
        for entry in list(self._entries.values())[:-5:-1]:
            fields += [entry.request, entry.stage, entry.reason]
        return CommandLedger(*fields)  # type: ignore[arg-type]
