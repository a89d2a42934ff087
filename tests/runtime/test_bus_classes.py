"""Delivery classes over real sockets: latched, superseded, repaired, refused."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as st

from flight.dictionary.enums import ProcessState, Severity
from flight.dictionary.telemetry import EventReport, HealthStatus, ProcessReport
from flight.runtime import frame
from flight.runtime.bus import RING, Identity, Publisher, Subscriber
from flight.runtime.clock import SystemClock
from flight.runtime.ledger import accounts
from flight.runtime.page import Page, Word

DICTIONARY = 0xD1C7


class Rig:
    """One publisher and any number of subscribers in this process."""

    def __init__(self, folder: Path) -> None:
        self.address = f"ipc://{folder}/p.pub"
        self.context: zmq.Context[Any] = zmq.Context()
        identity = Identity(1, 1, DICTIONARY)
        self.publisher = Publisher(
            self.context, self.address, identity, SystemClock(), Page.anonymous()
        )
        self.ends: list[tuple[Subscriber, Page, list[Any]]] = []

    def join(self, *kinds: type[Any], dictionary: int = DICTIONARY) -> int:
        page, got = Page.anonymous(), list[Any]()
        subscriber = Subscriber(self.context, page, dictionary)
        for kind in kinds:
            subscriber.subscribe(kind, got.append)
        subscriber.connect([self.address])
        before = sum(self.publisher.subscribers.values())
        self.ends.append((subscriber, page, got))
        self.until(lambda: sum(self.publisher.subscribers.values()) >= before + len(kinds))
        return len(self.ends) - 1

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline
            if self.publisher.socket.poll(1):
                self.publisher.on_subscription()
            for subscriber, _, _ in self.ends:
                subscriber.drain()
                subscriber.dispatch()

    def got(self, end: int) -> list[Any]:
        return self.ends[end][2]


@pytest.fixture
def rig() -> Iterator[Rig]:
    folder = Path(tempfile.mkdtemp(prefix="tg-"))
    made = Rig(folder)
    yield made
    for subscriber, _, _ in made.ends:
        subscriber.close()
    made.publisher.close()
    made.context.term()
    shutil.rmtree(folder)


def event(number: int) -> EventReport:
    return EventReport(number, Severity.ACTIVITY, "test", number, b"")


def report(number: int) -> ProcessReport:
    return ProcessReport("p", ProcessState.READY, number, 0, "")


def test_a_late_joiner_gets_the_latched_value_once_and_nobody_gets_it_twice(rig: Rig) -> None:
    first = rig.join(HealthStatus)
    rig.publisher.publish(HealthStatus(1, 0))
    rig.until(lambda: len(rig.got(first)) == 1)
    second = rig.join(HealthStatus)
    rig.until(lambda: len(rig.got(second)) == 1)
    rig.publisher.publish(HealthStatus(2, 0))
    rig.until(lambda: len(rig.got(first)) == len(rig.got(second)) == 2)
    assert rig.got(first) == rig.got(second) == [HealthStatus(1, 0), HealthStatus(2, 0)]


def test_latest_supersedes_and_queue_drops_the_oldest_and_both_count() -> None:
    page, got = Page.anonymous(), list[Any]()
    context: zmq.Context[Any] = zmq.Context()
    subscriber = Subscriber(context, page, DICTIONARY)
    subscriber.subscribe(HealthStatus, got.append)
    subscriber.subscribe(ProcessReport, got.append)
    publisher = _mute_publisher(context)
    for number in range(100):
        subscriber.take(publisher.publish(HealthStatus(number, 0)))
        subscriber.take(publisher.publish(report(number)))
    subscriber.dispatch()
    assert [m for m in got if isinstance(m, HealthStatus)] == [HealthStatus(99, 0)]
    assert [m.pid for m in got if isinstance(m, ProcessReport)] == list(range(36, 100))
    latest, queue = sorted(accounts(page), key=lambda a: -a.topic)
    assert (latest.superseded, latest.delivered, latest.lost) == (99, 1, 0)
    assert (queue.overflow, queue.delivered, queue.lost) == (36, 64, 0)
    subscriber.close()
    publisher.close()
    context.term()


def _mute_publisher(context: zmq.Context[Any]) -> Publisher:
    identity = Identity(1, 1, DICTIONARY)
    return Publisher(context, "inproc://mute", identity, SystemClock(), Page.anonymous())


@pytest.mark.parametrize(("missing", "repaired"), [(5, 5), (RING + 100, RING - 1)])
def test_missing_events_are_asked_for_and_what_the_ring_lost_stays_lost(
    missing: int, repaired: int
) -> None:
    page, got = Page.anonymous(), list[Any]()
    context: zmq.Context[Any] = zmq.Context()
    subscriber, publisher = Subscriber(context, page, DICTIONARY), _mute_publisher(context)
    subscriber.subscribe(EventReport, got.append)

    asked: list[tuple[int, int, int, list[int]]] = []
    subscriber.repair = lambda *request: asked.append(request)
    subscriber.take(publisher.publish(event(0)))
    for number in range(missing):
        publisher.publish(event(number + 1))
    subscriber.take(publisher.publish(event(missing + 1)))
    ((source, boot, topic, wanted),) = asked
    assert source == 1
    for raw in publisher.ring(topic, boot, set(wanted)):
        subscriber.take(raw)
    subscriber.dispatch()
    (account,) = accounts(page)
    assert account.published == missing + 2
    assert account.repaired == repaired
    assert account.lost == missing - repaired
    assert len({m.event for m in got}) == len(got) == account.delivered
    subscriber.close()
    publisher.close()
    context.term()


def test_another_dictionary_is_foreign_and_undecodable_bodies_are_counted() -> None:
    page, got = Page.anonymous(), list[Any]()
    context: zmq.Context[Any] = zmq.Context()
    subscriber, publisher = Subscriber(context, page, DICTIONARY + 1), _mute_publisher(context)
    subscriber.subscribe(HealthStatus, got.append)
    raw = publisher.publish(HealthStatus(1, 0))
    subscriber.take(raw)
    assert page.words[Word.FOREIGN] == 1
    key = raw[:16]
    subscriber.take(frame.pack(Identity(1, 1, DICTIONARY + 1).prefix(key), 1, 0.0, 0, b"\x91\xc0"))
    subscriber.dispatch()
    (account,) = accounts(page)
    assert (account.undecodable, account.delivered, got) == (1, 0, [])
    subscriber.close()
    publisher.close()
    context.term()


@given(st.binary(max_size=300))
def test_random_bytes_are_no_frame(raw: bytes) -> None:
    assert not frame.verify(raw)


def test_every_bit_flip_of_a_frame_is_refused_and_without_the_check_it_is_not() -> None:
    raw = frame.pack(Identity(1, 1, DICTIONARY).prefix(b"k" * 16), 7, 1.0, 2, bytes(40))
    assert frame.verify(raw)
    unchecked = 0
    for bit in range(8 * len(raw)):
        damaged = bytearray(raw)
        damaged[bit // 8] ^= 1 << bit % 8
        assert not frame.verify(bytes(damaged))
        unchecked += frame.header(bytes(damaged)) != frame.header(raw)
    assert unchecked > 8 * 50, "a reader without CRC would have believed these headers"
