"""Reports of the node (PUS services 1, 3, 5, 17) into happenings and the verification tracker."""

from __future__ import annotations

from flight.dictionary.registry import Telemetry, item
from flight.dictionary.rendering import render_event
from flight.dictionary.security import LinkSecurity
from flight.dictionary.telemetry import CommandLedger, CommandStage
from flight.link.channels import VirtualChannel
from flight.link.pus import Report
from flight.link.sdls import LinkEnd
from flight.link.services import EventRecord, Pong, parse_report
from ground.station.happenings import EventReceived, PacketReceived
from ground.station.verification import Tracker


class Reports:
    """Takes report packets; what they say is added to the tracker's happenings."""

    def __init__(self, tracker: Tracker, security: LinkEnd | None = None) -> None:
        self._tracker, self._security = tracker, security

    def take(self, raw: bytes) -> None:
        """Take one packet. Raises LinkError when it is no report of this dictionary."""
        report = Report.unpack(raw)
        match parse_report(report):
            case CommandStage() as stage:
                self._tracker.report(stage.request, stage.stage, stage.step, stage.reason)
            case EventRecord() as record:
                self._event(record)
            case Pong():
                pass  # the verification reports of the ping say the same
            case Telemetry() as message:
                if isinstance(message, CommandLedger):
                    self._tracker.heal(message)
                elif isinstance(message, LinkSecurity):
                    self._heed(message)
                name = item(message).name
                self._tracker.happenings.append(PacketReceived(name, message, report.utc_ns))

    def _heed(self, message: LinkSecurity) -> None:
        """After a restart the node takes no counter that it may have seen before."""
        if self._security is not None and message.epoch == self._security.ring.sending:
            self._security.skip(VirtualChannel.COMMANDS, message.commands_floor)
            self._security.skip(VirtualChannel.FILES, message.files_floor)

    def _event(self, record: EventRecord) -> None:
        self._tracker.happenings.append(
            EventReceived(
                item(record.event).name,
                record.severity,
                record.source,
                render_event(record.event),
                record.event,
                record.utc_ns,
            )
        )
