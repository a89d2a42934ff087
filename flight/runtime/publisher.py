"""The publishing end of the bus over ZeroMQ."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import zmq

from flight.dictionary.codec import ENCODER
from flight.dictionary.registry import Delivery, Telemetry, items
from flight.runtime import frame
from flight.runtime.clock import Clock
from flight.runtime.frame import Identity
from flight.runtime.page import Page, Word

HIGH_WATER = 4000  # messages per subscriber pipe; what does not fit is a counted loss
RING = 1024  # frames of each event topic kept for repair


def presence(source: int) -> bytes:
    """Key by which a process shows a publisher that it is there.

    It sorts behind every topic, and ZeroMQ subscribes in order of the keys when it connects: who
    has seen it has taken all the other subscriptions of that process.
    """
    return b"\xff" + source.to_bytes(15, "big")


@dataclass(slots=True)
class _Outlet:
    prefix: bytes
    join: bytes
    topic: int
    word: int
    latched: bool
    ring: deque[bytes] | None
    retained: bytes | None = None
    sequence: int = 0


class Publisher:
    """The XPUB end of one process: all its topics on one socket."""

    def __init__(
        self, context: zmq.Context[Any], address: str, identity: Identity, clock: Clock, page: Page
    ) -> None:
        self.socket = context.socket(zmq.XPUB)
        self.socket.linger = 0
        self.socket.sndhwm = HIGH_WATER
        # Manual mode hands every subscription to us, which is how a late joiner gets the latched
        # value exactly once and how the start-up barrier knows who is there.
        self.socket.setsockopt(zmq.XPUB_MANUAL, 1)
        self.socket.bind(address)
        # The wrapper that pyzmq puts around it handles options, at the price of the send itself.
        self._send: Callable[[bytes], object] = self.socket.send
        if isinstance(self.socket, zmq.Socket):
            self._send = super(type(self.socket), self.socket).send
        self.subscribers: dict[bytes, int] = {}
        self._identity = identity
        self._now, self._utc_ns = clock.now, clock.utc_ns
        self._words = page.words
        self._outlets: dict[type[Any], _Outlet] = {}
        self._by_key: dict[bytes, _Outlet] = {}
        for entry in items("telemetry"):
            event = entry.delivery is Delivery.EVENT
            self._outlets[entry.type] = self._by_key[entry.key] = _Outlet(
                identity.prefix(entry.key),
                identity.prefix(entry.key, frame.JOIN),
                entry.id,
                page.sequence_word(entry.id),
                entry.delivery is Delivery.LATEST,
                deque(maxlen=RING) if event else None,
            )

    def publish(self, message: Telemetry) -> bytes:
        """Send a message to all subscribers of its topic; return the frame."""
        outlet = self._outlets[type(message)]
        body = ENCODER.encode(message)  # first: what cannot be encoded takes no sequence number
        outlet.sequence = sequence = outlet.sequence + 1
        raw = frame.pack(outlet.prefix, sequence, self._now(), self._utc_ns(), body)
        # Counted before it is sent: a kill in between shows as a loss, never as a surplus.
        self._words[outlet.word] = sequence
        if outlet.ring is not None:
            outlet.ring.append(raw)
        elif outlet.latched:
            outlet.retained = raw
        self._send(raw)
        return raw

    def on_subscription(self) -> None:
        """Take the subscriptions that wait, at least one; answer where each begins."""
        self._subscribed(self.socket.recv())
        while self.socket.getsockopt(zmq.EVENTS) & zmq.POLLIN:
            self._subscribed(self.socket.recv())

    def _subscribed(self, message: bytes) -> None:
        kind, key = message[:1], message[1:]
        if kind == b"\1":
            self.subscribers[key] = self.subscribers.get(key, 0) + 1
            self.socket.setsockopt(zmq.SUBSCRIBE, key)
            self._greet(key)
        elif kind == b"\0":
            self.subscribers[key] = self.subscribers.get(key, 0) - 1
            self.socket.setsockopt(zmq.UNSUBSCRIBE, key)
        else:  # an XSUB may say anything
            self._words[Word.FOREIGN] += 1

    def _greet(self, key: bytes) -> None:
        outlet = self._by_key.get(key)
        if outlet is None:
            return
        # With LAST_VALUE set a send reaches only the pipe whose subscription was read last.
        self.socket.setsockopt(zmq.XPUB_MANUAL_LAST_VALUE, 1)
        self.socket.send(outlet.retained or self._joined(outlet))
        self.socket.setsockopt(zmq.XPUB_MANUAL_LAST_VALUE, 0)  # which ends manual mode as well
        self.socket.setsockopt(zmq.XPUB_MANUAL, 1)

    def _joined(self, outlet: _Outlet) -> bytes:
        """Tells a subscriber that it is entitled to what follows this sequence."""
        return frame.pack(outlet.join, outlet.sequence, self._now(), self._utc_ns(), b"")

    def present(self, source: int) -> bool:
        """True when a process is connected and all its subscriptions are in force."""
        return self.subscribers.get(presence(source), 0) > 0

    def sequences(self) -> dict[int, int]:
        """Last published sequence by topic id."""
        return {o.topic: o.sequence for o in self._outlets.values() if o.sequence}

    def ring(self, topic: int, boot: int, wanted: Collection[int]) -> list[bytes]:
        """Frames of an event topic and of this boot that are still kept, for repair."""
        if boot != self._identity.boot:
            return []
        rings = (o.ring for o in self._outlets.values() if o.topic == topic)
        return [raw for raw in next(rings, None) or () if frame.unpack_sequence(raw)[0] in wanted]

    def close(self) -> None:
        """Close the socket; queued telemetry is dropped."""
        self.socket.close()
