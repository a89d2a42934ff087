"""A bench in virtual time: node, both link directions and station in one process, to the byte."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from flight.config import default_path, load
from flight.link.coding.ends import Coding
from flight.runtime.journal import read, segments
from flight.runtime.simulation import SimulatedNode, VirtualTime
from flight.runtime.store import MemoryStore
from ground.commanding import build_command
from ground.emulator.channel import Channel
from ground.keys.holder import KeyHolder
from ground.linkfile import load_link
from ground.station.filedesk import FileDesk
from ground.station.happenings import Happening
from ground.station.session import LinkSession
from ground.station.settings import StationSettings
from hil.bench.keys import make_pair

STATION_TICK = 0.01  # s
CODED_FRAME = 1115  # octets: five full code words
TABLE = "flight.topology:TABLE"


class VirtualBench:
    """The same node, emulator and station code as in real time, stepped by one clock.

    The link is protected, under keys that follow from the seed. ``trace`` holds every datagram that
    was sent, with its virtual time and direction.
    """

    def __init__(
        self,
        folder: Path,
        seed: int,
        *,
        config: Path | None = None,
        link: Path | None = None,
        coding: str = "",
        station_coding: str | None = None,
    ) -> None:
        """``coding`` is that of the node, and of the station unless that has another."""
        configs = default_path().parent
        settings = load(config or configs / "node.toml")
        described = load_link(link or configs / "links" / "leo.toml")
        self.time = VirtualTime()
        self.folder = folder
        self.trace: list[tuple[float, str, bytes]] = []
        self.happenings: list[Happening] = []
        self.up = Channel(described.up, seed, "up")
        self.down = Channel(described.down, seed, "down")
        self.inbox = folder / "inbox"
        self.store = MemoryStore(folder / "node")
        counter = itertools.count(1)
        keys, spacecraft = folder / "keys", int(settings["link"]["spacecraft"])
        make_pair(keys, spacecraft, random.Random(seed).randbytes)
        settings["link"]["keys"] = str(keys / "node")
        self.keys = KeyHolder(keys / "station", spacecraft)
        words = Coding.parse(coding if station_coding is None else station_coding)
        settings["link"]["coding"] = coding
        station = StationSettings.of(described, spacecraft)
        if coding:
            station = replace(station, frame_size=CODED_FRAME)
            settings["parameters"].setdefault("link", {})["frame_size"] = CODED_FRAME
        self.files = FileDesk(folder, station.file_round_trip, self.time.clock.now(), 1)
        self.station = LinkSession(
            station, self.files.engine, lambda: next(counter), self.keys.end, words
        )
        self.node = SimulatedNode(self.time, TABLE, settings, self.store, seed)
        self.node.transmit = lambda raw: self._offer(self.down, "down", raw, self._to_station)
        self.time.timers.add(self.time.clock.now(), STATION_TICK, self._tick)

    def send(self, command: str, **arguments: str) -> int:
        """Send a telecommand; return its request id."""
        return self.station.send_command(build_command(command, arguments))

    def uplink(self, name: str, data: bytes) -> int:
        """Send a file up; return its transaction number."""
        path = self.folder / "to-send"
        path.write_bytes(data)
        return self.files.put(path, name, 5, acknowledged=True)

    def run(self, seconds: float, done: Callable[[], bool] = lambda: False) -> bool:
        """Let virtual time pass, until ``done()`` at the latest."""
        return self.time.run(self.time.clock.now() + seconds, done)

    def recording(self) -> list[tuple[int, int, bytes]]:
        """Everything the recorder wrote: sequence, UTC in ns, payload."""
        return [
            (record.sequence, record.utc_ns, record.payload)
            for segment in segments(self.store.path("recorder"))
            for record in read(segment)
        ]

    def _tick(self) -> None:
        now = self.time.clock.now()
        self.station.tick(now)
        for frame in self.station.outgoing():
            self._offer(self.up, "up", frame, self._to_node)
        self.happenings += self.station.happenings()

    def _offer(
        self, channel: Channel, direction: str, raw: bytes, deliver: Callable[[bytes], Any]
    ) -> None:
        now = self.time.clock.now()
        self.trace.append((now, direction, raw))
        channel.offer(raw, now)
        self._schedule(channel, deliver)

    def _schedule(self, channel: Channel, deliver: Callable[[bytes], Any]) -> None:
        due = channel.next_time()
        if due is not None:
            self.time.timers.add(due, None, lambda: self._arrive(channel, deliver))

    def _arrive(self, channel: Channel, deliver: Callable[[bytes], Any]) -> None:
        for raw in channel.due(self.time.clock.now()):
            deliver(raw)
        self._schedule(channel, deliver)

    def _to_node(self, raw: bytes) -> None:
        self.node.receive(raw)

    def _to_station(self, raw: bytes) -> None:
        self.station.on_frame(raw, self.time.clock.now())
