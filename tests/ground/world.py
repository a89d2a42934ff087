"""Station, node double and two noisy channels on one virtual clock."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

from node_double import SPACECRAFT, NodeDouble

from flight.dictionary.enums import Stage
from ground.emulator.channel import Channel
from ground.linkfile import Direction
from ground.station.filedesk import FileDesk
from ground.station.happenings import Happening, StageChanged
from ground.station.session import LinkSession
from ground.station.settings import StationSettings

STEP = 0.002


class World:
    """Station, node and two channels on one clock."""

    def __init__(
        self, folder: Path, ber: float = 0.0, node: NodeDouble | None = None, delay: float = 0.025
    ) -> None:
        self.now = 0.0
        self.node = node or NodeDouble()
        self._folder = folder
        self._settings = StationSettings(SPACECRAFT, 1e6, 2 * delay)
        self.restart_station(100)
        self.up = Channel(Direction(1e6, delay, ber), 11, "up")
        self.down = Channel(Direction(4e6, delay, ber), 11, "down")
        self.seen: list[Happening] = []
        self.tick = 0

    def restart_station(self, sequence: int) -> None:
        """A station on the same directory, as after a kill."""
        self.files = FileDesk(self._folder, self._settings.file_round_trip, self.now, 1)
        self.inbox = self.files.inbox
        counter = itertools.count(sequence).__next__
        self.session = LinkSession(self._settings, self.files.engine, counter)

    def put(self, name: str, data: bytes, priority: int = 0) -> int:
        """Send a file up."""
        path = self._folder / "to-send"
        path.write_bytes(data)
        return self.files.put(path, name, priority, acknowledged=True)

    def run(self, until: Callable[[], bool], limit: float = 60.0) -> None:
        """Step until a condition holds; fail when it does not within ``limit`` s."""
        end = self.now + limit
        while not until():
            assert self.now < end, f"not within {limit} s; seen {self.seen[-5:]}"
            self.tick += 1
            self.now = self.tick * STEP
            for frame in self.node.frames(self.now):
                self.down.offer(frame, self.now)
            for frame in self.down.due(self.now):
                self.session.on_frame(frame, self.now)
            self.session.tick(self.now)
            for frame in self.session.outgoing():
                self.up.offer(frame, self.now)
            for frame in self.up.due(self.now):
                self.node.receive(frame, self.now)
            self.seen += self.session.happenings()

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        self.run(lambda: self.now >= end)

    def stages(self, request: int) -> list[StageChanged]:
        return [e for e in self.seen if isinstance(e, StageChanged) and e.request == request]

    def reached(self, request: int, stage: Stage) -> bool:
        return any(each.stage is stage for each in self.stages(request))

    def of(self, kind: type) -> list[Happening]:
        return [each for each in self.seen if isinstance(each, kind)]
