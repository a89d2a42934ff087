"""What the node tells of uplinked files and of the programs in them."""

from __future__ import annotations

from typing import Annotated

from flight.dictionary.enums import ProgramState, Reason, Severity
from flight.dictionary.fields import choice, flag, text, u16, u32
from flight.dictionary.registry import Delivery, Event, Telemetry, event, telemetry

FileName = Annotated[str, text(64, "File")]
Name = Annotated[str, text(32, "Program")]
Version = Annotated[int, u16("", "Version")]
Digest = Annotated[str, text(16, "First octets of the bundle's SHA-256, hexadecimal")]
Why = Annotated[str, text(64, "Reason")]


@telemetry(30, "program.status", Delivery.QUEUE, 64, linked=True)
class ProgramStatus(Telemetry, frozen=True):
    """One version of an uplinked program; all are repeated, slowly."""

    name: Name
    version: Version
    state: Annotated[ProgramState, choice("Whether it may be used")]
    active: Annotated[bool, flag("New tasks run this version")]
    size: Annotated[int, u32("B", "Size of the bundle")]
    sha: Digest


@event(70, Severity.ACTIVITY, "uplink of {name} complete, {size} octets")
class FileUplinked(Event, frozen=True):
    """A file came up whole and is kept."""

    name: FileName
    size: Annotated[int, u32("B", "Size")]


@event(71, Severity.WARNING, "uplink of {name} refused: {reason.name} {why}")
class UplinkRefused(Event, frozen=True):
    """A file on its way up is not taken."""

    name: FileName
    reason: Annotated[Reason, choice("Reason")]
    why: Why


@event(72, Severity.ACTIVITY, "program {program} {version} installed, SHA-256 {sha}")
class ProgramInstalled(Event, frozen=True):
    """A program bundle passed its checks and is kept; it is not active yet."""

    program: Name
    version: Version
    sha: Digest


@event(73, Severity.ACTIVITY, "program {program} {version} active")
class ProgramActivated(Event, frozen=True):
    """New tasks run this version."""

    program: Name
    version: Version


@event(74, Severity.WARNING, "program bundle {name} refused: {reason.name} {why}")
class ProgramRefused(Event, frozen=True):
    """A program bundle failed a check and will not run."""

    name: FileName
    reason: Annotated[Reason, choice("Reason")]
    why: Why
