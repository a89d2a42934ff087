"""The buses that are compared: ours, raw pyzmq with one frame, and a naive three-frame one."""

from __future__ import annotations

import struct
import time
from pathlib import Path
from typing import Any, Protocol

import msgpack
import numpy as np
import zmq

from flight.dictionary.arrays import ArrayRef
from flight.dictionary.codec import ENCODER, decode
from flight.dictionary.content import hash32
from flight.dictionary.enums import Severity
from flight.dictionary.telemetry import EventReport
from flight.runtime.bus import Identity, Publisher, Subscriber
from flight.runtime.clock import SystemClock
from flight.runtime.page import Page
from flight.runtime.shm import RingReader, RingWriter

CLOCK = SystemClock()
BODY = bytes(177)  # makes a typed frame of 256 octets
ARRAY_SIZE = 1 << 20
_STAMP = struct.Struct("<d")


class Bus(Protocol):
    """One direction: ``send`` in one process, ``receive`` in another."""

    def send(self) -> None:
        """Publish one message stamped with the monotonic time."""

    def receive(self) -> list[float]:
        """Wait for messages, decode them; return how long each was under way, in s."""


class Sockets:
    """XPUB or SUB on one address."""

    def __init__(self, folder: Path, sender: bool) -> None:
        self.context: zmq.Context[Any] = zmq.Context()
        self.socket = self.context.socket(zmq.XPUB if sender else zmq.SUB)
        self.socket.linger = 0
        self.socket.sndhwm = self.socket.rcvhwm = 4000
        address = f"ipc://{folder}/raw"
        if sender:
            self.socket.bind(address)
            self.socket.recv()  # the subscription: nobody is late
        else:
            self.socket.setsockopt(zmq.SUBSCRIBE, b"")
            self.socket.connect(address)


class Raw(Sockets):
    """pyzmq and nothing else: one frame of as many octets as a typed frame has."""

    size = len(BODY) + 86

    def send(self) -> None:
        """Stamp and octets."""
        self.socket.send(_STAMP.pack(CLOCK.now()) + bytes(self.size - 8))

    def receive(self) -> list[float]:
        """One frame."""
        stamp: float = _STAMP.unpack_from(self.socket.recv())[0]
        return [CLOCK.now() - stamp]


class RawArray(Sockets):
    """1 MiB in one frame."""

    def __init__(self, folder: Path, sender: bool) -> None:
        super().__init__(folder, sender)
        self._array = np.zeros(ARRAY_SIZE, np.uint8)

    def send(self) -> None:
        """Stamp inside the array."""
        self._array[:8] = np.frombuffer(_STAMP.pack(CLOCK.now()), np.uint8)
        self.socket.send(self._array)  # type: ignore[arg-type]

    def receive(self) -> list[float]:
        """One array."""
        array = np.frombuffer(self.socket.recv(), np.uint8)
        stamp: float = _STAMP.unpack_from(array)[0]
        return [CLOCK.now() - stamp]


class Naive(Sockets):
    """What one writes first: topic, header and payload frames, dictionaries in msgpack."""

    def send(self) -> None:
        """Three frames."""
        header = {"t": CLOCK.now(), "source": "bench", "seq": 1}
        payload = {"event": 1, "severity": 1, "source": "bench", "utc": 1, "body": BODY}
        self.socket.send_multipart([b"event", msgpack.packb(header), msgpack.packb(payload)])

    def receive(self) -> list[float]:
        """Three frames, decoded."""
        _, header, payload = self.socket.recv_multipart()
        msgpack.unpackb(payload)
        return [CLOCK.now() - msgpack.unpackb(header)["t"]]


class Typed:
    """The bus of this project: typed, CRC-checked, gap-checked."""

    def __init__(self, folder: Path, sender: bool) -> None:
        self.context: zmq.Context[Any] = zmq.Context()
        self._delays: list[float] = []
        page = Page.anonymous()
        if sender:
            identity = Identity(1, 1, hash32())
            self._publisher = Publisher(
                self.context, f"ipc://{folder}/typed", identity, CLOCK, page
            )
            self._publisher.on_subscription()
        else:
            self._subscriber = Subscriber(self.context, page, hash32())
            self._subscribe()
            self._subscriber.connect([f"ipc://{folder}/typed"])
            self._poller = zmq.Poller()
            self._poller.register(self._subscriber.socket, zmq.POLLIN)

    def _subscribe(self) -> None:
        self._subscriber.subscribe(EventReport, self._take)

    def _take(self, message: EventReport) -> None:
        assert len(message.body) == len(BODY)
        self._delays.append(CLOCK.now() - message.utc / 1e9)

    def send(self) -> None:
        """One typed message."""
        stamp = time.monotonic_ns()
        self._publisher.publish(EventReport(1, Severity.ACTIVITY, "bench", stamp, BODY))

    def receive(self) -> list[float]:
        """Whatever has arrived."""
        self._poller.poll()
        self._subscriber.drain()
        self._subscriber.dispatch()
        delays, self._delays = self._delays, []
        return delays


class TypedArray(Typed):
    """1 MiB through the shared-memory ring, descriptor in an event; CRC-32C at both ends."""

    def __init__(self, folder: Path, sender: bool) -> None:
        self._folder = folder
        if sender:
            self._ring = RingWriter(folder / "bench.ring", 16, ARRAY_SIZE)
            self._array = np.zeros(ARRAY_SIZE, np.uint8)
        else:
            self._rings = RingReader(folder)
        super().__init__(folder, sender)

    def _take(self, message: EventReport) -> None:
        reference = decode(ArrayRef, message.body)
        view = self._rings.view(reference)
        self._delays.append(CLOCK.now() - _STAMP.unpack_from(view)[0])
        self._rings.check(reference)

    def send(self) -> None:
        """Array into the ring, descriptor onto the bus."""
        self._array[:8] = np.frombuffer(_STAMP.pack(CLOCK.now()), np.uint8)
        body = ENCODER.encode(self._ring.put(self._array))
        self._publisher.publish(EventReport(1, Severity.ACTIVITY, "bench", 1, body))


KINDS: dict[str, Any] = {
    "raw": Raw,
    "typed": Typed,
    "naive": Naive,
    "raw-array": RawArray,
    "typed-array": TypedArray,
}
