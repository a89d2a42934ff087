"""The event loop of a process: sockets, descriptors and timers, on one thread."""

from __future__ import annotations

import heapq
import itertools
import math
import os
import signal
from collections.abc import Callable
from typing import Any

import zmq

from flight.runtime.clock import Clock

MOST_WAIT = 0.25  # s; bounds how stale the beat can get while nothing happens


class LoopTimer:
    """A call that is due once (period None) or every ``period`` s without drift."""

    def __init__(self, due: float, period: float | None, call: Callable[[], None]) -> None:
        self.due = due
        self.period = period
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        """Never call again."""
        self.call = None


class Timers:
    """Timers ordered by time, then by creation: the same order in both hostings."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, LoopTimer]] = []
        self._order = itertools.count()
        self.slip = 0.0

    def add(self, due: float, period: float | None, call: Callable[[], None]) -> LoopTimer:
        """Schedule a call."""
        timer = LoopTimer(due, period, call)
        heapq.heappush(self._heap, (due, next(self._order), timer))
        return timer

    def next_time(self) -> float | None:
        """When the earliest live timer is due."""
        while self._heap and self._heap[0][2].call is None:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def run_due(self, now: float) -> int:
        """Call everything due at ``now``; return how many. Lateness goes to ``slip``."""
        done = 0
        while (due := self.next_time()) is not None and due <= now:
            timer = heapq.heappop(self._heap)[2]
            call = timer.call
            self.slip = max(self.slip, now - due)
            if timer.period is None:
                timer.call = None
            else:
                # A loop that was stopped for long skips the beats it missed.
                missed = int((now - due) / timer.period)
                timer.due = due + (missed + 1) * timer.period
                heapq.heappush(self._heap, (timer.due, next(self._order), timer))
            if call is not None:
                call()
                done += 1
        return done


class Loop:
    """Runs until ``stop``; SIGTERM and SIGINT call ``on_signal``."""

    def __init__(self, clock: Clock) -> None:
        self.timers = Timers()
        self.after_events: Callable[[], None] = lambda: None
        self._clock = clock
        self._poller = zmq.Poller()
        self._readers: dict[Any, Callable[[], object]] = {}
        self.running = True
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.on_signal: Callable[[], None] = self.stop
        self.add_reader(self._wake_read, self._woken)

    def add_reader(self, source: Any, call: Callable[[], object]) -> None:
        """Call when a ZeroMQ socket or a file descriptor is readable."""
        self._readers[source] = call
        self._poller.register(source, zmq.POLLIN)

    def remove_reader(self, source: Any) -> None:
        """Forget a source; unknown ones are ignored."""
        if self._readers.pop(source, None) is not None:
            self._poller.unregister(source)

    def catch_signals(self) -> None:
        """Turn SIGTERM and SIGINT into an orderly end."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: os.write(self._wake_write, b"!"))

    def _woken(self) -> None:
        os.read(self._wake_read, 64)
        self.on_signal()

    def stop(self) -> None:
        """End ``run`` after the current round; before ``run``, it will not begin."""
        self.running = False

    def run(self) -> None:
        """Wait, read, dispatch, until stopped."""
        while self.running:
            self.round()

    def round(self, most_wait: float = MOST_WAIT) -> None:
        """One turn of the loop."""
        due = self.timers.next_time()
        wait = most_wait if due is None else min(most_wait, max(0.0, due - self._clock.now()))
        for source, _ in self._poller.poll(math.ceil(wait * 1000)):
            reader = self._readers.get(source)
            if reader is not None:
                reader()
        self.timers.run_due(self._clock.now())
        self.after_events()

    def close(self) -> None:
        """Release the wake pipe."""
        os.close(self._wake_read)
        os.close(self._wake_write)
