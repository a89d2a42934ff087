"""Verification of telecommands: the stages each one has reached, and when to send one again."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from flight.dictionary.enums import Reason, Stage
from flight.dictionary.telemetry import CommandLedger
from ground.station.happenings import Happening, NoAnswer, StageChanged

KEPT = 512
# The board remembers the newest 64 telecommands; only of fewer a repeat is surely known as one.
REPEATABLE = 32
INQUIRY_PERIOD = 10.0


@dataclass(slots=True)
class Entry:
    """One telecommand and where it stands. ``packet`` is empty for one of an earlier run."""

    request: int
    command: str
    packet: bytes
    stage: Stage = Stage.QUEUED
    step: int = 0
    attempts: int = 0
    deadline: float = 0.0


class Tracker:
    """Follows telecommands by their request id.

    Reports come as PUS service 1 reports, which may be lost, and as the command ledger, which
    repeats the newest four stages and heals what was lost. A telecommand without ACCEPTED
    ``timeout`` s after it was sent is sent again as the same packet, ``attempts`` times in all:
    the board knows a repeat by its request id, reports its stage again and does not run it twice.
    So a repeat is also how to inquire after an accepted telecommand of which neither reports nor
    the ledger have spoken for 10 s.
    """

    def __init__(self, timeout: float, attempts: int) -> None:
        self._timeout = timeout
        self._attempts = attempts
        self._entries: OrderedDict[int, Entry] = OrderedDict()
        self._awaited: dict[int, Entry] = {}
        self._now = 0.0
        self._ledger: set[int] = set()
        self.happenings: list[Happening] = []  # the owner takes them out

    def known_on_board(self, request: int) -> bool:
        """True when the ledger names this request id: a new command must not take it."""
        return request in self._ledger

    def queued(self, request: int, command: str, packet: bytes) -> None:
        """Begin to follow a telecommand. The oldest is forgotten beyond 512."""
        self._forget(request)
        self._entries[request] = Entry(request, command, packet)
        while len(self._entries) > KEPT:
            self._forget(next(iter(self._entries)))
        self.happenings.append(StageChanged(request, command, Stage.QUEUED))

    def adopt(self, request: int, command: str, packet: bytes, stage: Stage) -> None:
        """Follow a telecommand of an earlier run; without a packet it is not sent again."""
        entry = self._entries[request] = Entry(request, command, packet, stage)
        if packet and stage >= Stage.SENT:
            self._awaited[request] = entry

    def kept(self, request: int, command: str) -> None:
        """Follow a telecommand that the node keeps until its time."""
        self._forget(request)
        self._entries[request] = Entry(request, command, b"", Stage.SENT)
        self.happenings.append(StageChanged(request, command, Stage.SENT))

    def withdrawn(self, request: int) -> None:
        """The telecommand was given up before it was sent."""
        entry = self._entries.get(request)
        if entry is not None:
            entry.stage = Stage.FAILED
            happening = StageChanged(request, entry.command, Stage.FAILED, Reason.CANCELLED)
            self.happenings.append(happening)

    def released(self, request: int) -> None:
        """The telecommand was handed to the frame layer."""
        self._advance(request, Stage.RELEASED)

    def sent(self, request: int, now: float) -> None:
        """A frame with the telecommand left for the node at ``now`` s."""
        self._advance(request, Stage.SENT)
        entry = self._entries.get(request)
        if entry is not None and entry.stage == Stage.SENT:
            entry.deadline = now + self._timeout
            self._awaited[request] = entry

    def report(self, request: int, stage: Stage, step: int, reason: Reason) -> None:
        """Take a verification report (PUS 1,1 to 1,8)."""
        self._advance(request, stage, step, reason)

    def heal(self, ledger: CommandLedger) -> None:
        """Take the newest stages from the ledger telemetry."""
        rows = (
            (ledger.request_a, ledger.stage_a, ledger.reason_a),
            (ledger.request_b, ledger.stage_b, ledger.reason_b),
            (ledger.request_c, ledger.stage_c, ledger.reason_c),
            (ledger.request_d, ledger.stage_d, ledger.reason_d),
        )
        self._ledger = {request for request, _, _ in rows if request}
        for request, stage, reason in reversed(rows):
            if stage >= Stage.ACCEPTED:
                self._advance(request, stage, 0, reason, healed=True)

    def resume(self, now: float) -> None:
        """The link is back: time-outs start anew, for silence while it was down means nothing."""
        for entry in self._awaited.values():
            entry.deadline = now + self._timeout

    def due(self, now: float) -> list[tuple[int, bytes]]:
        """Return (request id, packet) of what is to be sent again; call it often."""
        self._now = now
        again: list[tuple[int, bytes]] = []
        for entry in [entry for entry in self._awaited.values() if now >= entry.deadline]:
            del self._awaited[entry.request]
            if entry.stage >= Stage.ACCEPTED:
                self._await_more(entry)
                if entry.request in list(self._entries)[-REPEATABLE:]:
                    again.append((entry.request, entry.packet))
                continue
            entry.attempts += 1
            if entry.attempts < self._attempts:
                again.append((entry.request, entry.packet))
            else:
                self.happenings.append(NoAnswer(entry.request, entry.command, entry.attempts))
        return again

    def _await_more(self, entry: Entry) -> None:
        """After any news of an accepted telecommand: inquire when no more comes."""
        self._awaited.pop(entry.request, None)
        if entry.packet and not entry.stage.final:
            entry.deadline = self._now + INQUIRY_PERIOD
            self._awaited[entry.request] = entry

    def _forget(self, request: int) -> None:
        self._entries.pop(request, None)
        self._awaited.pop(request, None)

    def _advance(
        self,
        request: int,
        stage: Stage,
        step: int = 0,
        reason: Reason = Reason.NONE,
        *,
        healed: bool = False,
    ) -> None:
        entry = self._entries.get(request)
        if entry is None or entry.stage.final:
            return
        if stage >= Stage.ACCEPTED and entry.stage < Stage.SENT:
            return  # a stale report of an older command with the same request id
        changed = (stage, step) > (entry.stage, entry.step)
        if changed:
            entry.stage, entry.step = stage, step
        if stage >= Stage.ACCEPTED:
            self._await_more(entry)
        if changed:
            self.happenings.append(
                StageChanged(request, entry.command, stage, reason, step, healed)
            )
