"""One direction of the link as a pure function of offers and time."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ground.emulator.chain import build
from ground.emulator.stages import Live, Transmission, ends
from ground.linkfile import Direction, LinkFileError, Sample, Window

# Settings that may change.
LIVE = ("ber", "ebn0", "rate", "delay", "garble", "replay", "inject")

Fates = Callable[[float, dict[str, str], list[Transmission]], None]


class Channel:
    """Frames in, frames out later, damaged or not at all.

    ``offered`` + ``noise`` + ``duplicated`` + ``replayed`` + ``injected`` = ``dropped_contact`` +
    ``dropped_outage`` + ``dropped_queue`` + ``merged`` + ``delivered`` + frames in flight.

    An attacker that injects does so up to the latest time that ``offer``, ``inject``, ``set``,
    ``advance`` or ``due`` were given, from the first of these on; ``due(inf)`` gives what is in
    flight, and makes no more. Where nobody asks for long, it begins anew.
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
        """``fates`` is told the time of each input and of each frame of the attacker, what came in
        ("offer" or "inject" with the frame in hex, "begin" when the attacker does, or nothing), and
        what becomes of it. ``samples`` say where the satellite stands."""
        self._settings, self._fates = settings, fates
        chain = build(settings, seed, direction, contacts, samples)
        self._transmitter, self._stages = chain.transmitter, chain.stages
        self._delay, self._injector = chain.delay, chain.injector
        # By arrival; with the time at which it began to be sent, -inf for the attacker's.
        self._flight: list[tuple[float, int, float, Transmission]] = []
        self._order = itertools.count()
        self._last = -math.inf  # arrival of what was offered, or injected by hand
        self._now = -math.inf
        self._offered = 0
        self._delivered = 0
        self._octets = 0

    def offer(self, frame: bytes, now: float) -> None:
        """Hand a frame to the transmitter at ``now`` s; never earlier than the last offer."""
        self.advance(now)
        self._offered += 1
        self._injector.length = len(frame)
        before = self.counters if self._fates is not None else {}
        items: list[Transmission] = []
        begin = now
        if (sent := self._transmitter.send(len(frame), now)) is not None:
            begin, end = sent
            items.append(Transmission(end, frame))
            for stage in self._stages:
                items = [out for item in items for out in stage.apply(item)]
        if self._fates is not None:
            lost = [] if items else [Transmission(now, frame, self._lost(before))]
            self._fates(now, {"offer": frame.hex()}, items or lost)
        for item in items:
            self._last = max(self._last, item.time)
            heapq.heappush(self._flight, (item.time, next(self._order), begin, item))

    def inject(self, frame: bytes, now: float) -> None:
        """Have an attacker with a transmitter of its own send a frame at ``now`` s. Nothing is
        drawn, and it overtakes what waits for the other transmitter."""
        self.advance(now)
        self._last = max(self._last, self._foreign(frame, now, {"inject": frame.hex()}))

    def advance(self, now: float) -> None:
        """Let an attacker that injects send what it does up to ``now`` s."""
        if now == math.inf:
            return
        self._now = now
        if self._injector.next > now:
            return
        if self._injector.begins(now) and self._fates is not None:
            self._fates(now, {"begin": "inject"}, [])
        for time, frame in self._injector.until(now):
            self._foreign(frame, time, {})

    def _foreign(self, frame: bytes, time: float, cause: dict[str, str]) -> float:
        """Send a frame of the attacker; returns its arrival."""
        self._injector.counters["injected"] += 1
        item = Transmission(time + self._delay.propagation(time), frame, "injected")
        if self._fates is not None:
            self._fates(time, cause, [item])
        heapq.heappush(self._flight, (item.time, next(self._order), -math.inf, item))
        return item.time

    def due(self, now: float) -> list[bytes]:
        """Return the frames that have arrived by ``now`` s, in order of arrival."""
        self.advance(now)
        arrived: list[bytes] = []
        while self._flight and self._flight[0][0] <= now:
            arrived.append(heapq.heappop(self._flight)[3].frame)
        self._delivered += len(arrived)
        self._octets += sum(map(len, arrived))
        return arrived

    def next_time(self) -> float | None:
        """Time in s at which to ask ``due`` next, or None when nothing that was offered or injected
        by hand is in flight: an attacker has no end, and counts only up to there."""
        if not self._flight or self._flight[0][0] > self._last:
            return None
        return min(self._flight[0][0], self._injector.next)

    def wake_time(self) -> float | None:
        """As ``next_time``, for one who follows the clock and needs no end: None only when nothing
        is in flight and no attacker injects. Give ``advance`` the time first."""
        found = min(self._flight[0][0] if self._flight else math.inf, self._injector.next)
        return found if math.isfinite(found) else None

    def outage(self, start: float, duration: float) -> list[Transmission]:
        """Lose what begins to be sent from ``start`` for ``duration`` s, but for what has by the
        time last asked for. Returns frames that still waited and are lost, in order of arrival."""
        self._transmitter.gate.outage(start, duration)
        lost = sorted(
            each
            for each in self._flight
            if each[2] > self._now and start <= each[2] < start + duration
        )
        if lost:
            gone = {each[1] for each in lost}
            self._flight = [each for each in self._flight if each[1] not in gone]
            heapq.heapify(self._flight)
            self._transmitter.counters["dropped_outage"] += len(lost)
        return [each[3] for each in lost]

    def set(self, name: str, value: float, now: float) -> None:
        """Change a setting of ``LIVE`` from ``now`` s on. Raises LinkFileError for a wrong one."""
        changed = self.changed(name, value)
        self.advance(now)
        self._settings = changed
        self._transmitter.configure(changed)
        self._injector.configure(changed, now)
        for stage in self._stages:
            if isinstance(stage, Live):
                stage.configure(changed)

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
        queued = self._transmitter.waiting(now)
        full = queued >= self._settings.pressure * self._settings.queue
        return {"queued": round(queued), "pressure": int(full)}

    @property
    def counters(self) -> dict[str, int]:
        """Counts since the start; ``octets`` are those delivered."""
        counts = {"offered": self._offered, "delivered": self._delivered, "octets": self._octets}
        for part in (self._transmitter, *self._stages, self._injector):
            counts |= part.counters
        return counts
