"""The station process: sockets, timers and files around one link session."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Any

from flight.console.exits import Exit, Stop
from flight.dictionary.enums import Stage
from flight.link.coding.ends import Coding
from flight.runtime.audit import AuditLog
from flight.runtime.clock import SystemClock
from ground.commanding import build_command
from ground.datagram import Address, DatagramSocket
from ground.jsonlines import Answer, ControlServer, Peer
from ground.keys.holder import KeyHolder
from ground.station.adaptation import Adaptation
from ground.station.archive import RELEASE, Archive
from ground.station.filedesk import FileDesk
from ground.station.fountain import FountainDesk
from ground.station.happenings import FileUplink
from ground.station.jsonform import KIND
from ground.station.lock import DirectoryLock
from ground.station.recorder import Recorder
from ground.station.records import Records
from ground.station.requests import Requests
from ground.station.session import LinkSession
from ground.station.settings import StationSettings

PERIOD = 0.01
COMMIT_PERIOD = 0.5
AT_ONCE = ("stage", "file")
TRANSACTIONS = 1 << 31


class Station:
    """One station on one directory, which it locks."""

    def __init__(
        self,
        folder: Path,
        settings: StationSettings,
        listen: Address,
        node: Address,
        keys: KeyHolder | None,
        coding: Coding,
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
        # Milliseconds of UTC: the node may still know transactions of a directory that is lost.
        first = self._clock.utc_ns() // 1_000_000 % TRANSACTIONS + 1
        self._files = FileDesk(folder, settings.file_round_trip, self._clock.now(), first)
        self._keys = keys
        end = None if keys is None else keys.end
        fountain = FountainDesk(self._files.inbox)
        self._session = LinkSession(
            settings,
            self._files.engine,
            self._archive.take_sequence,
            end,
            coding,
            fountain,
        )
        self._recorder = Recorder(self._archive, self._files.inbox)
        self._audit = AuditLog(folder / "audit")
        self._audit.add(self._clock.utc_ns(), "started", "station")
        self._requests = Requests(
            self._session,
            self._files,
            fountain,
            self._archive,
            self._audit,
            keys,
            lambda: self._record(self._clock.now()),
        )
        protection = 0 if end is None else end.overhead
        self._adaptation = Adaptation(settings, self._files, protection)
        self._socket: DatagramSocket | None = None
        self._listen = listen
        self._adopt(folder)
        self._next = self._commit_due = self._clock.now()

    def _adopt(self, folder: Path) -> None:
        """Take over the telecommands of an earlier run that had not ended."""
        with Records(folder) as records:
            unfinished = records.unfinished()
        for each in unfinished:
            arguments, stage = each["arguments"], Stage[each["stage"]]
            command = None
            if RELEASE not in arguments:  # the node has it, and releases it itself
                with contextlib.suppress(Stop):  # of another dictionary
                    command = build_command(each["name"], arguments)
            self._session.adopt(each["request"], each["name"], stage, command)

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
        self._adapt(now)
        assert self._socket is not None
        for frame in self._session.outgoing():
            self._socket.send(frame, self._node)
        self._record(now)
        self._next = max(self._next + PERIOD, now)
        self._timer = self._loop.call_at(self._next, self._tick)

    def _adapt(self, now: float) -> None:
        """Ask the node for frames of the length that carries most."""
        size = self._adaptation.wanted(self._session.downlink, now)
        if size is not None:
            values = {"name": "link.frame_size", "value": str(size)}
            self._requests.send("parameter.set", values, {}, "station")

    def _record(self, now: float) -> None:
        """Archive what has happened, then tell the watchers: who hears that a file is there must
        find it in the archive."""
        happenings = self._session.happenings()
        self._adaptation.hear(happenings)
        self._requests.hear(happenings)
        lines = [self._recorder.record(each, self._clock.utc_ns()) for each in happenings]
        if any(isinstance(each, FileUplink) and each.outcome for each in happenings):
            self._files.tidy()
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

    def _handle(self, request: dict[str, Any], peer: Peer) -> Answer:
        match request:
            case {"verb": "watch", "kinds": list(kinds)}:
                return self._watch({str(kind) for kind in kinds}, peer)
        return self._requests.answer(request, peer)

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
        self._audit.close()
        if self._keys is not None:
            self._keys.close()
        self._lock.release()


async def _serve(
    folder: Path,
    settings: StationSettings,
    listen: Address,
    node: Address,
    keys: KeyHolder | None,
    coding: Coding,
) -> None:
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def finish(error: BaseException | None = None) -> None:
        if not ended.done():
            ended.set_exception(error) if error is not None else ended.set_result(None)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, finish)
    # A fault in a callback ends the station: a station that runs but records nothing is worse.
    loop.set_exception_handler(lambda _, context: finish(context.get("exception")))
    station = Station(folder, settings, listen, node, keys, coding)
    try:
        await station.start()
        if keys is None:
            print("ground: THE LINK IS NOT PROTECTED (--insecure-dev)", file=sys.stderr)
        print("station ready", flush=True)
        await ended
    finally:
        await station.stop()


def run(
    folder: Path,
    settings: StationSettings,
    listen: Address,
    node: Address,
    keys: KeyHolder | None,
    coding: Coding,
) -> None:
    """Run a station until SIGTERM or SIGINT; without ``keys`` the link is not protected.

    Raises Stop: 6 when something is in use, 1 when the archive or the inbox cannot be written.
    """
    try:
        asyncio.run(_serve(folder, settings, listen, node, keys, coding))
    except (OSError, sqlite3.Error) as error:
        raise Stop(Exit.CHECK_FAILED, f"station ended: {error}") from error
