"""The processes of the loss scenario: a publisher, a relay that damages frames, subscribers."""

from __future__ import annotations

import mmap
import os
import random
import signal
import struct
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zmq

from flight.dictionary.enums import ProcessState
from flight.dictionary.registry import item
from flight.dictionary.telemetry import Heartbeat, ProcessReport
from flight.runtime.bus import HIGH_WATER, Identity, Publisher, Subscriber
from flight.runtime.clock import SystemClock
from flight.runtime.page import Page

DICTIONARY = 0xD1C7
SOURCE = 1
PACE = "pace"  # a FIFO, an octet for each STEP of the healthy one
EVERY = 1000  # one frame of so many is damaged by the relay
WINDOW = HIGH_WATER // 2 - 500  # that the healthy one may be behind: ZeroMQ learns of reads late
BEAT = 0.05
STEP = 100  # messages of the healthy one for which the slow one is allowed half
DEADLINE = 90.0


class Board:
    """Numbers that all processes see."""

    NAMES = ("progress", "flipped", "end")

    def __init__(self, folder: Path) -> None:
        path = folder / "board"
        if not path.exists():
            path.write_bytes(bytes(8 * len(self.NAMES)))
        with path.open("r+b") as file:
            self._words = memoryview(mmap.mmap(file.fileno(), 0)).cast("Q")

    def __getitem__(self, name: str) -> int:
        return self._words[self.NAMES.index(name)]

    def __setitem__(self, name: str, value: int) -> None:
        self._words[self.NAMES.index(name)] = value


class Marks:
    """One octet per counter value: what a subscriber's handler was really given."""

    def __init__(self, path: Path, total: int) -> None:
        if not path.exists():
            path.write_bytes(bytes(total + 1))
        with path.open("r+b") as file:
            self.octets = mmap.mmap(file.fileno(), 0)

    def count(self) -> int:
        return len(self.octets) - self.octets[:].count(0)


def fork(body: Callable[[], object]) -> int:
    """Run in a process of its own; it ends with 0 when ``body`` does well."""
    pid = os.fork()
    if pid:
        return pid
    try:
        signal.alarm(int(DEADLINE))
        body()
        os._exit(0)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)
    raise AssertionError


def publish(folder: Path, total: int, subscribers: int) -> None:
    """Counters from 1 to ``total`` as fast as the healthy subscriber takes them."""
    board, page, clock = Board(folder), Page.open(folder / "publisher.page"), SystemClock()
    context: zmq.Context[Any] = zmq.Context()
    publisher = Publisher(
        context, f"ipc://{folder}/publisher.pub", Identity(SOURCE, 1, DICTIONARY), clock, page
    )
    due, allowed = 0.0, 0
    pace = os.open(folder / PACE, os.O_WRONLY)  # with the slow one, which opens it too

    def turn(wait: int) -> None:
        nonlocal due
        if publisher.socket.poll(wait):
            publisher.on_subscription()
        if clock.now() >= due:
            due = clock.now() + BEAT
            publisher.publish(Heartbeat("publisher", 0, 0.0, publisher.sequences()))

    while sum(path.exists() for path in folder.glob("*.joined")) < subscribers:
        turn(5)
    for counter in range(1, total + 1):
        publisher.publish(ProcessReport("p", ProcessState.READY, counter, 0, ""))
        if counter % 50 == 0:
            turn(0)
            steps = board["progress"] // STEP
            allowed += os.write(pace, bytes(steps - allowed)) if steps > allowed else 0
            while counter - board["progress"] > WINDOW:
                turn(1)
    os.close(pace)  # from now on the slow one takes what is left
    while not board["end"]:
        turn(5)


def relay(folder: Path, seed: int) -> None:
    """Passes frames on; one of EVERY has one octet changed."""
    board, choice = Board(folder), random.Random(seed)
    context: zmq.Context[Any] = zmq.Context()
    inward, outward = context.socket(zmq.SUB), context.socket(zmq.PUB)
    inward.rcvhwm, outward.sndhwm = 0, HIGH_WATER
    outward.linger = 0
    key = item(ProcessReport).key
    inward.setsockopt(zmq.SUBSCRIBE, b"")
    outward.bind(f"ipc://{folder}/relay.pub")
    inward.connect(f"ipc://{folder}/publisher.pub")
    passed = 0
    while not board["end"]:
        if not inward.poll(50):
            continue
        for _ in range(200):
            try:
                raw = inward.recv(zmq.NOBLOCK)
            except zmq.Again:
                break
            passed += 1
            if passed % EVERY == 0:
                if raw.startswith(key):
                    board["flipped"] += 1
                damaged = bytearray(raw)
                damaged[choice.randrange(16, len(raw))] ^= choice.randrange(1, 256)
                raw = bytes(damaged)
            outward.send(raw)


def subscribe(folder: Path, name: str, total: int) -> None:
    """Marks what it is given. ``healthy`` sets the pace, ``slow`` takes half of it."""
    board, page = Board(folder), Page.open(folder / f"{name}.page")
    marks = Marks(folder / f"{name}.marks", total).octets
    context: zmq.Context[Any] = zmq.Context()
    subscriber = Subscriber(context, page, DICTIONARY)
    newest = struct.Struct("<Q")
    with (folder / f"{name}.newest").open("r+b") as file:
        seen = memoryview(mmap.mmap(file.fileno(), 8))
    taken = 0
    pace = os.open(folder / PACE, os.O_RDONLY) if name == "slow" else -1

    def handle(report: ProcessReport) -> None:
        nonlocal taken
        marks[report.pid] = 1
        newest.pack_into(seen, 0, report.pid)
        if name == "healthy":
            board["progress"] = report.pid
        elif name == "slow":
            taken += 1
            if taken % (STEP // 2) == 0:
                os.read(pace, 1)  # too slow: it waits until the healthy one has taken twice as many

    def heard(beat: Heartbeat) -> None:
        head = subscriber.last
        assert head is not None
        subscriber.tail(head.source, head.boot, beat.sequences)
        (folder / f"{name}.joined").touch()

    subscriber.subscribe(ProcessReport, handle)
    subscriber.subscribe(Heartbeat, heard)
    subscriber.connect([f"ipc://{folder}/relay.pub"])
    while not board["end"]:
        subscriber.socket.poll(50)
        subscriber.drain()
        subscriber.dispatch()
