"""Transmitter of the station: urgent frames, telecommands, files, at the rate of the link."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

from flight.link.sdls import LinkEnd
from flight.link.tc import TcFrame

# Unused time that may be made up for: one period of a caller that ticks every 20 ms.
CREDIT = 0.02


class Uplink:
    """Paces frames: urgent ones, those of COP-1, then ``file(now)``, the next that files have."""

    def __init__(
        self,
        rate: float,
        file: Callable[[float], TcFrame | None],
        security: LinkEnd | None = None,
    ) -> None:
        self.sent = 0
        self._rate = rate
        self._file, self._security = file, security
        self._urgent: deque[TcFrame] = deque()
        self._commands: deque[TcFrame] = deque()
        self._free = -math.inf

    @property
    def commands_waiting(self) -> bool:
        """True while command frames wait; COP-1 then must not add more, or its timer is wrong."""
        return bool(self._commands)

    def add_commands(self, frames: list[TcFrame]) -> None:
        """Queue frames of COP-1; its window bounds them."""
        self._commands.extend(frames)

    def add_urgent(self, frame: TcFrame) -> None:
        """Queue a frame outside the sequence, before those of COP-1."""
        self._urgent.append(frame)

    def release(self, now: float, link_up: bool = True) -> list[TcFrame]:
        """Return the frames whose turn has come by ``now`` s; only urgent ones go into the void."""
        released: list[TcFrame] = []
        self._free = max(self._free, now - CREDIT)
        while self._free <= now and (frame := self._next(now, link_up)) is not None:
            self._free += frame.size(self._security) * 8 / self._rate
            released.append(frame)
        self.sent += len(released)
        return released

    def _next(self, now: float, link_up: bool) -> TcFrame | None:
        if self._urgent or not link_up:
            return self._urgent.popleft() if self._urgent else None
        return self._commands.popleft() if self._commands else self._file(now)
