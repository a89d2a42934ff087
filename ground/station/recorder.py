"""Writes what happens on the link into the archive, and turns it into lines for watchers."""

from __future__ import annotations

from typing import Any

from flight.dictionary.product import Provenance
from flight.dictionary.telemetry import TaskStatus
from flight.dictionary.uploads import ProgramStatus
from ground.station.archive import Archive
from ground.station.happenings import (
    EventReceived,
    FileDelivered,
    Happening,
    NoAnswer,
    PacketReceived,
    StageChanged,
)
from ground.station.inbox import Inbox
from ground.station.jsonform import happening_json, message_json
from ground.station.receipt import VERIFIED, Receipt, inspect

_OF_THE_STATION = ("QUEUED", "RELEASED", "SENT", "NO_ANSWER")

# Fields of a task's status that its product repeats.
_SHARED = tuple(
    name for name in TaskStatus.__struct_fields__ if name in Provenance.__struct_fields__
)


class Recorder:
    """One archive and the inbox whose files it describes."""

    def __init__(self, archive: Archive, inbox: Inbox) -> None:
        self._archive = archive
        self._inbox = inbox

    def record(self, happening: Happening, utc_ns: int) -> dict[str, Any]:
        """Archive a happening at the station's UTC; return its line. Raises sqlite3.Error."""
        line = happening_json(happening, utc_ns)
        match happening:
            case StageChanged() | NoAnswer():
                self._stage(line)
            case PacketReceived():
                self._packet(happening, utc_ns)
            case EventReceived():
                self._event(happening, utc_ns)
            case FileDelivered():
                line |= self._file(happening, utc_ns)
        return line

    def _stage(self, line: dict[str, Any]) -> None:
        if line["stage"] in _OF_THE_STATION:
            source = "station"
        else:
            source = "ledger" if line["healed"] else "report"
        self._archive.add_stage(
            line["request"],
            line["stage"],
            line.get("step", 0),
            line["reason"],
            source,
            line["utc_ns"],
        )

    def _packet(self, happening: PacketReceived, utc_ns: int) -> None:
        fields = message_json(happening.message)
        self._archive.add_packet(happening.packet, fields, happening.board_ns, utc_ns)
        if isinstance(happening.message, TaskStatus):
            self._archive.set_task(happening.message.task, fields, utc_ns)
        elif isinstance(happening.message, ProgramStatus):
            program = happening.message
            self._archive.set_program(program.name, program.version, fields, utc_ns)

    def _event(self, happening: EventReceived, utc_ns: int) -> None:
        self._archive.add_event(
            happening.event,
            happening.severity.name,
            happening.source,
            happening.text,
            message_json(happening.message),
            happening.board_ns,
            utc_ns,
        )

    def _file(self, happening: FileDelivered, utc_ns: int) -> dict[str, Any]:
        try:
            receipt = inspect(self._inbox.path(happening.name))
        except OSError as error:  # somebody was faster than we and took it away
            receipt = Receipt(happening.size, "", f"damaged: {error.strerror}", {})
        self._archive.add_file(
            happening.name,
            receipt.size,
            receipt.sha256,
            receipt.verdict,
            receipt.product,
            utc_ns,
        )
        if receipt.verdict == VERIFIED:
            # The product proves that its task has ended, also when the last status was lost.
            ended = {name: receipt.product[name] for name in _SHARED}
            ended |= {"state": "COMPLETED", "step": ended["steps"], "reason": "NONE"}
            self._archive.set_task(receipt.product["task"], ended, utc_ns)
        return {
            "sha256": receipt.sha256,
            "verdict": receipt.verdict,
            "product": receipt.product,
        }
