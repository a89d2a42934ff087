"""The station process: sockets, timers and files around one link session."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from pathlib import Path
from typing import Any

from flight.console.exits import Exit, Stop
from flight.dictionary.enums import Stage
from flight.dictionary.layout import LayoutError
from flight.link.staging import LARGEST
from flight.runtime.clock import SystemClock
from ground.commanding import build_command
from ground.datagram import Address, DatagramSocket
from ground.jsonlines import ControlServer, Peer
from ground.station.archive import Archive
from ground.station.happenings import NoAnswer
from ground.station.inbox import Inbox
from ground.station.jsonform import KIND
from ground.station.lock import DirectoryLock
from ground.station.outbox import OutboxFull
from ground.station.recorder import Recorder
from ground.station.records import Records
from ground.station.session import LinkSession, QueueFull
from ground.station.settings import StationSettings

PERIOD = 0.01
COMMIT_PERIOD = 0.5
AT_ONCE = ("stage", "file")
TRANSACTIONS = 1 << 32


class Station:
    """One station on one directory, which it locks."""

    def __init__(
        self, folder: Path, settings: StationSettings, listen: Address, node: Address
    ) -> None:
        """Raises Stop (6) when another station holds the directory or the port."""
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = DirectoryLock(folder)
        self._clock = SystemClock()
        self._loop = asyncio.get_running_loop()
        self._node = node
        self._watchers: dict[Peer, set[str]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._control = ControlServer(folder / "control.sock", self._handle)
        self._archive = Archive(folder / "archive.sqlite", self._clock.utc_ns())
        inbox = Inbox(folder / "inbox")
        # Milliseconds of UTC: the node may still know the transactions of an earlier run.
        first = self._clock.utc_ns() // 1_000_000 % TRANSACTIONS
        self._session = LinkSession(settings, inbox, self._archive.take_sequence, first)
        self._recorder = Recorder(self._archive, inbox)
        self._socket: DatagramSocket | None = None
        self._listen = listen
        self._adopt(folder)
        self._next = self._commit_due = self._clock.now()

    def _adopt(self, folder: Path) -> None:
        """Take over the telecommands of an earlier run that had not ended."""
        with Records(folder) as records:
            unfinished = records.unfinished()
        for command in unfinished:
            stage = Stage[command["stage"]]
            if stage >= Stage.SENT:
                self._session.tracker.adopt(command["request"], command["name"], stage)
            else:  # it was lost with the memory of the earlier run
                lost = NoAnswer(command["request"], command["name"], 0)
                self._recorder.record(lost, self._clock.utc_ns())

    async def start(self) -> None:
        """Open the sockets and begin. Raises Stop (6)."""
        self._socket = DatagramSocket(self._listen, self._receive)
        await self._control.start()
        self._tick()

    def _receive(self, datagram: bytes) -> None:
        self._session.on_frame(datagram, self._clock.now())

    def _tick(self) -> None:
        """Run the session, then wait for the next multiple of the period."""
        now = self._clock.now()
        self._session.tick(now)
        assert self._socket is not None
        for frame in self._session.outgoing():
            self._socket.send(frame, self._node)
        self._record(now)
        self._next = max(self._next + PERIOD, now)
        self._timer = self._loop.call_at(self._next, self._tick)

    def _record(self, now: float) -> None:
        """Archive what has happened, then tell the watchers: who hears that a file is there must
        find it in the archive."""
        happenings = self._session.happenings()
        lines = [self._recorder.record(each, self._clock.utc_ns()) for each in happenings]
        if now >= self._commit_due or any(line["happening"] in AT_ONCE for line in lines):
            self._archive.commit()
            self._commit_due = now + COMMIT_PERIOD
        for line in lines:
            self._tell(line)

    def _tell(self, line: dict[str, Any]) -> None:
        for peer, kinds in list(self._watchers.items()):
            if peer not in self._control.peers:
                del self._watchers[peer]
            elif line["happening"] in kinds:
                peer.send(line)

    def _handle(self, request: dict[str, Any], peer: Peer) -> dict[str, Any]:
        match request:
            case {"verb": "send", "command": str(name), "arguments": dict(values)}:
                return self._send(name, {str(key): str(each) for key, each in values.items()})
            case {"verb": "put", "path": str(path), "name": str(name)}:
                return self._put(Path(path), name)
            case {"verb": "watch", "kinds": list(kinds)}:
                return self._watch({str(kind) for kind in kinds}, peer)
            case {"verb": "status"}:
                statistics = self._session.statistics()
                return {"ok": True, "link": self._session.link_up, **statistics}
        return {"ok": False, "code": Exit.USAGE, "error": "verbs: send, put, watch, status"}

    def _send(self, name: str, values: dict[str, str]) -> dict[str, Any]:
        try:
            command = build_command(name, values)
            request = self._session.send_command(command)
        except Stop as stop:
            return {"ok": False, "code": stop.code, "error": str(stop)}
        except (LayoutError, QueueFull) as error:
            return {"ok": False, "code": Exit.REFUSED_ON_GROUND, "error": f"refused: {error}"}
        self._archive.add_command(request, name, values, self._clock.utc_ns())
        self._record(self._clock.now())  # durable before it is confirmed
        return {"ok": True, "request": request, "link": self._session.link_up}

    def _put(self, path: Path, name: str) -> dict[str, Any]:
        """Queue a file of this machine for the node. It is read now; it may change later."""
        try:
            with path.open("rb") as file:
                data = file.read(LARGEST + 1)
            transaction = self._session.send_file(name, data)
        except OSError as error:
            return {"ok": False, "code": Exit.USAGE, "error": f"{path}: {error.strerror}"}
        except (OutboxFull, ValueError) as error:
            return {"ok": False, "code": Exit.REFUSED_ON_GROUND, "error": f"refused: {error}"}
        return {"ok": True, "transaction": transaction, "link": self._session.link_up}

    def _watch(self, kinds: set[str], peer: Peer) -> dict[str, Any]:
        unknown = kinds - set(KIND.values())
        if unknown:
            return {"ok": False, "code": Exit.USAGE, "error": f"no kind {min(unknown)!r}"}
        self._watchers[peer] = kinds
        return {"ok": True, "link": self._session.link_up}

    async def stop(self) -> None:
        """Close everything; what was recorded is kept."""
        if self._timer is not None:
            self._timer.cancel()
        if self._socket is not None:
            self._socket.close()
        await self._control.stop()
        self._archive.close()
        self._lock.release()


async def _serve(folder: Path, settings: StationSettings, listen: Address, node: Address) -> None:
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def finish(error: BaseException | None = None) -> None:
        if not ended.done():
            ended.set_exception(error) if error is not None else ended.set_result(None)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, finish)
    # A fault in a callback ends the station: a station that runs but records nothing is worse.
    loop.set_exception_handler(lambda _, context: finish(context.get("exception")))
    station = Station(folder, settings, listen, node)
    try:
        await station.start()
        print("station ready", flush=True)
        await ended
    finally:
        await station.stop()


def run(folder: Path, settings: StationSettings, listen: Address, node: Address) -> None:
    """Run a station until SIGTERM or SIGINT. Raises Stop: 6 when something is in use, 1 when the
    archive or the inbox cannot be written."""
    try:
        asyncio.run(_serve(folder, settings, listen, node))
    except (OSError, sqlite3.Error) as error:
        raise Stop(Exit.CHECK_FAILED, f"station ended: {error}") from error
