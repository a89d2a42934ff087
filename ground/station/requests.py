"""What the control socket is asked for: telecommands, files, watches, keys."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flight.console.exits import Exit, Stop
from flight.dictionary.enums import CommandClass
from flight.dictionary.files import FileTransfer
from flight.dictionary.layout import LayoutError
from flight.dictionary.registry import Command, item
from flight.link.cfdp import State
from flight.link.errors import LinkError
from flight.link.fountain.codec import Incoming
from flight.runtime.audit import AuditLog
from flight.runtime.clock import SystemClock
from ground.commanding import build_command
from ground.jsonlines import Answer, Peer
from ground.keys.desk import answer
from ground.keys.holder import KeyHolder
from ground.station.archive import RELEASE, Archive
from ground.station.filedesk import FileDesk
from ground.station.fountain import FountainDesk
from ground.station.happenings import Happening, PacketReceived
from ground.station.session import LinkSession, QueueFull

Json = dict[str, Any]
TOLD = 128  # files of which the node's word is kept
VERBS = "send, withdraw, put, transfers, hold, go, cancel, status, key"


class Requests:
    """Answers requests. ``flush`` makes what they did durable before they are answered."""

    def __init__(
        self,
        session: LinkSession,
        files: FileDesk,
        fountain: FountainDesk,
        archive: Archive,
        audit: AuditLog,
        keys: KeyHolder | None,
        flush: Callable[[], None],
    ) -> None:
        self._session, self._files, self._archive = session, files, archive
        self._fountain, self._told = fountain, dict[int, FileTransfer]()
        self._audit, self._keys, self._flush = audit, keys, flush
        self._clock = SystemClock()

    def answer(self, request: Json, peer: Peer) -> Answer:
        """The reply to a request, now or later; ``ok`` says whether it was done. Raises OSError,
        sqlite3.Error when it cannot be written down."""
        try:
            match request:
                case {"verb": "send", "command": str(name), "arguments": dict(values)}:
                    texts = {str(key): str(each) for key, each in values.items()}
                    return self.send(name, texts, request, peer.user)
                case {"verb": "withdraw", "request": int(number)}:
                    return self._withdraw(number, peer.user)
                case {"verb": "put", "path": str(path), "name": str(name)}:
                    return self._put(Path(path), name, request, peer.user)
                case {"verb": "transfers"}:
                    return self._done(transfers=self._transfers())
                case {"verb": "hold" | "go" | "cancel" as what, "name": str(name)}:
                    return self._change(what, name, peer.user)
                case {"verb": "status"}:
                    secured = self._keys is not None
                    return self._done(secured=secured, **self._session.statistics())
                case {"verb": "key"}:
                    self._note("key", str(request.get("do")), peer.user, str(request.get("epoch")))
                    return answer(self._keys, request)
        except Stop as stop:
            return {"ok": False, "code": stop.code, "error": str(stop)}
        except (LayoutError, LinkError, QueueFull, ValueError) as error:
            return _refused(str(error))
        return {"ok": False, "code": Exit.USAGE, "error": f"verbs: watch, {VERBS}"}

    def _done(self, **more: Any) -> Json:
        return {"ok": True, "link": self._session.link_up, **more}

    def hear(self, happenings: list[Happening]) -> None:
        """Keep what the node says of files on their way down: it may hold them."""
        for each in happenings:
            if isinstance(each, PacketReceived) and isinstance(each.message, FileTransfer):
                self._told[each.message.transaction] = each.message
        while len(self._told) > TOLD:
            del self._told[next(iter(self._told))]

    def _transfers(self) -> list[Json]:
        rate = self._session.watch.rate
        found = [
            _transfer(state, rate(state.id), self._told.get(state.id.number % (1 << 32)))
            for state in self._files.engine.progress()
        ]
        return found + [
            _poured(each, self._told.get(each.transfer)) for each in self._fountain.incoming()
        ]

    def _note(self, what: str, subject: str, who: str, detail: str = "") -> None:
        self._audit.add(self._clock.utc_ns(), what, subject, who, detail)

    def send(self, name: str, values: dict[str, str], request: Json, who: str) -> Json:
        """Queue a telecommand. Raises Stop, LayoutError, LinkError, QueueFull."""
        command = build_command(name, values)
        _confirmed(command, request.get("confirm"))
        release, typed = request.get("release"), " ".join(f"{k}={v}" for k, v in values.items())
        bypass = request.get("bypass") is True
        if isinstance(release, int):
            if bypass:
                return _refused("a telecommand for later goes in sequence")
            return self._schedule(command, values, release, who)
        number = self._session.send_command(command, bypass)
        self._archive.add_command(number, name, values, self._clock.utc_ns())
        self._note("send", name, who, f"{number:#010x} {typed}".rstrip())
        self._flush()
        return self._done(request=number)

    def _schedule(self, command: Command, values: dict[str, str], release: int, who: str) -> Json:
        """Send a telecommand that the node keeps until its time."""
        name, now = item(command).name, self._clock.utc_ns()
        if release <= now:
            return _refused("the time has passed")
        outer, inner = self._session.schedule(command, release)
        self._archive.add_command(outer, "schedule.insert", {}, now)
        self._archive.add_command(inner, name, values | {RELEASE: release}, now)
        self._note("schedule", name, who, f"{inner:#010x} at {release}")
        self._flush()
        return self._done(request=outer, scheduled=inner)

    def _withdraw(self, number: int, who: str) -> Json:
        if not self._session.withdraw(number):
            return _refused(f"{number:#010x} does not wait for the link")
        self._note("withdraw", f"{number:#010x}", who)
        self._flush()
        return self._done(request=number)

    async def _put(self, path: Path, name: str, request: Json, who: str) -> Json:
        """Queue a copy of a file of this machine for the node; the link goes on meanwhile."""
        try:
            priority, acknowledged = int(request.get("priority", 5)), request.get("class", 2) == 2
            copy = self._files.place(path, name)
            source = await asyncio.to_thread(self._files.copied, path, copy)
            number = self._files.begin(copy, source, name, priority, acknowledged)
        except OSError as error:
            return {"ok": False, "code": Exit.USAGE, "error": f"{path}: {error.strerror}"}
        except ValueError as error:
            return _refused(str(error))
        self._note("put", name, who, f"transaction {number}")
        return self._done(transaction=number)

    def _change(self, what: str, name: str, who: str) -> Json:
        """Hold, go on with or give up all files of a name on their way up."""
        states = self._files.find(name)
        if not states:
            return {"ok": False, "code": Exit.REFUSED_ON_GROUND, "error": f"{name} is not going up"}
        engine, now = self._files.engine, self._clock.now()
        change = {"hold": engine.suspend, "go": engine.resume, "cancel": engine.cancel}[what]
        for state in states:
            change(state.id, now)
            if what == "cancel":
                engine.resume(state.id, now)  # of a held one no word would leave
            self._note(what, name, who, f"transaction {state.id.number}")
        return self._done(transactions=[state.id.number for state in states])


def _confirmed(command: Command, confirmed: object) -> None:
    """Raises Stop (3) when a hazardous telecommand was not confirmed by name."""
    entry = item(command)
    if entry.category is CommandClass.HAZARDOUS and confirmed != entry.name:
        hint = f"confirm it with --confirm {entry.name}"
        raise Stop(Exit.REFUSED_ON_GROUND, f"refused: {entry.name} is hazardous; {hint}")


def _refused(text: str) -> Json:
    return {"ok": False, "code": Exit.REFUSED_ON_GROUND, "error": f"refused: {text}"}


def _transfer(state: State, rate: float, told: FileTransfer | None) -> Json:
    held = state.suspended or (not state.sending and told is not None and told.suspended)
    return {
        "name": state.name,
        "direction": "up" if state.sending else "down",
        "transaction": state.id.number,
        "size": state.size,
        "done": state.done,
        "resent": state.resent,
        "rate": round(rate),
        "priority": state.priority,
        "held": held,
        "class": 2 if state.acknowledged else 1,
    }


def _poured(each: Incoming, told: FileTransfer | None) -> Json:
    return {
        "name": each.name,
        "direction": "down",
        "transaction": each.transfer,
        "size": each.size,
        "done": each.received,
        "resent": 0,
        "rate": 0,
        "priority": 0 if told is None else told.priority,
        "held": told is not None and told.suspended,
        "class": "fountain",
    }
