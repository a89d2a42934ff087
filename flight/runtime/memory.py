"""The in-memory transport of the simulated hosting: the socket types of the bus, without sockets.

It stands in for a ZeroMQ context under the same Publisher, Subscriber, Responder and Requester, so
that simulation runs the flight code down to the frame.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import zmq

HIGH_WATER = 4000


class MemorySocket:
    """One end. ``readable`` is called when something arrives."""

    def __init__(self, transport: MemoryTransport, kind: int) -> None:
        self.readable: Callable[[], None] = lambda: None
        self.kind = kind
        self.inbox: deque[Any] = deque()
        self.peers: list[MemorySocket] = []
        self.topics: set[bytes] = set()  # SUB: wanted
        self.granted: list[tuple[bytes, MemorySocket]] = []  # XPUB: accepted subscriptions
        self.linger = self.sndhwm = self.rcvhwm = 0
        self._transport = transport
        self._last: MemorySocket | None = None
        self._only_last = False

    def bind(self, address: str) -> None:
        """Become reachable; those who were waiting for the address are joined."""
        self._transport.bound[address] = self
        for peer in self._transport.waiting.pop(address, ()):
            peer.connect(address)

    def connect(self, address: str) -> None:
        """Join the socket bound at an address, now or when it appears."""
        far = self._transport.bound.get(address)
        if far is None:
            self._transport.waiting.setdefault(address, []).append(self)
            return
        self.peers.append(far)
        for topic in sorted(self.topics):
            far.deliver((b"\1" + topic, self))

    def setsockopt(self, option: int, value: Any) -> None:
        """The options that the bus uses; the others do not matter here."""
        if option == zmq.SUBSCRIBE and self.kind == zmq.SUB:
            self.topics.add(value)
            for far in self.peers:
                far.deliver((b"\1" + value, self))
        elif option == zmq.SUBSCRIBE and self._last is not None:
            self.granted.append((value, self._last))
        elif option == zmq.XPUB_MANUAL_LAST_VALUE:
            self._only_last = bool(value)

    def getsockopt(self, option: int) -> int:
        """EVENTS, the only option that the bus asks for."""
        del option
        return int(zmq.POLLIN) if self.inbox else 0

    def deliver(self, message: Any) -> None:
        """Put a message into this end's inbox."""
        if len(self.inbox) < HIGH_WATER:
            self.inbox.append(message)
            self.readable()

    def send(self, raw: bytes, flags: int = 0) -> None:
        """Send from an XPUB to its subscribers, or from a DEALER to its peer."""
        if self.kind == zmq.DEALER:
            for far in self.peers:
                far.deliver((self, raw))
            return
        for topic, peer in self.granted:
            if raw.startswith(topic) and (not self._only_last or peer is self._last):
                peer.deliver(raw)

    def send_multipart(self, parts: list[Any]) -> None:
        """Answer from a ROUTER; the first part is the peer."""
        peer, raw = parts
        peer.deliver(raw)

    def recv(self, flags: int = 0) -> bytes:
        """Next message. Raises zmq.Again when there is none."""
        if not self.inbox:
            raise zmq.Again
        message = self.inbox.popleft()
        if self.kind == zmq.XPUB:
            message, self._last = message
        assert isinstance(message, bytes)
        return message

    def recv_multipart(self, flags: int = 0) -> list[Any]:
        """Next request at a ROUTER. Raises zmq.Again when there is none."""
        if not self.inbox:
            raise zmq.Again
        return list(self.inbox.popleft())

    def close(self) -> None:
        """Nothing is held."""


class MemoryTransport:
    """All ends of one or several simulated nodes."""

    def __init__(self) -> None:
        self.bound: dict[str, MemorySocket] = {}
        self.waiting: dict[str, list[MemorySocket]] = {}

    def socket(self, kind: int) -> MemorySocket:
        """A new end."""
        return MemorySocket(self, kind)
