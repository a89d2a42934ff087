"""A ground that is far away, behind frames that get lost."""

from __future__ import annotations

import random
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from cfdp_files import MemoryStore
from files_node import SIZE, SPACECRAFT, Site

from flight.link.channels import Apid
from flight.link.spacepacket import SpacePacket
from flight.link.tm import TmDeframer
from ground.station.fountain import FountainDesk
from ground.station.happenings import FileDelivered

needs_fountain = pytest.mark.skipif(
    find_spec("raptorq") is None,
    reason="raptorq (extra [fec]) has wheels for x86-64 only; the lock, and so CI, has it there",
)


class LongWay(Site):
    """A ground that is ``delay`` s away and loses a share of the frames; ``one_way``: it only
    listens. It takes files by CFDP, too."""

    def __init__(
        self, root: Path, loss: float, delay: float, one_way: bool = False, **parameters: Any
    ) -> None:
        super().__init__(root, fountain_loss=max(loss, 0.01), round_trip=2 * delay, **parameters)
        self.ground = MemoryStore()
        self.desk, self.kept = FountainDesk(self.ground), list[FileDelivered]()  # type: ignore[arg-type]
        self._loss, self._delay, self._one_way = loss, delay, one_way
        self._source, self._frames = random.Random(7), TmDeframer(SPACECRAFT, SIZE)
        self.octets: dict[int, int] = {}

    def _later(self, what: Any, *values: Any) -> None:
        due = self.time.clock.now() + self._delay
        self.time.timers.add(due, None, lambda: what(*values))

    def _down(self, frame: bytes) -> None:
        if not self.deaf and self._source.random() >= self._loss:
            self._later(self._arrived, frame)

    def _arrived(self, frame: bytes) -> None:
        for _, raw in self._frames.feed(frame):
            packet = SpacePacket.unpack(raw)
            self.octets[packet.apid] = self.octets.get(packet.apid, 0) + len(packet.data)
            if packet.apid == Apid.FOUNTAIN:
                self.desk.take(packet.data, self.time.clock.now())
            elif packet.apid == Apid.FILES:
                self.engine.receive(packet.data, self.time.clock.now())

    def _tick(self) -> None:
        super()._tick()
        for each in self.desk.changed(self.time.clock.now()):
            if isinstance(each, FileDelivered):
                self.kept.append(each)
        while (told := self.desk.next_report()) is not None:
            if not self._one_way:
                self._later(self.up, Apid.FOUNTAIN, told)
