"""Files of the node at the hands of the ground: list, send, remove, and the transfers under way."""

from __future__ import annotations

from typing import Annotated

from flight.dictionary.enums import Severity
from flight.dictionary.fields import f64, flag, internal, text, u8, u32, u64
from flight.dictionary.registry import (
    Command,
    Delivery,
    Event,
    Message,
    Telemetry,
    command,
    event,
    telemetry,
)

FileName = Annotated[str, text(64, "File name, without its folder")]
Priority = Annotated[int, u8("", "Higher goes first", hi=9)]


@command(45, "file.list", "storage")
class ListFiles(Command, frozen=True):
    """Send down a list of the files that the node keeps."""


@command(46, "file.send", "storage")
class SendFile(Command, frozen=True):
    """Queue a product or an uplinked file for downlink."""

    name: FileName
    priority: Priority = 5


@command(47, "file.remove", "storage")
class RemoveFile(Command, frozen=True):
    """Remove a product or an uplinked file; one that is being sent is withdrawn first."""

    name: FileName


@command(48, "file.cancel", "storage")
class CancelFile(Command, frozen=True):
    """Withdraw a file from the downlink; it is kept."""

    name: FileName


@command(49, "file.suspend", "link")
class SuspendFile(Command, frozen=True):
    """Hold the downlink of a file where it stands."""

    name: FileName


@command(50, "file.resume", "link")
class ResumeFile(Command, frozen=True):
    """Go on with the downlink of a file."""

    name: FileName


class Offer(Message, frozen=True):
    """A file that is to be sent."""

    path: Annotated[str, internal("Where it lies in the store")]
    size: Annotated[int, internal("Size", "B")]
    priority: Annotated[int, internal("Higher goes first")]

    @property
    def name(self) -> str:
        """Name under which it is sent."""
        return self.path.rpartition("/")[2]


@telemetry(34, "file.transfer", Delivery.QUEUE, 32, linked=True)
class FileTransfer(Telemetry, frozen=True):
    """A file on its way, as the node sees it."""

    name: FileName
    down: Annotated[bool, flag("From the node to the ground")]
    size: Annotated[int, u64("B", "Size, 0 while unknown")]
    done: Annotated[int, u64("B", "Sent, or received, once")]
    resent: Annotated[int, u64("B", "Repeated")]
    priority: Priority
    suspended: Annotated[bool, flag("Held")]
    transaction: Annotated[int, u32("", "CFDP transaction sequence number")]


@event(90, Severity.ACTIVITY, "ground heard, files go on")
class GroundHeard(Event, frozen=True):
    """A frame of the ground came after a silence."""


@event(91, Severity.ACTIVITY, "nothing heard of the ground for {silence} s, files wait")
class GroundLost(Event, frozen=True):
    """The node takes itself to be out of view: no file data leave and no timer runs."""

    silence: Annotated[float, f64("s", "Since the last good frame")]


@event(92, Severity.ACTIVITY, "no fountain here (extra fec is missing), files go by CFDP")
class FountainMissing(Event, frozen=True):
    """The link is to use the fountain, but its library is not installed."""
