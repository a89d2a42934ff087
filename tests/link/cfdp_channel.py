"""Files in memory and a lossy channel in virtual time, for the tests of CFDP."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from math import inf

from flight.link.cfdp import Receiver, Sender, Settings, crc32c, parse
from flight.link.cfdp.filedata import FileData


class MemoryFile:
    """A source in memory."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)

    def read(self, offset: int, n: int) -> bytes:
        return self.data[offset : offset + n]

    def checksum(self) -> int:
        return crc32c(self.data)


class MemorySink:
    """A file under construction; every octet may be written once."""

    def __init__(self, store: MemoryStore, name: str, size: int) -> None:
        self._store = store
        self._name = name
        self._octets = bytearray(size)
        self._written = bytearray(size)

    def write(self, offset: int, data: bytes) -> None:
        end = offset + len(data)
        assert 0 <= offset <= end <= len(self._octets), "write outside of the file"
        assert not any(self._written[offset:end]), "octets written twice"
        self._store.fault("write")
        self._octets[offset:end] = data
        self._written[offset:end] = b"\1" * len(data)

    def read(self, offset: int, n: int) -> bytes:
        self._store.fault("read")
        return bytes(self._octets[offset : offset + n])

    def commit(self) -> None:
        self._store.fault("commit")
        assert all(self._written), "incomplete file committed"
        self._store.files[self._name] = bytes(self._octets)
        self._store.open_sinks -= 1

    def discard(self) -> None:
        self._store.open_sinks -= 1
        self._store.discarded += 1
        self._store.fault("discard")


class MemoryStore:
    """A filestore in memory that fails on demand: `faults[operation]` is raised."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.opened: list[str] = []
        self.open_sinks = 0
        self.discarded = 0
        self.faults: dict[str, OSError] = {}

    def fault(self, operation: str) -> None:
        if operation in self.faults:
            raise self.faults[operation]

    def open(self, name: str, size: int) -> MemorySink:
        self.fault("open")
        self.opened.append(name)
        self.open_sinks += 1
        return MemorySink(self, name, size)


@dataclass
class Path:
    """One direction: rates in bit/s, times in seconds, probabilities per PDU."""

    seed: str
    loss: float = 0.0
    rate: float = 1e6
    delay: float = 0.025
    reorder: float = 0.0
    displacement: float = 0.0
    duplicate: float = 0.0
    overhead: int = 0
    lose: Callable[[random.Random, int], bool] | None = None
    octets: int = 0
    lost_file_octets: int = 0
    draw: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.draw = random.Random(self.seed)

    def seconds(self, pdu: bytes) -> float:
        return 8 * (len(pdu) + self.overhead) / self.rate

    def arrivals(self, pdu: bytes, now: float) -> list[float]:
        """When copies of `pdu`, completely sent at `now`, arrive."""
        self.octets += len(pdu)
        lost = self.draw.random() < self.loss
        if self.lose is not None:
            lost = self.lose(self.draw, len(pdu) + self.overhead)
        if lost:
            if (parsed := parse(pdu, False)) and isinstance(parsed, FileData):
                self.lost_file_octets += len(parsed.data)
            return []
        copies = 2 if self.draw.random() < self.duplicate else 1
        return [now + self.delay + self._jitter() for _ in range(copies)]

    def _jitter(self) -> float:
        late = self.draw.random() < self.reorder
        return self.draw.random() * self.displacement if late else 0.0


class Transfer:
    """One sender and one receiver joined by two paths, run event by event."""

    def __init__(
        self,
        data: bytes,
        forward: Path,
        back: Path,
        settings: Settings,
        receiver_settings: Settings | None = None,
    ) -> None:
        self.store = MemoryStore()
        self.sender = Sender(1, 2, 7, "file.bin", MemoryFile(data), settings)
        self.receiver = Receiver(2, self.store, receiver_settings or settings)
        self.forward, self.back = forward, back
        self.time = 0.0
        self.finished_at = inf
        self.delivered_at = inf
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._link_at = inf
        self._tick_at = inf
        self._busy_until = 0.0
        self._back_free = 0.0

    def run(self, limit: float) -> Transfer:
        """Run until both sides are done; fails when `limit` seconds pass first."""
        self._wake_sender()
        while not self._done():
            at, _, event = heapq.heappop(self._events)
            assert at <= limit, f"not finished after {limit} s of virtual time"
            self.time = at
            event()
        return self

    def _done(self) -> bool:
        return self.sender.next_time() is None and self.receiver.next_time() is None

    def _at(self, time: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (max(time, self.time), next(self._order), event))

    def _wake_sender(self) -> None:
        wanted = self.sender.next_time()
        if wanted is None:
            return
        at = max(wanted, self._busy_until, self.time)
        if at < self._link_at or self._link_at <= self.time:
            self._link_at = at
            self._at(at, self._on_link)

    def _on_link(self) -> None:
        if self.time < self._busy_until:
            return
        self._link_at = inf
        pdu = self.sender.next_pdu(self.time)
        if pdu is not None:
            self._busy_until = self.time + self.forward.seconds(pdu)
            for arrival in self.forward.arrivals(pdu, self._busy_until):
                self._at(arrival, lambda pdu=pdu: self._on_receiver(pdu))
        self._wake_sender()

    def _on_receiver(self, pdu: bytes) -> None:
        self._answer(self.receiver.receive(pdu, self.time))

    def _on_tick(self) -> None:
        if self._tick_at <= self.time:
            self._tick_at = inf
        self._answer(self.receiver.tick(self.time))

    def _answer(self, pdus: list[bytes]) -> None:
        if self.store.files and self.delivered_at == inf:
            self.delivered_at = self.time
        for pdu in pdus:
            self._back_free = max(self._back_free, self.time) + self.back.seconds(pdu)
            for arrival in self.back.arrivals(pdu, self._back_free):
                self._at(arrival, lambda pdu=pdu: self._on_sender(pdu))
        wanted = self.receiver.next_time()
        if wanted is not None and wanted < self._tick_at:
            self._tick_at = wanted
            self._at(wanted, self._on_tick)

    def _on_sender(self, pdu: bytes) -> None:
        self.sender.receive(parse(pdu, False), self.time)
        if self.sender.finished and self.finished_at == inf:
            self.finished_at = self.time
        self._wake_sender()
