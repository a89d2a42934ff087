"""The simulated hosting: all services of a node in one process, in virtual time, to the byte.

Services, contexts, bus ends and ledger are those of flight; the transport is memory, replicas are
calls, and time moves from one timer to the next.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import zmq

from flight.dictionary.arrays import ArrayRef
from flight.dictionary.content import hash32
from flight.dictionary.enums import Mode
from flight.dictionary.telemetry import NodeState
from flight.runtime.clock import Clock, SimulatedClock
from flight.runtime.confine import UNCONFINED, Confinement
from flight.runtime.crc import crc32c
from flight.runtime.host import Berth, Host
from flight.runtime.loop import Timers
from flight.runtime.memory import MemorySocket, MemoryTransport
from flight.runtime.onboard import RING_SLOT_SIZE, RING_SLOTS
from flight.runtime.page import Page
from flight.runtime.service import Port, Store, Worker
from flight.runtime.shm import PROTECTED, StaleArray
from flight.runtime.table import EXECUTIVE
from flight.runtime.zygote import resolve

TURN = 1e-4  # s of virtual time between an arrival and its dispatch


class VirtualTime:
    """The one clock and the one set of timers of a simulation."""

    def __init__(self) -> None:
        self.clock = SimulatedClock()
        self.timers = Timers()

    def run(self, until: float, done: Callable[[], bool] = lambda: False) -> bool:
        """Run timers in order up to ``until``; return early, with True, when ``done()``."""
        while (due := self.timers.next_time()) is not None and due <= until:
            self.clock.advance_to(max(due, self.clock.now()))
            self.timers.run_due(self.clock.now())
            if done():
                return True
        self.clock.advance_to(max(until, self.clock.now()))
        return done()


class _Loop:
    """The event loop of one simulated process: arrivals become timers."""

    def __init__(self, time: VirtualTime) -> None:
        self.timers = time.timers
        self.after_events: Callable[[], None] = lambda: None
        self._clock = time.clock
        self._ready: list[Callable[[], object]] = []

    def add_reader(self, source: MemorySocket, call: Callable[[], object]) -> None:
        """Run ``call`` one turn after something arrived, until nothing is left."""

        def serve() -> None:
            while source.inbox:
                call()

        def arrived() -> None:
            if not self._ready:
                self.timers.add(self._clock.now() + TURN, None, self._turn)
            if serve not in self._ready:
                self._ready.append(serve)

        source.readable = arrived
        serve()

    def _turn(self) -> None:
        ready, self._ready = self._ready, []
        for call in ready:
            call()
        self.after_events()


class _Memory:
    """Region of a simulated node; its name goes when the owner closes it."""

    def __init__(self, regions: dict[str, _Memory], name: str, size: int, number: int) -> None:
        self.name, self.number = name, number
        self.memory = memoryview(bytearray(size))
        self._regions = regions
        regions[name] = self

    def close(self) -> None:
        """Forget the name; the memory goes with its last user."""
        if self._regions.get(self.name) is self:
            del self._regions[self.name]


class _Call:
    """A worker that computes in place and answers after a declared virtual time."""

    pid = 0

    def __init__(
        self,
        host: SimulatedHost,
        name: str,
        entry: str,
        config: bytes,
        on_message: Callable[[bytes], None],
        on_exit: Callable[[str], None],
    ) -> None:
        self.name = name
        self._host, self._on_message, self._on_exit = host, on_message, on_exit
        self._alive = True
        self._handler: Any = self._attempt(lambda: resolve(entry)(config, host))  # type: ignore[operator]

    def _attempt(self, call: Callable[[], Any]) -> Any:
        """What the call returns; an exception ends this worker, as it ends a process."""
        try:
            return call()
        except Exception as error:
            self._end(f"exit code 70, {type(error).__name__}: {error}")
            return None

    def send(self, message: bytes) -> None:
        """Compute now, answer later."""
        answer = self._attempt(lambda: self._handler.handle(message)) if self._alive else None
        if answer:
            due = self._host.clock.now() + self._host.node.work_time
            self._host.timer(due, None, lambda: self._deliver(answer))

    def _deliver(self, answer: bytes) -> None:
        if self._alive:
            self._on_message(answer)

    def kill(self) -> None:
        """End it."""
        if self._alive:
            self._end("signal SIGKILL")

    def _end(self, reason: str) -> None:
        """The exit is reported one turn later."""
        self._alive = False
        due = self._host.clock.now() + TURN
        self._host.timer(due, None, lambda: self._on_exit(reason))


class SimulatedHost(Host):
    """One process of the topology, simulated. It also serves as the Tools of its workers."""

    def __init__(self, node: SimulatedNode, berth: Berth, loop: _Loop, page: Page) -> None:
        transport = cast("zmq.Context[Any]", node.transport)
        super().__init__(berth, node.time.clock, loop, node.store, page, transport)
        self.node = node
        self._generation = 0  # of the newest array

    def address(self, process: str, kind: str) -> str:
        """Name in the memory transport."""
        return f"{self.berth.run_dir}/{process}.{kind}"

    def preload(self, modules: tuple[str, ...]) -> None:
        """A call needs no preparation."""

    def port(self, settings: dict[str, Any], receive: Callable[[bytes], None]) -> Port:
        """The node's wire to the emulator."""
        self.node.receive = receive
        return self.node

    def region(self, name: str, size: int = 0) -> Any:
        """Create memory (size given, Region) or find it by name (worker side, memoryview)."""
        if size:
            self.node.made += 1
            return _Memory(self.node.regions, name, size, self.node.made)
        return self.node.regions[name].memory

    def view(self, name: str) -> memoryview:
        """Memory by name (worker side), for reading."""
        return self.attach(name).toreadonly()

    def protected(self) -> dict[str, int]:
        """The protected regions of the node, numbered as they were made."""
        regions = self.node.regions.items()
        return {name: region.number for name, region in regions if name.endswith(PROTECTED)}

    def attach(self, name: str) -> memoryview:
        """A region of the node."""
        if name not in self.node.regions:
            raise FileNotFoundError(name)
        return self.node.regions[name].memory

    def worker(
        self,
        name: str,
        entry: str,
        config: bytes,
        on_message: Callable[[bytes], None],
        on_exit: Callable[[str], None],
        confinement: Confinement = UNCONFINED,
    ) -> Worker:
        """A worker is a call."""
        return _Call(self, name, entry, config, on_message, on_exit)

    def renew_workers(self) -> None:
        """A call has no image."""

    def put_array(self, array: Any) -> ArrayRef:
        """Keep a copy in the next slot of this process's ring, which is that of flight."""
        if array.nbytes > RING_SLOT_SIZE:
            raise ValueError(f"array of {array.nbytes} octets, slots hold {RING_SLOT_SIZE}")
        region, kept = self.berth.process, array.copy(order="C")
        self._generation += 1
        slot = self._generation % RING_SLOTS
        self.node.arrays[region, slot] = self._generation, kept
        crc = crc32c(kept)
        return ArrayRef(region, slot, self._generation, kept.dtype.str, kept.shape, crc)

    def fetch_array(self, ref: ArrayRef) -> Any:
        """Copy of an array. Raises StaleArray when its slot was overwritten."""
        generation, kept = self.node.arrays.get((ref.region, ref.slot), (0, None))
        if generation != ref.generation or crc32c(kept) != ref.crc:
            raise StaleArray(f"slot in {ref.region} was overwritten")
        return kept.copy()


