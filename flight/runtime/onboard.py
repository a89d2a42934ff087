"""The flight hosting: one process, the bus over ZeroMQ, real time, real descriptors."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import zmq

from flight.dictionary.arrays import ArrayRef
from flight.dictionary.codec import ENCODER
from flight.runtime import bus
from flight.runtime.clock import SystemClock
from flight.runtime.confine import UNCONFINED, Confinement
from flight.runtime.host import Berth, Host
from flight.runtime.loop import Loop
from flight.runtime.page import Page, Word
from flight.runtime.port import UdpPort
from flight.runtime.process import Nursery
from flight.runtime.service import Port, Region, Worker
from flight.runtime.shm import PROTECTED, RingReader, RingWriter, SharedRegion
from flight.runtime.store import FileStore
from flight.runtime.worker import Assignment

BARRIER = 5.0  # s to wait for expected subscribers before starting without them
RING_SLOTS = 4
RING_SLOT_SIZE = 16 << 20
EXIT_CONFIG = 78  # EX_CONFIG of sysexits.h: a restart cannot help


class ProcessHost(Host):
    """Everything one process needs: sockets, loop, page, contexts and services."""

    def __init__(self, berth: Berth) -> None:
        self.run_dir = Path(berth.run_dir)
        self.loop = Loop(SystemClock())
        page = Page.open(self.run_dir / f"{berth.process}.page", create=True)
        page.words[Word.PID] = os.getpid()
        for kind in ("pub", "cmd"):  # left by an incarnation that was killed
            (self.run_dir / f"{berth.process}.{kind}").unlink(missing_ok=True)
        self._zmq: zmq.Context[Any] = zmq.Context()
        store = FileStore(Path(berth.state_dir))
        super().__init__(berth, SystemClock(), self.loop, store, page, self._zmq)
        self._nursery: Nursery | None = None
        self._ring: RingWriter | None = None
        self._rings = RingReader(self.run_dir)
        self._closers: list[Callable[[], None]] = []
        # Weakly: a region that its service has closed must not stay mapped.
        self._regions: weakref.WeakSet[SharedRegion] = weakref.WeakSet()

    def address(self, process: str, kind: str) -> str:
        """ipc address below the run directory."""
        return bus.address(self.run_dir, process, kind)

    def preload(self, modules: tuple[str, ...]) -> None:
        """Start the fork server for this process's workers."""
        self._nursery = Nursery(self.loop, modules, traceable=self.berth.traceable)
        self.loop.timers.add(self.clock.now() + 1, 1.0, self._nursery.sweep)

    def start(self) -> None:
        """Connect, wait for the expected subscribers, start the services."""
        self.connect()
        deadline = self.clock.now() + BARRIER
        while self.loop.running and self.clock.now() < deadline and not self.joined():
            self.loop.round(0.01)
        if self.loop.running:
            self.start_services()

    def stop(self) -> None:
        """Stop the services and release everything."""
        self.stop_services()
        if self._nursery is not None:
            self._nursery.close()
        for close in self._closers:
            close()
        for region in list(self._regions):
            region.close()
        if self._ring is not None:
            self._ring.close()
        for end in (self.requester, self.subscriber, self.responder, self.publisher):
            end.close()
        self._zmq.term()
        self.loop.close()

    def port(self, settings: dict[str, Any], receive: Callable[[bytes], None]) -> Port:
        """Open a UDP port. A busy or forbidden one ends the process: a restart cannot help."""
        try:
            port = UdpPort(self.loop, settings, receive)
        except (OSError, ValueError, KeyError) as error:
            text = error.strerror if isinstance(error, OSError) else error
            print(f"flight: {self.berth.process}: port {text}", file=sys.stderr)
            raise SystemExit(EXIT_CONFIG) from error
        self._closers.append(port.close)
        return port

    def region(self, name: str, size: int) -> Region:
        """Create shared memory below the run directory."""
        region = SharedRegion(self.run_dir / name, size, create=True)
        self._regions.add(region)
        return region

    def protected(self) -> dict[str, int]:
        """Files of the run directory that are protected regions, with their inodes.

        An inode stays taken while somebody maps it, so that a file made anew has another one.
        """
        found = {}
        for path in self.run_dir.glob(f"*{PROTECTED}"):
            with contextlib.suppress(FileNotFoundError):  # its owner has just closed it
                found[path.name] = path.stat().st_ino
        return found

    def attach(self, name: str) -> memoryview:
        """Map a file of the run directory; the mapping lives as long as its last view."""
        return SharedRegion(self.run_dir / name, 0, create=False).memory

    def worker(
        self,
        name: str,
        entry: str,
        config: bytes,
        on_message: Callable[[bytes], None],
        on_exit: Callable[[str], None],
        confinement: Confinement = UNCONFINED,
    ) -> Worker:
        """Fork a worker process."""
        if self._nursery is None:
            raise RuntimeError(f"process {self.berth.process!r} has no preload in the topology")
        assignment = ENCODER.encode(Assignment(entry, config, str(self.run_dir), confinement))
        main = "flight.runtime.worker:main"
        return self._nursery.spawn(name, main, assignment, on_message, on_exit)

    def renew_workers(self) -> None:
        """Have a new fork server import everything again."""
        if self._nursery is not None:
            self._nursery.renew()

    def put_array(self, array: Any) -> ArrayRef:
        """Copy an array into this process's ring."""
        if self._ring is None:
            name = f"{self.berth.process}-{self.berth.boot:08x}.ring"
            self._ring = RingWriter(self.run_dir / name, RING_SLOTS, RING_SLOT_SIZE)
        return self._ring.put(array)

    def fetch_array(self, ref: ArrayRef) -> Any:
        """Copy of the array that a reference names."""
        return self._rings.fetch(ref)


def main(config: bytes, channel: socket.socket) -> int:
    """Entry of a service process. Tells the executive b"ready"; ends on SIGTERM or its death."""
    host = ProcessHost(msgspec.msgpack.decode(config, type=Berth))
    host.loop.catch_signals()
    host.loop.add_reader(channel.fileno(), host.loop.stop)  # readable only when the executive left
    host.add_services()
    host.start()
    if host.loop.running:
        channel.send(b"ready")
    host.loop.run()
    host.stop()
    return 0
