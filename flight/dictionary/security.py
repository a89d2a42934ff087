"""Security of the link in the dictionary: keys, refused frames, alarms."""

from __future__ import annotations

from enum import IntEnum, unique
from typing import Annotated

from flight.dictionary.enums import Severity
from flight.dictionary.fields import choice, flag, text, u16, u32, u64
from flight.dictionary.registry import (
    Command,
    Delivery,
    Event,
    Telemetry,
    command,
    event,
    telemetry,
)

Epoch = Annotated[int, u16("", "Epoch: the number of a master key", lo=1, hi=4094)]
Count = Annotated[int, u32("", "How many")]


@unique
class KeyState(IntEnum):
    """Life of a master key (CCSDS 355.1-B-1, 3.4; NIST SP 800-57, 7)."""

    PRE_ACTIVE = 0
    ACTIVE = 1
    DEACTIVATED = 2
    DESTROYED = 3


@command(40, "key.load", "link")
class LoadKey(Command, frozen=True):
    """Take over a master key, not yet used."""

    epoch: Epoch
    wrapped: Annotated[str, text(80, "Key under the key encryption key, RFC 3394, hexadecimal")]


@command(41, "key.activate", "link")
class ActivateKey(Command, frozen=True):
    """Accept frames under a loaded key; the first one puts the key before it out of use."""

    epoch: Epoch


@command(42, "key.revoke", "link")
class RevokeKey(Command, frozen=True):
    """Destroy a master key that is not in use."""

    epoch: Epoch


@telemetry(33, "link.security", Delivery.LATEST, linked=True)
class LinkSecurity(Telemetry, frozen=True):
    """Protection of the link as seen on board."""

    secured: Annotated[bool, flag("Frames are protected; if not, anybody may command the node")]
    epoch: Annotated[int, u16("", "Master key in use, 0 is none")]
    fingerprint: Annotated[str, text(16, "Its fingerprint, hexadecimal")]
    next_epoch: Annotated[int, u16("", "Newest master key on board")]
    commands_floor: Annotated[int, u64("", "Least counter that a telecommand frame may have")]
    files_floor: Annotated[int, u64("", "The same for frames of files, reordering left out")]
    spi: Annotated[int, u32("", "Frames under no association in operation")]
    tag: Annotated[int, u32("", "Frames with a wrong tag")]
    replay: Annotated[int, u32("", "Frames whose counter was used before")]
    ahead: Annotated[int, u32("", "Frames whose counter is too far ahead")]
    stale: Annotated[int, u32("", "Genuine frames that were numbered before the last restart")]


@event(85, Severity.CRITICAL, "link attacked? {spi} SPI, {tag} tag, {replay} replay, {ahead} ahead")
class LinkAttacked(Event, frozen=True):
    """Many frames were refused by the security layer within a short time."""

    spi: Count
    tag: Count
    replay: Count
    ahead: Count


@event(86, Severity.ACTIVITY, "link key {epoch} {state.name}, fingerprint {fingerprint}")
class KeyChanged(Event, frozen=True):
    """A master key came into another state."""

    epoch: Epoch
    state: Annotated[KeyState, choice("New state")]
    fingerprint: Annotated[str, text(16, "Fingerprint, hexadecimal")]


@event(87, Severity.WARNING, "the link is not protected: anybody may command this node")
class LinkUnprotected(Event, frozen=True):
    """The node was started with --insecure-dev."""


@event(88, Severity.WARNING, "link key {epoch} is due for rotation")
class KeyWorn(Event, frozen=True):
    """A key has protected as many frames as one key should."""

    epoch: Epoch


@event(89, Severity.CRITICAL, "keys or counters of the link cannot be kept: {why}")
class CountersUnsaved(Event, frozen=True):
    """Frames accepted now could be accepted again after a restart; protected ones may stop."""

    why: Annotated[str, text(64, "Reason")]