class SimulatedNode:
    """A whole node under virtual time. ``transmit`` gets what it sends to ground."""

    def __init__(
        self,
        time: VirtualTime,
        table: str,
        settings: dict[str, Any],
        store: Store,
        seed: int,
        work_time: float = 0.02,
        name: str = "node",
    ) -> None:
        self.time, self.store, self.work_time = time, store, work_time
        self.transport = MemoryTransport()
        self.transmit: Callable[[bytes], None] = lambda datagram: None
        self.receive: Callable[[bytes], None] = lambda datagram: None
        self.regions: dict[str, _Memory] = {}
        self.made = 0  # regions so far
        self.arrays: dict[tuple[str, int], tuple[int, Any]] = {}  # by process and slot
        rows: Any = resolve(table)
        self.hosts = [
            self._host(process, table, settings, seed, name, rows.processes)
            for process in rows.processes
        ]
        for host in self.hosts:
            host.add_services()
        for host in self.hosts:
            host.connect()
        time.run(time.clock.now() + 10 * TURN)  # subscriptions are taken before anyone speaks
        for host in self.hosts:
            host.start_services()
        time.timers.add(time.clock.now(), 1.0, self._state)

    def _host(
        self,
        process: str,
        table: str,
        settings: dict[str, Any],
        seed: int,
        name: str,
        running: tuple[str, ...],
    ) -> SimulatedHost:
        berth = Berth(process, table, name, "", settings, 1, seed, running, False)
        return SimulatedHost(self, berth, _Loop(self.time), Page.anonymous())

    @property
    def clock(self) -> Clock:
        """The simulation's clock."""
        return self.time.clock

    def send(self, datagram: bytes) -> None:
        """Port of the link service: to ground."""
        self.transmit(datagram)

    def _state(self) -> None:
        """What the executive would publish: there are no processes here to supervise."""
        executive = next(host for host in self.hosts if host.berth.process == EXECUTIVE)
        uptime = self.clock.now()
        executive.publish(NodeState(Mode.NOMINAL, 1, uptime, 0, 0, hash32()))
