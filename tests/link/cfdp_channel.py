"""Two entities and a lossy channel in virtual time, for the tests of CFDP."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from math import inf

from cfdp_files import Fuse, Killed, MemoryFile, MemoryStore, Records

from flight.link.cfdp import Ended, Engine, Settings, TransactionId, parse
from flight.link.cfdp.filedata import FileData


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
    outages: tuple[tuple[float, float], ...] = ()
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
        if lost or any(start <= now < end for start, end in self.outages):
            if (parsed := parse(pdu, False)) and isinstance(parsed, FileData):
                self.lost_file_octets += len(parsed.data)
            return []
        copies = 2 if self.draw.random() < self.duplicate else 1
        return [now + self.delay + self._jitter() for _ in range(copies)]

    def _jitter(self) -> float:
        late = self.draw.random() < self.reorder
        return self.draw.random() * self.displacement if late else 0.0


class Node:
    """An engine with its store and records, that can be restarted."""

    def __init__(self, entity: int, settings: Settings, path: Path, first: int = 1) -> None:
        self.fuse = Fuse()
        self.store, self.records = MemoryStore(self.fuse), Records(self.fuse)
        self.sources: dict[str, MemoryFile] = {}
        self.path = path
        self.reports: list[Ended] = []
        self.busy_until = 0.0
        self.wake_at = inf
        self.restarts = 0
        self._make = lambda: Engine(entity, self.store, self.records, settings, first=first)
        self.engine = self._make()

    def restart(self, now: float) -> None:
        """Lose everything but the disk."""
        self.restarts += 1
        self.engine = self._make()
        self.do(now, lambda: self.engine.restore(self.sources.get, now))

    def do(self, now: float, work: Callable[[], object]) -> None:
        """Work that may find the process killed; it is started again then."""
        try:
            work()
            self.reports += self.engine.ended()
        except Killed:
            self.restart(now)


class Transfer:
    """Two nodes joined by two paths, run event by event; node 1 sends a file as transaction 7."""

    def __init__(
        self,
        data: bytes,
        forward: Path,
        back: Path,
        settings: Settings,
        receiver_settings: Settings | None = None,
        *,
        acknowledged: bool = True,
    ) -> None:
        self.near = Node(1, settings, forward, first=7)
        self.far = Node(2, receiver_settings or settings, back)
        self.forward, self.back = forward, back
        self.time = 0.0
        self.finished_at = inf
        self.delivered_at = inf
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._pending = 0  # events that are not mere looks at an engine
        self.near.sources["file.bin"] = MemoryFile(data)
        self.id = self.put("file.bin", acknowledged=acknowledged)

    def put(self, name: str, *, acknowledged: bool = True, priority: int = 0) -> TransactionId:
        source = self.near.sources[name]
        return self.near.engine.put(name, source, 2, acknowledged=acknowledged, priority=priority)

    @property
    def store(self) -> MemoryStore:
        return self.far.store

    @property
    def sent(self) -> Ended:
        """Report of the sender on the first file."""
        return next(each for each in self.near.reports if each.id == self.id)

    def run(self, limit: float) -> Transfer:
        """Run until both sides are done; fails when `limit` seconds pass first."""
        self.wake(self.near)
        self.wake(self.far)
        while not self._done():
            assert next(self._order) < 1_000_000, "too many events: the time stands still"
            at, _, event = heapq.heappop(self._events)
            assert at <= limit, f"not finished after {limit} s of virtual time"
            self.time = at
            event()
        return self

    def at(self, time: float, event: Callable[[], None]) -> None:
        """Do something at a time."""

        def do() -> None:
            self._pending -= 1
            event()

        self._pending += 1
        self._push(time, do)

    def _push(self, time: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (max(time, self.time), next(self._order), event))

    def freeze(self, node: Node, start: float, end: float) -> None:
        """Tell a node that the peer is out of view meanwhile."""

        def thaw() -> None:
            node.engine.thaw(self.time)
            self.wake(node)

        self.at(start, lambda: node.engine.freeze(self.time))
        self.at(end, thaw)

    def _done(self) -> bool:
        idle = all(node.engine.next_time() is None for node in (self.near, self.far))
        return idle and not self._pending

    def wake(self, node: Node) -> None:
        wanted = node.engine.next_time()
        if wanted is None:
            return
        at = max(wanted, node.busy_until, self.time)
        if at < node.wake_at or node.wake_at < self.time:
            node.wake_at = at
            self._push(at, lambda: self._on_link(node))

    def _on_link(self, node: Node) -> None:
        if self.time < node.wake_at:
            return
        node.wake_at = inf
        if self.time >= node.busy_until:
            pdu = self._next_pdu(node)
            if pdu is not None:
                node.busy_until = self.time + node.path.seconds(pdu)
                other = self.far if node is self.near else self.near
                for arrival in node.path.arrivals(pdu, node.busy_until):
                    self.at(arrival, lambda pdu=pdu: self._arrive(other, pdu))
        self.wake(node)

    def _next_pdu(self, node: Node) -> bytes | None:
        found: list[bytes | None] = []
        node.do(self.time, lambda: found.append(node.engine.next_pdu(self.time)))
        self._look()
        return found[0] if found else None

    def _arrive(self, node: Node, pdu: bytes) -> None:
        node.do(self.time, lambda: node.engine.receive(pdu, self.time))
        self._look()
        self.wake(node)

    def _look(self) -> None:
        if self.store.files and self.delivered_at == inf:
            self.delivered_at = self.time
        if self.near.reports and self.finished_at == inf:
            self.finished_at = self.time
