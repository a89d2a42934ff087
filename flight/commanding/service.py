"""Commanding: verifies telecommands, has them executed, and reports every stage (PUS 1)."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from flight.commanding.ledger import Entry, Ledger, digest
from flight.dictionary.codec import ENCODER, decode
from flight.dictionary.commands import Ping, Reply, RunTask, SetParameter
from flight.dictionary.enums import Mode, Reason, Stage, TaskState
from flight.dictionary.events import CommandRefused, WriteFailed
from flight.dictionary.registry import BY_NAME, Command, item
from flight.dictionary.telemetry import (
    CommandStage,
    NodeState,
    TaskStatus,
    TelecommandReceived,
)
from flight.link.services import CommandError, parse_telecommand
from flight.runtime.parameters import ParameterError, Parameters
from flight.runtime.service import Context, Refused, Service, handles, subscribes

DEADLINE = 15.0  # s for a service to answer a command


class Commanding(Service):
    """Stage machine of every telecommand."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._ledger = Ledger(context.store)
        self._left_open = self._ledger.open_entries()  # not what comes before ``start``
        self._parameters = Parameters(context.settings["parameters"], context.store)
        self._mode = Mode.BOOT
        self._unsaved: OSError | None = None  # why the ledger on disk is behind, if it is

    def start(self) -> None:
        """Put the parameters into force; settle what an earlier life left open."""
        self.context.publish(self._parameters.table())
        self.context.every(1.0, self._beat)
        for entry in self._left_open:
            self._resume(entry)

    def _resume(self, entry: Entry) -> None:
        """Task requests are idempotent and asked again; of others the outcome is unknown."""
        command = _task_request(entry)
        if command is not None:
            self._execute(entry, command)
        else:
            self._advance(entry, Stage.FAILED, reason=Reason.INTERNAL)

    @subscribes(NodeState)
    def _node_state(self, state: NodeState) -> None:
        self._mode = state.mode

    @subscribes(TelecommandReceived)
    def _telecommand(self, packet: TelecommandReceived) -> None:
        mark = digest(packet.service, packet.subtype, packet.data)
        known = self._ledger.find(packet.request, mark)
        if known is not None:  # a repeat: report again where it stands, do nothing twice
            self._publish(known, Stage.ACCEPTED if known.accepted else known.stage)
            if known.accepted and known.stage is not Stage.ACCEPTED:
                self._publish(known, known.stage)
            return
        entry = Entry(packet.request, mark, 0)
        try:
            command = parse_telecommand(packet.service, packet.subtype, packet.data)
            self._permit(command)
        except (CommandError, Refused) as refusal:
            self._refuse(entry, refusal.reason, str(refusal))
            return
        entry.opcode = item(command).id
        if isinstance(command, RunTask):
            command = msgspec.structs.replace(command, request=packet.request)
        entry.arguments = ENCODER.encode(command)
        entry.accepted, entry.stage = True, Stage.ACCEPTED
        self._save(lambda: self._ledger.add(entry))
        # A full disk must not take the node out of command: only what needs the disk is refused.
        if self._unsaved and isinstance(command, RunTask):
            entry.accepted = False
            self._refuse(entry, _reason(self._unsaved), f"command ledger: {self._unsaved.strerror}")
            return
        self._publish(entry, Stage.ACCEPTED)
        self._execute(entry, command)

    def _permit(self, command: Command) -> None:
        if self._mode is Mode.SAFE and isinstance(command, RunTask):
            raise Refused(Reason.MODE, "safe mode runs no tasks")

    def _refuse(self, entry: Entry, reason: Reason, why: str) -> None:
        entry.stage, entry.reason = Stage.FAILED, reason
        self._save(lambda: self._ledger.add(entry))
        self.context.event(CommandRefused(entry.request, reason, why))
        self._publish(entry, Stage.FAILED)

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
        entry = self._ledger.get(status.request)
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
            self._save(self._ledger.save)
        self._publish(entry, stage)
        if stage.final:
            self._summarise()

    def _publish(self, entry: Entry, stage: Stage) -> None:
        reason = entry.reason if stage is Stage.FAILED else Reason.NONE
        self.context.publish(CommandStage(entry.request, stage, entry.step, reason, entry.accepted))

    def _save(self, write: Callable[[], None]) -> None:
        """Persist the ledger. That it cannot be is an event when it begins, and tried again."""
        try:
            write()
        except OSError as error:
            began, self._unsaved = self._unsaved is None, error
            if began:
                self.context.event(WriteFailed("command ledger", str(error.strerror)))
        else:
            self._unsaved = None

    def _beat(self) -> None:
        if self._unsaved:
            self._save(self._ledger.save)
        self._summarise()

    def _summarise(self) -> None:
        self.context.publish(self._ledger.summary())

    @handles(Ping)
    def _ping(self, _command: Ping) -> None:
        """Being answered is the answer."""

    @handles(SetParameter)
    def _set_parameter(self, command: SetParameter) -> None:
        try:
            value = self._parameters.changed(command.name, command.value)
        except ParameterError as error:
            reason = Reason.RANGE if _exists(command.name) else Reason.UNKNOWN
            raise Refused(reason, str(error)) from error
        try:
            self.context.store.write(f"parameters/{item(value).name}", ENCODER.encode(value))
        except OSError as error:
            raise Refused(_reason(error), str(error.strerror)) from error
        self._parameters.adopt(value)
        self.context.publish(self._parameters.table())


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


def _exists(parameter: str) -> bool:
    owner, _, field = parameter.partition(".")
    entry = BY_NAME.get(("parameter", owner))
    return entry is not None and field in entry.type.__struct_fields__
