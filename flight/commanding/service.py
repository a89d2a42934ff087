"""Commanding: verifies telecommands, has them executed, and reports every stage (PUS 1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from flight.commanding.book import Book
from flight.commanding.desk import ParameterDesk
from flight.commanding.ledger import Entry, digest
from flight.commanding.permit import Permit
from flight.commanding.timeline import Timeline
from flight.dictionary.codec import ENCODER, decode
from flight.dictionary.commands import Ping, Reply, RunTask, SetParameter
from flight.dictionary.enums import Reason, Stage, TaskState
from flight.dictionary.events import CommandRefused
from flight.dictionary.operations import (
    Arm,
    CommandArmed,
    DisableSchedule,
    EnableSchedule,
    ReportParameters,
    ResetSchedule,
    Schedule,
    ScheduledMissed,
    Unschedule,
)
from flight.dictionary.parameters import CommandingParameters
from flight.dictionary.registry import BY_ID, Command, item
from flight.dictionary.telemetry import (
    CommandStage,
    NodeState,
    TaskStatus,
    TelecommandReceived,
)
from flight.link.errors import CommandError
from flight.link.pus import Telecommand
from flight.link.services import parse_telecommand
from flight.runtime.service import Context, Refused, Service, handles, subscribes

T = TypeVar("T")
DEADLINE = 15.0  # s for a service to answer a command
SCHEDULE_TICK = 0.1  # s between looks at what waits for its time


class Commanding(Service):
    """Stage machine of every telecommand."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._book = Book(context)
        self._left_open = self._book.ledger.open_entries()  # not what comes before ``start``
        self._desk = ParameterDesk(context)
        self._permit = Permit()
        self._timeline = Timeline(context.store)

    def start(self) -> None:
        """Put the parameters into force; settle what an earlier life left open."""
        self.context.publish(self._desk.table())
        self.context.publish(self._timeline.status())
        self._book.note("started", "commanding")
        self.context.every(1.0, self._beat)
        self.context.every(SCHEDULE_TICK, self._release)
        for entry in self._left_open:
            self._resume(entry)

    def stop(self) -> None:
        """Everything written is on the medium."""
        self._book.close()

    def _resume(self, entry: Entry) -> None:
        """Task requests are idempotent and asked again; of others the outcome is unknown."""
        command = _task_request(entry)
        if command is not None:
            self._execute(entry, command)
        else:
            self._advance(entry, Stage.FAILED, reason=Reason.INTERNAL)

    @subscribes(NodeState)
    def _node_state(self, state: NodeState) -> None:
        if state.mode is not self._permit.mode:
            self._book.note("mode", state.mode.name, "node")
        self._permit.mode = state.mode

    @subscribes(TelecommandReceived)
    def _telecommand(self, packet: TelecommandReceived) -> None:
        mark = digest(packet.service, packet.subtype, packet.data)
        known = self._book.ledger.find(packet.request, mark)
        if known is not None:  # a repeat: report again where it stands, do nothing twice
            self._publish(known, Stage.ACCEPTED if known.accepted else known.stage)
            if known.accepted and known.stage is not Stage.ACCEPTED:
                self._publish(known, known.stage)
            return
        entry = Entry(packet.request, mark, 0)
        try:
            command = parse_telecommand(packet.service, packet.subtype, packet.data)
            entry.opcode = item(command).id
            self._permit.check(command, packet.bypass, self.context.clock.now())
        except (CommandError, Refused) as refusal:
            self._refuse(entry, refusal.reason, str(refusal))
            return
        if isinstance(command, RunTask):
            command = msgspec.structs.replace(command, request=packet.request)
        entry.arguments = ENCODER.encode(command)
        entry.accepted, entry.stage = True, Stage.ACCEPTED
        self._book.save(lambda: self._book.ledger.add(entry))
        # A full disk must not take the node out of command: only what needs the disk is refused.
        if (unsaved := self._book.unsaved) and isinstance(command, RunTask):
            entry.accepted = False
            self._refuse(entry, _reason(unsaved), f"command ledger: {unsaved.strerror}")
            return
        self._note("accepted", entry)
        self._publish(entry, Stage.ACCEPTED)
        self._execute(entry, command)

    def _refuse(self, entry: Entry, reason: Reason, why: str) -> None:
        entry.stage, entry.reason = Stage.FAILED, reason
        self._book.save(lambda: self._book.ledger.add(entry))
        self._note(f"refused {reason.name}", entry, why)
        self.context.event(CommandRefused(entry.request, reason, why))
        self._publish(entry, Stage.FAILED)

    def _note(self, what: str, entry: Entry, detail: str = "") -> None:
        known = BY_ID.get(("command", entry.opcode))
        name = f"opcode {entry.opcode}" if known is None else known.name
        self._book.note(what, name, f"telecommand {entry.request:#010x}", detail)

    def _execute(self, entry: Entry, command: Command) -> None:
        def answered(reply: Reply) -> None:
            if reply.reason is not Reason.NONE:
                self.context.event(CommandRefused(entry.request, reply.reason, reply.detail))
                self._advance(entry, Stage.FAILED, reason=reply.reason)
            elif not isinstance(command, RunTask):
                self._advance(entry, Stage.STARTED)
                self._advance(entry, Stage.COMPLETED)

        self.context.request(command, answered, DEADLINE)

    @subscribes(TaskStatus)
    def _task(self, status: TaskStatus) -> None:
        entry = self._book.ledger.get(status.request)
        if entry is None or entry.stage.final or not _asked_for(entry, status):
            return
        if status.state is TaskState.QUEUED:
            return
        if status.state is TaskState.FAILED:
            self._advance(entry, Stage.FAILED, status.step, status.reason)
            return
        if entry.stage is Stage.ACCEPTED:
            self._advance(entry, Stage.STARTED)
        if status.state is TaskState.COMPLETED:
            self._advance(entry, Stage.COMPLETED, status.step)
        elif status.step > entry.step:
            self._advance(entry, Stage.PROGRESS, status.step)

    def _advance(
        self, entry: Entry, stage: Stage, step: int = 0, reason: Reason = Reason.NONE
    ) -> None:
        entry.stage, entry.step, entry.reason = stage, max(step, entry.step), reason
        if stage is not Stage.PROGRESS:  # progress comes again by itself
            self._book.save()
        self._publish(entry, stage)
        if stage.final:
            self._note(stage.name.lower(), entry, "" if reason is Reason.NONE else reason.name)
            self._summarise()

    def _publish(self, entry: Entry, stage: Stage) -> None:
        reason = entry.reason if stage is Stage.FAILED else Reason.NONE
        self.context.publish(CommandStage(entry.request, stage, entry.step, reason, entry.accepted))

    def _beat(self) -> None:
        if self._book.unsaved:
            self._book.save()
        self._summarise()

    def _summarise(self) -> None:
        self.context.publish(self._book.ledger.summary())

    # What waits for its time.

    def _release(self) -> None:
        """Take what is due as if it came now; give up what is late or not to be released."""
        utc_ns = self.context.clock.utc_ns()
        come = self._timeline.due(utc_ns)
        limit = self.context.parameters(CommandingParameters).late_limit
        for release, raw in come:
            late = (utc_ns - release) / 1e9
            if not self._timeline.enabled:
                self._give_up(raw, Reason.CANCELLED, "schedule disabled")
            elif late > limit:
                self._give_up(raw, Reason.TIMED_OUT, f"{late:.0f} s late")
            else:
                self._telecommand(_received(raw))
        if come:
            self._book.save(self._timeline.save)
            self.context.publish(self._timeline.status())

    def _give_up(self, raw: bytes, reason: Reason, why: str) -> None:
        packet = _received(raw)
        mark = digest(packet.service, packet.subtype, packet.data)
        self.context.event(ScheduledMissed(packet.request, why))
        if self._book.ledger.find(packet.request, mark) is None:
            self._refuse(Entry(packet.request, mark, 0), reason, why)

    @handles(Schedule)
    def _schedule(self, command: Schedule) -> None:
        self._change(lambda: self._timeline.insert(command, self.context.clock.utc_ns()))

    @handles(Unschedule)
    def _unschedule(self, command: Unschedule) -> None:
        given_up = self._change(lambda: self._timeline.delete(command.request))
        self._give_up(given_up, Reason.CANCELLED, "deleted from the schedule")

    @handles(EnableSchedule)
    def _enable(self, _command: EnableSchedule) -> None:
        self._change(lambda: self._timeline.enable(True))

    @handles(DisableSchedule)
    def _disable(self, _command: DisableSchedule) -> None:
        self._change(lambda: self._timeline.enable(False))

    @handles(ResetSchedule)
    def _reset(self, _command: ResetSchedule) -> None:
        given_up = self._change(self._timeline.reset)
        for raw in given_up:
            self._give_up(raw, Reason.CANCELLED, "schedule reset")

    def _change(self, change: Callable[[], T]) -> T:
        try:
            changed = change()
        except OSError as error:
            raise Refused(_reason(error), str(error.strerror)) from error
        self.context.publish(self._timeline.status())
        return changed

    # What commanding executes itself.

    @handles(Ping)
    def _ping(self, _command: Ping) -> None:
        """Being answered is the answer."""

    @handles(Arm)
    def _arm(self, command: Arm) -> None:
        window = self.context.parameters(CommandingParameters).arm_window
        name = self._permit.arm(command.opcode, self.context.clock.now() + window)
        self.context.event(CommandArmed(name, window))

    @handles(SetParameter)
    def _set_parameter(self, command: SetParameter) -> None:
        try:
            self._desk.set(command)
        except OSError as error:
            raise Refused(_reason(error), str(error.strerror)) from error
        self.context.publish(self._desk.table())

    @handles(ReportParameters)
    def _report_parameters(self, command: ReportParameters) -> None:
        for value in self._desk.report(command):
            self.context.publish(value)


def _received(raw: bytes) -> TelecommandReceived:
    packet = Telecommand.unpack(raw)
    return TelecommandReceived(packet.request_id, packet.service, packet.subtype, packet.data)


def _task_request(entry: Entry) -> RunTask | None:
    """The task request that an entry holds; None when it is another or of another dictionary."""
    if entry.opcode != item(RunTask).id or not entry.accepted:
        return None
    try:
        return decode(RunTask, entry.arguments)
    except msgspec.DecodeError:
        return None


def _asked_for(entry: Entry, status: TaskStatus) -> bool:
    """True when a task is the one of this entry: request ids come round again."""
    asked = _task_request(entry)
    return asked is not None and (
        (asked.program, asked.scene, asked.level) == (status.program, status.scene, status.level)
    )


def _reason(error: OSError) -> Reason:
    """Why the store refused."""
    return Reason.PERMISSION if isinstance(error, PermissionError) else Reason.NO_SPACE
