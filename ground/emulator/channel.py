"""One direction of the link as a pure function of offers and time."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ground.emulator.chain import build
from ground.emulator.stages import Gate, Live, Stage, Transmission
from ground.linkfile import Direction, LinkFileError, Window

LIVE = ("ber", "rate", "delay", "garble", "replay", "inject")  # settings that may change


Fates = Callable[[float, bytes, list[Transmission]], None]


class Channel:
    """Frames in, frames out later, damaged or not at all.

    ``offered`` + ``noise`` + ``duplicated`` + ``replayed`` + ``injected`` = ``dropped_contact`` +
    ``dropped_outage`` + ``dropped_queue`` + ``delivered`` + frames in flight.
    """

    def __init__(
        self,
        settings: Direction,
        seed: int,
        direction: str,
        contacts: tuple[Window, ...] = (),
        fates: Fates | None = None,
    ) -> None:
        """``fates`` is told of each offer: its time, the frame, and what becomes of it."""
        self._settings, self._fates = settings, fates
        self._stages: list[Stage] = build(settings, seed, direction, contacts)
        self._flight: list[tuple[float, int, bytes]] = []
        self._order = itertools.count()
        self._offered = 0
        self._delivered = 0
        self._octets = 0

    def offer(self, frame: bytes, now: float) -> None:
        """Hand a frame to the transmitter at ``now`` s; never earlier than the last offer."""
        self._offered += 1
        before = self.counters if self._fates is not None else {}
        items = [Transmission(now, frame)]
        for stage in self._stages:
            items = [out for item in items for out in stage.apply(item)]
        if self._fates is not None:
            self._fates(now, frame, items or [Transmission(now, frame, self._lost(before))])
        for item in items:
            heapq.heappush(self._flight, (item.time, next(self._order), item.frame))

    def due(self, now: float) -> list[bytes]:
        """Return the frames that have arrived by ``now`` s, in order of arrival."""
        arrived: list[bytes] = []
        while self._flight and self._flight[0][0] <= now:
            arrived.append(heapq.heappop(self._flight)[2])
        self._delivered += len(arrived)
        self._octets += sum(map(len, arrived))
        return arrived

    def next_time(self) -> float | None:
        """Time of the next arrival in s, or None when nothing is in flight."""
        return self._flight[0][0] if self._flight else None

    def outage(self, start: float, duration: float) -> None:
        """Drop what is offered from ``start`` for ``duration`` s."""
        for stage in self._stages:
            if isinstance(stage, Gate):
                stage.outage(start, duration)

    def set(self, name: str, value: float) -> None:
        """Change a setting of ``LIVE`` from now on. Raises LinkFileError for a wrong one."""
        if name not in LIVE:
            raise LinkFileError(f"{name!r} cannot be changed; {', '.join(LIVE)} can")
        changed: dict[str, Any] = {name: float(value)}
        self._settings = replace(self._settings, **changed)
        for stage in self._stages:
            if isinstance(stage, Live):
                stage.configure(self._settings)

    def _lost(self, before: dict[str, int]) -> str:
        """Name of the counter that tells why the frame was dropped."""
        return next(
            name
            for name, count in self.counters.items()
            if name.startswith("dropped") and count > before[name]
        )

    @property
    def counters(self) -> dict[str, int]:
        """Counts since the start; ``octets`` are those delivered."""
        counts = {"offered": self._offered, "delivered": self._delivered, "octets": self._octets}
        for stage in self._stages:
            counts |= stage.counters
        return counts
