"""The far side of a Worker: a class with ``handle(message) -> reply``, run in its own process."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Protocol

import msgspec

from flight.runtime.clock import Clock, SystemClock
from flight.runtime.confine import Confinement, enter
from flight.runtime.process import MESSAGE
from flight.runtime.shm import SharedRegion, read_only
from flight.runtime.zygote import resolve


class Tools(Protocol):
    """What a worker may touch besides its messages."""

    clock: Clock

    def region(self, name: str) -> memoryview:
        """Shared memory that the service which started the worker owns."""

    def view(self, name: str) -> memoryview:
        """Shared memory of any service, for reading only: no fault of this process can change it.

        Raises OSError when it is gone.
        """


class Handler(Protocol):
    """A worker class: constructed with (config, tools)."""

    def handle(self, message: bytes) -> bytes:
        """Answer one message; an empty answer is not sent."""


class Assignment(msgspec.Struct, array_like=True):
    """What a worker process is told at its start."""

    entry: str
    config: bytes
    run_dir: str
    confinement: Confinement


class ProcessTools:
    """Tools of a worker process."""

    def __init__(self, run_dir: Path) -> None:
        self.clock: Clock = SystemClock()
        self._run_dir = run_dir

    def region(self, name: str) -> memoryview:
        """Map shared memory of the run directory."""
        return SharedRegion(self._run_dir / name, 0, create=False).memory

    def view(self, name: str) -> memoryview:
        """Map shared memory of the run directory for reading."""
        return read_only(self._run_dir / name)


def main(config: bytes, channel: socket.socket) -> int:
    """Entry of a worker process: answer messages until the owner closes the channel."""
    assignment = msgspec.msgpack.decode(config, type=Assignment)
    enter(assignment.confinement)
    # Sockets and descriptors of the owner are not here: the zygote never had them.
    handler = resolve(assignment.entry)(  # type: ignore[operator]
        assignment.config, ProcessTools(Path(assignment.run_dir))
    )
    os.nice(5)  # computation yields to the services that supervise it
    while message := channel.recv(MESSAGE):
        answer = handler.handle(message)
        if answer:
            channel.send(answer)
    return 0
