"""The bus for command-line tools: joins a running node as one more subscriber."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import zmq

from flight.dictionary.commands import Reply
from flight.dictionary.content import hash32
from flight.dictionary.registry import Command, Telemetry
from flight.runtime import bus
from flight.runtime.bus import Identity, Subscriber
from flight.runtime.clock import SystemClock
from flight.runtime.directory import in_use, run_dir
from flight.runtime.page import Page
from flight.runtime.requests import Requester
from flight.runtime.table import TOOL, Table
from flight.runtime.zygote import resolve


class NodeDown(RuntimeError):
    """No node runs on the state directory."""


class Tool:
    """One connection to a node. Use as a context manager."""

    def __init__(self, state_dir: Path, table: str = "flight.topology:TABLE") -> None:
        """Raises NodeDown."""
        self.run_dir = run_dir(state_dir)
        if not in_use(state_dir) or not self.run_dir.exists():
            raise NodeDown(f"no node runs on {state_dir}")
        rows: Any = resolve(table)
        self.table: Table = rows
        self.clock = SystemClock()
        self.page = Page.anonymous()
        self._zmq: zmq.Context[Any] = zmq.Context()
        self.subscriber = Subscriber(self._zmq, self.page, hash32())
        # Not the process id: answers to an earlier tool of the same id are still remembered.
        identity = Identity(TOOL, int.from_bytes(os.urandom(4)), hash32())
        self._poller = zmq.Poller()
        self._poller.register(self.subscriber.socket, zmq.POLLIN)
        self.requester = Requester(
            self._zmq,
            lambda process: bus.address(self.run_dir, process, "cmd"),
            identity,
            self.clock,
            self.page,
            lambda socket: self._poller.register(socket, zmq.POLLIN),
        )

    def __enter__(self) -> Tool:
        return self

    def __exit__(self, *_: object) -> None:
        self.requester.close()
        self.subscriber.close()
        self._zmq.term()

    def subscribe(self, kind: type[Telemetry], handler: Callable[[Any], None]) -> None:
        """Call ``handler`` for each message of a topic, from ``turns`` on."""
        self.subscriber.subscribe(kind, handler)

    def turns(self, seconds: float) -> Iterator[None]:
        """Connect, then yield after each batch of messages until the time is over."""
        self.subscriber.connect(
            bus.address(self.run_dir, name, "pub") for name in self.table.processes
        )
        end = self.clock.now() + seconds
        while (left := end - self.clock.now()) > 0:
            self._poller.poll(max(1, min(100, int(left * 1000))))
            self._take()
            yield

    def request(self, command: Command, deadline: float) -> Reply:
        """Send a command and wait for its answer; TIMED_OUT after ``deadline`` s."""
        answers: list[Reply] = []
        self.requester.send(self.table.executes(command), command, answers.append, deadline)
        while not answers:
            self._poller.poll(100)
            self._take()
        return answers[0]

    def _take(self) -> None:
        self.subscriber.drain()
        self.requester.drain()
        self.subscriber.dispatch()
        self.requester.tick()
