"""One direction of the link as a pure function of offers and time."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from ground.emulator.chain import build
from ground.emulator.disturbances import Inject
from ground.emulator.stages import Delay, Gate, Live, Serialiser, Stage, Transmission, ends
from ground.linkfile import Direction, LinkFileError, Sample, Window

# Settings that may change.
LIVE = ("ber", "ebn0", "rate", "delay", "garble", "replay", "inject")

Kind = TypeVar("Kind")
Fates = Callable[[float, str, bytes, list[Transmission]], None]


class Channel:
    """Frames in, frames out later, damaged or not at all.

    ``offered`` + ``noise`` + ``duplicated`` + ``replayed`` + ``injected`` = ``dropped_contact`` +
    ``dropped_outage`` + ``dropped_queue`` + ``merged`` + ``delivered`` + frames in flight.
    """

    def __init__(
        self,
        settings: Direction,
        seed: int,
        direction: str,
        contacts: tuple[Window, ...] = (),
        fates: Fates | None = None,
        samples: tuple[Sample, ...] = (),
    ) -> None:
        """``fates`` is told of each frame that comes in: its time, "offer" or "inject", the frame,
        and what becomes of it. ``samples`` say where the satellite stands."""
        self._settings, self._fates = settings, fates
        self._stages: list[Stage] = build(settings, seed, direction, contacts, samples)
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
            lost = [] if items else [Transmission(now, frame, self._lost(before))]
            self._fates(now, "offer", frame, items or lost)
        for item in items:
            heapq.heappush(self._flight, (item.time, next(self._order), item.frame))

    def inject(self, frame: bytes, now: float) -> None:
        """Have an attacker with a transmitter of its own send a frame at ``now`` s. Nothing is
        drawn, and it overtakes what waits for the other transmitter."""
        self._stage(Inject).counters["injected"] += 1
        arrival = now + self._stage(Delay).propagation(now)
        if self._fates is not None:
            self._fates(now, "inject", frame, [Transmission(arrival, frame, "injected")])
        heapq.heappush(self._flight, (arrival, next(self._order), frame))

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
        self._stage(Gate).outage(start, duration)

    def set(self, name: str, value: float) -> None:
        """Change a setting of ``LIVE`` from now on. Raises LinkFileError for a wrong one."""
        self._settings = self.changed(name, value)
        for stage in self._stages:
            if isinstance(stage, Live):
                stage.configure(self._settings)

    def changed(self, name: str, value: float) -> Direction:
        """Return the settings with another value of one of ``LIVE``. Raises LinkFileError."""
        if name not in LIVE:
            raise LinkFileError(f"{name!r} cannot be changed; {', '.join(LIVE)} can")
        if name == "ebn0" and self._settings.ebn0 is None:
            raise LinkFileError("ebn0 cannot be changed: bit errors of this link follow from ber")
        changed: dict[str, Any] = {name: float(value)}
        if name == "rate":
            changed["rate_steps"] = ()  # from now on it is constant
        return replace(self._settings, **changed)

    def _lost(self, before: dict[str, int]) -> str:
        """Name of the counter that tells why the frame was dropped."""
        return next(
            name for name, count in self.counters.items() if ends(name) and count > before[name]
        )

    def gauges(self, now: float) -> dict[str, int]:
        """State of the transmitter at ``now`` s: octets that wait (``queued``), and 1 when it asks
        for less (``pressure``)."""
        queued = self._stage(Serialiser).waiting(now)
        full = queued >= self._settings.pressure * self._settings.queue
        return {"queued": round(queued), "pressure": int(full)}

    def _stage(self, kind: type[Kind]) -> Kind:
        return next(stage for stage in self._stages if isinstance(stage, kind))

    @property
    def counters(self) -> dict[str, int]:
        """Counts since the start; ``octets`` are those delivered."""
        counts = {"offered": self._offered, "delivered": self._delivered, "octets": self._octets}
        for stage in self._stages:
            counts |= stage.counters
        return counts
