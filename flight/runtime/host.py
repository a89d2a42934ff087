"""What both hostings share: the ends of the bus, the services of one process, their contexts."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Protocol

import msgspec
import zmq

from flight.dictionary.arrays import ArrayRef
from flight.dictionary.commands import Reply
from flight.dictionary.content import hash32
from flight.dictionary.enums import Reason
from flight.dictionary.registry import Command, Telemetry
from flight.dictionary.telemetry import Heartbeat, ParameterTable
from flight.runtime import dispatch
from flight.runtime.bus import Identity, Publisher, Subscriber
from flight.runtime.clock import Clock
from flight.runtime.confine import UNCONFINED, Confinement
from flight.runtime.loop import Timers
from flight.runtime.page import Page, Word
from flight.runtime.parameters import Parameters
from flight.runtime.requests import Requester, Responder
from flight.runtime.service import Port, Region, Service, Store, Timer, Worker
from flight.runtime.table import Table
from flight.runtime.zygote import resolve

BEAT = 0.25  # s between heartbeats
REQUEST_TICK = 0.1  # s between looks at unanswered requests


class Berth(msgspec.Struct, array_like=True):
    """What a service process is told at its start."""

    process: str
    table: str  # "module:attribute" of the Table
    run_dir: str
    state_dir: str
    settings: dict[str, Any]
    boot: int
    seed: int
    running: tuple[str, ...]
    traceable: bool


class EventLoop(Protocol):
    """Where a host hangs its sockets and timers."""

    timers: Timers
    after_events: Callable[[], None]

    def add_reader(self, source: Any, call: Callable[[], object]) -> None:
        """Call when the source is readable."""


class Host(ABC):
    """One process of the topology, in flight or simulated."""

    def __init__(
        self,
        berth: Berth,
        clock: Clock,
        loop: EventLoop,
        store: Store,
        page: Page,
        transport: zmq.Context[Any],
    ) -> None:
        self.berth, self.clock, self.store, self.page = berth, clock, store, page
        self.table: Table = resolve(berth.table)  # type: ignore[assignment]
        self.parameters = Parameters(berth.settings.get("parameters", {}), store)
        self.services: list[Service] = []
        self._events = loop
        page.words[Word.BOOT] = berth.boot
        identity = Identity(self.table.source(berth.process), berth.boot, hash32())
        publish_at, serve_at = (
            self.address(berth.process, "pub"),
            self.address(berth.process, "cmd"),
        )
        self.publisher = Publisher(transport, publish_at, identity, clock, page)
        self.responder = Responder(transport, serve_at, identity, clock, page, self.publisher)
        self.subscriber = Subscriber(transport, page, identity.dictionary)
        self.requester = Requester(
            transport,
            lambda other: self.address(other, "cmd"),
            identity,
            clock,
            page,
            lambda socket: loop.add_reader(socket, self.requester.drain),
        )
        self.requester.on_repair = self.subscriber.take
        self.subscriber.repair = self._repair
        loop.add_reader(self.publisher.socket, self.publisher.on_subscription)
        loop.add_reader(self.subscriber.socket, self.subscriber.drain)
        loop.after_events = self._dispatch

    @abstractmethod
    def address(self, process: str, kind: str) -> str:
        """Address of a process's ``pub`` or ``cmd`` end."""

    def add_services(self) -> None:
        """Construct and wire the services of this process's rows."""
        configured = self.berth.settings.get("parameters", {})
        rows = self.table.of_process(self.berth.process)
        modules = tuple(module for row in rows for module in row.preload)
        if modules:
            self.preload(modules)
        for row in rows:
            if not row.service:  # the executive itself
                continue
            settings = self.berth.settings.get(row.name, {}) | {
                "bindings": dict(row.bindings),
                "parameters": configured,
            }
            context = dispatch.ServiceContext(self, row.name, settings, self.berth.seed)
            service: Service = resolve(row.service)(context)  # type: ignore[operator]
            dispatch.wire(service, context, self.subscriber.subscribe, self.responder.serve)
            self.services.append(service)
        self.subscriber.subscribe(Heartbeat, self._heard)
        self.subscriber.subscribe(ParameterTable, self.parameters.take_over)

    @abstractmethod
    def preload(self, modules: tuple[str, ...]) -> None:
        """Prepare for workers that use these modules."""

    def connect(self) -> None:
        """Connect to every publisher of the topology and begin to beat."""
        self.subscriber.announce(self.table.source(self.berth.process))
        self.subscriber.connect(self.address(name, "pub") for name in self.table.processes)
        self.timer(self.clock.now(), BEAT, self._beat)
        self.timer(self.clock.now(), REQUEST_TICK, self.requester.tick)

    def joined(self) -> bool:
        """True when every expected subscriber of this process is connected."""
        # The counts alone would take the subscriptions of a tool for those of a process.
        present, seen = self.publisher.present, self.publisher.subscribers
        expected = self.table.expected(self.berth.process, self.berth.running)
        return all(present(self.table.source(name)) for name in self.berth.running) and all(
            seen.get(key, 0) >= count for key, count in expected.items()
        )

    def start_services(self) -> None:
        """Start the services in the order of the table. Requests wait until they have started."""
        for service in self.services:
            service.start()
        self._events.add_reader(self.responder.socket, self.responder.drain)

    def stop_services(self) -> None:
        """Stop the services, newest first; one that fails does not keep the others."""
        for service in reversed(self.services):
            with contextlib.suppress(Exception):
                service.stop()

    def _dispatch(self) -> None:
        self.page.words[Word.BEATS] += 1
        self.subscriber.dispatch()

    def _beat(self) -> None:
        timers = self._events.timers
        slip, timers.slip = timers.slip, 0.0
        progress = self.page.words[Word.PROGRESS]
        sequences = self.publisher.sequences()
        self.publisher.publish(Heartbeat(self.berth.process, progress, slip, sequences))

    def _heard(self, beat: Heartbeat) -> None:
        head = self.subscriber.last
        if head is not None:
            self.subscriber.tail(head.source, head.boot, beat.sequences)

    def _repair(self, source: int, boot: int, topic: int, wanted: list[int]) -> None:
        process = self.table.process_name(source)
        if process in self.table.processes:
            self.requester.repair(process, topic, boot, wanted)

    # What contexts use (dispatch.Hosting).

    def publish(self, message: Telemetry) -> None:
        """Publish on the message's topic."""
        self.publisher.publish(message)

    def request(self, command: Command, then: Callable[[Reply], None], deadline: float) -> None:
        """Send a command to the process that executes it."""
        try:
            process = self.table.executes(command)
        except KeyError as error:
            then(Reply(Reason.UNKNOWN, str(error)))
            return
        self.requester.send(process, command, then, deadline)

    def timer(self, due: float, period: float | None, call: Callable[[], None]) -> Timer:
        """Schedule a call in the loop."""
        return self._events.timers.add(due, period, call)

    @abstractmethod
    def port(self, settings: dict[str, Any], receive: Callable[[bytes], None]) -> Port:
        """Open a datagram port."""

    @abstractmethod
    def region(self, name: str, size: int) -> Region:
        """Create named shared memory."""

    @abstractmethod
    def protected(self) -> dict[str, int]:
        """The protected regions of all processes, each with a number of its own."""

    @abstractmethod
    def attach(self, name: str) -> memoryview:
        """Map a region that another process owns."""

    @abstractmethod
    def worker(
        self,
        name: str,
        entry: str,
        config: bytes,
        on_message: Callable[[bytes], None],
        on_exit: Callable[[str], None],
        confinement: Confinement = UNCONFINED,
    ) -> Worker:
        """Start a worker."""

    @abstractmethod
    def renew_workers(self) -> None:
        """Start workers from a fresh image from now on."""

    @abstractmethod
    def put_array(self, array: Any) -> ArrayRef:
        """Put an array where other processes can fetch it."""

    @abstractmethod
    def fetch_array(self, ref: ArrayRef) -> Any:
        """Copy of the array that a reference names."""
