"""Telecommands that wait for their time, kept over restarts (PUS service 11)."""

from __future__ import annotations

import msgspec

from flight.dictionary.enums import Reason
from flight.dictionary.operations import Schedule, ScheduleStatus
from flight.link.pus import Telecommand
from flight.runtime.service import Refused, Store, kept

NAME = "commanding/schedule"
LIMIT = 64


class _Saved(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    enabled: bool
    activities: list[tuple[int, bytes]]


class Timeline:
    """Ordered by release time, then by order of insertion."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._saved = _Saved(True, [])
        for data in kept(store, NAME):
            try:
                self._saved = msgspec.msgpack.decode(data, type=_Saved)
            except ValueError:
                continue
            break

    def insert(self, command: Schedule, now: int) -> None:
        """Keep a telecommand until its time; ``now`` is UTC in ns. Raises Refused, OSError."""
        waiting = self._saved.activities
        if (command.release, command.packet) in waiting:
            return
        if command.release <= now:
            raise Refused(Reason.RANGE, "its time has passed")
        if len(waiting) >= LIMIT:
            raise Refused(Reason.BUSY, f"{LIMIT} telecommands wait for their time")
        if _request(command.packet) in map(_request, (packet for _, packet in waiting)):
            raise Refused(Reason.BUSY, "one of the same request id waits")
        ordered = sorted([*waiting, (command.release, command.packet)], key=lambda each: each[0])
        self._save(_Saved(self._saved.enabled, ordered))

    def delete(self, request: int) -> bytes:
        """Give one up; return its packet. Raises Refused, OSError."""
        given_up = [each for _, each in self._saved.activities if _request(each) == request]
        left = [each for each in self._saved.activities if _request(each[1]) != request]
        if not given_up:
            raise Refused(Reason.UNKNOWN, f"no telecommand {request:#010x} waits")
        self._save(_Saved(self._saved.enabled, left))
        return given_up[0]

    def reset(self) -> list[bytes]:
        """Give all up; return their packets. Raises OSError."""
        given_up = [packet for _, packet in self._saved.activities]
        self._save(_Saved(self._saved.enabled, []))
        return given_up

    @property
    def enabled(self) -> bool:
        """Whether they are released at their time."""
        return self._saved.enabled

    def enable(self, enabled: bool) -> None:
        """Release at their time, or do not. Raises OSError."""
        self._save(_Saved(enabled, self._saved.activities))

    def due(self, now: int) -> list[tuple[int, bytes]]:
        """Take out (time, packet) of those whose time has come; ``save`` them out afterwards.

        A restart in between releases one again: the command ledger knows it then.
        """
        come = [each for each in self._saved.activities if each[0] <= now]
        left = self._saved.activities[len(come) :]
        self._saved = _Saved(self._saved.enabled, left)
        return come

    def save(self) -> None:
        """Raises OSError."""
        self._save(self._saved)

    def status(self) -> ScheduleStatus:
        """What waits."""
        waiting = self._saved.activities
        release, packet = waiting[0] if waiting else (0, b"")
        request = _request(packet) if packet else 0
        return ScheduleStatus(self._saved.enabled, len(waiting), request, release)

    def _save(self, saved: _Saved) -> None:
        self._store.write(NAME, msgspec.msgpack.encode(saved))
        self._saved = saved


def _request(packet: bytes) -> int:
    return Telecommand.unpack(packet).request_id
