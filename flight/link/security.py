"""The node's end of the protected link: its keys, what it tells of them, and its alarms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf
from pathlib import Path
from typing import Any

from flight.dictionary.enums import Reason
from flight.dictionary.registry import Event
from flight.dictionary.security import (
    ActivateKey,
    CountersUnsaved,
    KeyChanged,
    KeyWorn,
    LinkAttacked,
    LinkSecurity,
    LinkUnprotected,
    LoadKey,
    RevokeKey,
)
from flight.link.channels import VirtualChannel
from flight.link.sdls import folder
from flight.link.sdls.alarm import Alarm
from flight.link.sdls.derivation import Direction
from flight.link.sdls.errors import KeyringError, SecurityFault
from flight.link.sdls.keyring import NAME, Keyring
from flight.link.sdls.linkend import LinkEnd
from flight.runtime.counters import CounterFiles
from flight.runtime.service import Refused, Store

RING = "sdls/keyring"
COUNTERS = "sdls/counters"
RENEWAL = 60.0  # s between looks at the keys on disk: an upset in memory ends by then
REMINDER = 3600.0  # s between reports of the same trouble
_MOST = (1 << 63) - 1  # that the packet can tell


class NodeSecurity:
    """``end`` is None when the node flies without keys, which must have been asked for."""

    def __init__(self, settings: Mapping[str, Any], store: Store) -> None:
        """Raises ValueError when there are no usable keys and it was not asked to fly without."""
        self._settings, self._store = settings, store
        self.end = None if settings.get("insecure") else _open(settings, store)
        self._renew_at = inf
        self._states = {} if self.end is None else self.end.ring.states()
        self._alarm = Alarm()
        self._reminded: dict[type[Event], float] = {}

    def load(self, command: LoadKey) -> None:
        """Take over a key. Raises Refused."""
        try:
            wrapped = bytes.fromhex(command.wrapped)
        except ValueError as error:
            raise Refused(Reason.FORMAT, "no hexadecimal key") from error
        self._change(lambda end: end.ring.load(command.epoch, wrapped))

    def activate(self, command: ActivateKey) -> None:
        """Take frames under a key. Raises Refused."""
        self._change(lambda end: end.ring.activate(command.epoch))

    def revoke(self, command: RevokeKey) -> None:
        """Destroy a key. Raises Refused."""
        self._change(lambda end: end.ring.revoke(command.epoch))
        self._destroy_given()

    def _destroy_given(self) -> None:
        """The folder that the node was given holds the key as well, in both generations."""
        assert self.end is not None
        try:
            _, _, given = folder.read(Path(self._settings["keys"]))
            for _ in range(2):
                given.write(NAME, self.end.ring.encoded())
        except (OSError, folder.KeyFolderError) as error:
            self.end.unsaved = f"the key folder still has a revoked key: {error}"

    def _change(self, change: Callable[[LinkEnd], None]) -> None:
        if self.end is None:
            raise Refused(Reason.PERMISSION, "the node flies without keys")
        try:
            change(self.end)
        except KeyringError as error:
            raise Refused(error.reason, error.detail) from error
        except OSError as error:
            raise Refused(Reason.NO_SPACE, f"keyring: {error.strerror}") from error
        self.end.forget()

    def second(self, counters: Mapping[str, int], now: float) -> list[Event]:
        """What is to be reported, once a second; ``counters`` are those of the uplink."""
        if self.end is None:
            return self._remind(LinkUnprotected(), now)
        found = self._changes()
        if more := self._alarm.due(counters, now):
            found.append(LinkAttacked(**more))
        if self.end.worn:
            found += self._remind(KeyWorn(self.end.ring.sending), now)
        if why := self._renew(now) or self.end.second():
            found += self._remind(CountersUnsaved(why[:64]), now)
        return found

    def _renew(self, now: float) -> str:
        """Make keys and ciphers in memory anew from time to time; why that failed, or nothing."""
        assert self.end is not None
        if now < self._renew_at < inf:
            return ""
        first, self._renew_at = self._renew_at == inf, now + RENEWAL
        if first:
            return ""
        try:
            kek, given, _ = folder.read(Path(self._settings["keys"]))
            self.end.ring.renew(kek, self._store.read(RING) or given)
        except (OSError, KeyringError, folder.KeyFolderError) as error:
            return f"keys cannot be read again: {error}"
        self.end.renew()
        return ""

    def _changes(self) -> list[Event]:
        """Keys that came into another state, by telecommand or by a frame under a new key."""
        assert self.end is not None
        before, self._states = self._states, self.end.ring.states()
        prints = self.end.ring.fingerprints()
        return [
            KeyChanged(epoch, state, prints.get(epoch, ""))
            for epoch, state in self._states.items()
            if before.get(epoch) is not state
        ]

    def _remind(self, event: Event, now: float) -> list[Event]:
        if now < self._reminded.get(type(event), now):
            return []
        self._reminded[type(event)] = now + REMINDER
        return [event]

    def status(self, counters: Mapping[str, int]) -> LinkSecurity:
        """For the ground; ``counters`` are those of the uplink."""
        refused = [counters.get(fault, 0) for fault in SecurityFault]
        if self.end is None:
            return LinkSecurity(False, 0, "", 0, 0, 0, *refused)
        ring = self.end.ring
        channels = (VirtualChannel.COMMANDS, VirtualChannel.FILES)
        floors = (min(self.end.floor(each), _MOST) for each in channels)
        shown = ring.fingerprints()[ring.sending]
        return LinkSecurity(True, ring.sending, shown, ring.newest, *floors, *refused)

    def close(self) -> None:
        """Keep the counters as they are."""
        if self.end is not None:
            self.end.close()


def _open(settings: Mapping[str, Any], store: Store) -> LinkEnd:
    ring = open_ring(settings, store)
    return LinkEnd(ring, Direction.DOWN, CounterFiles(store.path(f"{COUNTERS}/x").parent))


def open_ring(settings: Mapping[str, Any], store: Store) -> Keyring:
    """The node's own ring, once it has one of these keys; else the one it was given. ``settings``
    are those of the link. Raises ValueError, OSError."""
    place = settings.get("keys")
    if not place:
        raise ValueError("link.keys is missing; without keys only --insecure-dev flies")
    kek, given, _ = folder.read(Path(place))
    own = store.read(RING)
    ring = None
    if own is not None:
        try:
            ring = Keyring(kek, own, store, RING)
        except KeyringError as error:
            if error.reason is not Reason.AUTHENTICATION:
                raise
    if ring is None:
        ring = Keyring(kek, given, store, RING)
    if ring.spacecraft != int(settings["spacecraft"]):
        raise ValueError(f"the keys are for spacecraft {ring.spacecraft:#x}")
    return ring
