"""Frames as long as the errors of the link allow, both ways, by what each end counts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from flight.dictionary.telemetry import LinkStatus
from flight.link import tc, tm
from flight.link.files import PDU_OVERHEAD
from flight.link.framelength import FrameLength
from ground.station.filedesk import FileDesk
from ground.station.happenings import Happening, PacketReceived
from ground.station.settings import StationSettings

SHORTEST, LONGEST = 192, 2048  # octets of telemetry frames; short ones are mostly headers
PERIOD = 1.0  # s


class Adaptation:
    """Files go up in frames that follow the node's counts of good and damaged ones; of telemetry
    frames it says which length to ask the node for, when the settings want that."""

    def __init__(self, settings: StationSettings, files: FileDesk, protection: int) -> None:
        """``protection`` are the octets that security takes of each frame."""
        self._files, self._asks = files, settings.adapts
        overhead = protection + PDU_OVERHEAD
        size = settings.frame_size
        self._down = FrameLength(size, tm.OVERHEAD + overhead, SHORTEST, LONGEST)
        self._up_overhead = tc.OVERHEAD + overhead
        size = files.segment + self._up_overhead
        self._up = FrameLength(size, self._up_overhead, 2 * self._up_overhead, tc.MAX_SIZE)
        self._down_seen = self._up_seen = (0, 0)  # good, damaged
        self._due = -math.inf

    def wanted(self, counters: Mapping[str, int], now: float) -> int | None:
        """Length to ask the node for, None while there is no reason; ``counters`` of the station's
        deframer. Call it often."""
        if not self._asks or now < self._due:
            return None
        self._due = now + PERIOD
        seen = counters.get("good", 0), counters.get("crc", 0)
        good, lost = (new - old for new, old in zip(seen, self._down_seen, strict=True))
        self._down_seen = seen
        return self._down.octets if self._down.observe(good + lost, lost) else None

    def hear(self, happenings: Iterable[Happening]) -> None:
        """Take the node's counters from what has happened."""
        for each in happenings:
            if isinstance(each, PacketReceived) and isinstance(each.message, LinkStatus):
                self._told(each.message)

    def _told(self, status: LinkStatus) -> None:
        seen = status.tc_good, status.tc_crc
        good, lost = (new - old for new, old in zip(seen, self._up_seen, strict=True))
        self._up_seen = seen
        if min(good, lost) >= 0 and self._up.observe(good + lost, lost):  # else it began anew
            self._files.cut(self._up.octets - self._up_overhead)
