"""The subscribing end of the bus over ZeroMQ."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import zmq

from flight.dictionary.codec import decoder
from flight.dictionary.registry import Delivery, Item, Telemetry, item
from flight.runtime import frame
from flight.runtime.ledger import Ledger, Stream
from flight.runtime.page import Page, Word
from flight.runtime.publisher import HIGH_WATER, RING, presence

BATCH = 256  # messages taken before they are handed out
ASKS = 4  # times that a missing event is asked for, once per heartbeat, before it stays lost


@dataclass(slots=True)
class _Inlet:
    item: Item[Any]
    decode: Callable[[bytes], Any]
    handlers: list[Callable[[Any], None]]
    queue: deque[tuple[Stream, bytes]]
    depth: int
    latest: bool


Repair = Callable[[int, int, int, list[int]], None]  # source, boot, topic id, sequences


class Subscriber:
    """The SUB end of one process: drains, checks, accounts, then dispatches."""

    def __init__(self, context: zmq.Context[Any], page: Page, dictionary: int) -> None:
        self.socket = context.socket(zmq.SUB)
        self.socket.linger = 0
        self.socket.rcvhwm = HIGH_WATER
        self.socket.setsockopt(zmq.RECONNECT_IVL, 10)
        self.socket.setsockopt(zmq.RECONNECT_IVL_MAX, 100)
        self.ledger = Ledger(page)
        self.repair: Repair | None = None
        self._current: bytes | None = None
        self._words = page.words
        self._dictionary = dictionary
        self._inlets: dict[bytes, _Inlet] = {}
        self._topics: dict[int, _Inlet] = {}
        # By what the frames of a stream begin with, so that a frame needs no unpacking.
        self._known: dict[bytes, tuple[_Inlet, Stream]] = {}
        self._joined: dict[tuple[int, int], tuple[int, int]] = {}  # source, topic: boot, sequence
        self._touched: set[Stream] = set()

    @property
    def last(self) -> frame.Header | None:
        """Header of the message that is being handled."""
        return None if self._current is None else frame.header(self._current)

    def subscribe(self, kind: type[Telemetry], handler: Callable[[Any], None]) -> None:
        """Call ``handler(message)`` for every delivered message of a topic."""
        entry = item(kind)
        inlet = self._inlets.get(entry.key)
        if inlet is None:
            # Events are not to be dropped here; the bound is there for a flood that never ends.
            depth = HIGH_WATER if entry.delivery is Delivery.EVENT else entry.depth
            latest = entry.delivery is Delivery.LATEST
            inlet = _Inlet(entry, decoder(kind).decode, [], deque(), depth, latest)
            self._inlets[entry.key] = self._topics[entry.id] = inlet
            self.socket.setsockopt(zmq.SUBSCRIBE, entry.key)
        inlet.handlers.append(handler)

    def announce(self, source: int) -> None:
        """Show publishers that this process is there; to be called before ``connect``."""
        self.socket.setsockopt(zmq.SUBSCRIBE, presence(source))

    def connect(self, addresses: Iterable[str]) -> None:
        """Connect to publishers; those that are not there yet are joined when they appear."""
        for address in addresses:
            self.socket.connect(address)

    def drain(self, limit: int = BATCH) -> int:
        """Take up to ``limit`` frames from the socket into the topic queues."""
        receive, take, again = self.socket.recv, self.take, int(zmq.NOBLOCK)
        count = 0
        try:
            take(receive(again))
            count = 1
            # A lone message is the common case: to ask for more costs less than the exception.
            if self.socket.getsockopt(zmq.EVENTS) & zmq.POLLIN:
                while count < limit:
                    take(receive(again))
                    count += 1
        except zmq.Again:
            pass
        return count

    def take(self, raw: bytes) -> None:
        """Check and account one frame."""
        if len(raw) < frame.OVERHEAD or frame.crc(raw) != frame.RESIDUE:
            self._words[Word.CORRUPT] += 1
            return
        known = self._known.get(raw[: frame.PREFIX_SIZE])
        if known is None:
            known = self._learn(raw)
            if known is None:
                return
        inlet, stream = known
        (sequence,) = frame.unpack_sequence(raw)
        if sequence == stream.last + 1:
            stream.last = sequence
        elif not self._out_of_order(inlet, stream, sequence):
            return
        queue = inlet.queue
        if inlet.latest:
            self._supersede(queue, stream)
        elif len(queue) >= inlet.depth:
            oldest = queue.popleft()[0]
            oldest.queued -= 1
            oldest.overflow += 1
            self._touched.add(oldest)
        if not stream.queued:
            self._touched.add(stream)
        stream.queued += 1
        queue.append((stream, raw))

    def _learn(self, raw: bytes) -> tuple[_Inlet, Stream] | None:
        """Where the frames of a stream go from its first one on; None for what is no message."""
        head = frame.header(raw)
        inlet = self._inlets.get(head.key)
        ours = head.dictionary == self._dictionary and head.version == frame.VERSION
        if inlet is None or not ours or head.flags not in (0, frame.JOIN):
            self._words[Word.FOREIGN] += 1
            return None
        if head.flags == frame.JOIN:
            self._join(inlet, head)
            return None
        stream = self._stream(inlet, head.source, head.boot, head.sequence)
        known = self._known[raw[: frame.PREFIX_SIZE]] = inlet, stream
        return known

    def _join(self, inlet: _Inlet, head: frame.Header) -> None:
        topic = inlet.item.id
        if self.ledger.known(head.source, head.boot, topic) is None:
            self._joined[head.source, topic] = head.boot, head.sequence
        self.tail(head.source, head.boot, {topic: head.sequence})

    def _stream(self, inlet: _Inlet, source: int, boot: int, sequence: int) -> Stream:
        """The stream of a frame; a new one begins where the publisher said that we joined."""
        topic = inlet.item.id
        found = self.ledger.known(source, boot, topic)
        if found is None:
            of, joined = self._joined.pop((source, topic), (boot, sequence - 1))
            first = joined + 1 if of == boot else sequence
            found = self.ledger.stream(source, boot, topic, max(1, first))
            # It may have taken the ledger row of another.
            self._known = {k: known for k, known in self._known.items() if not known[1].retired}
        return found

    def _flush(self) -> None:
        for stream in self._touched:
            stream.flush()

    @staticmethod
    def _supersede(queue: deque[tuple[Stream, bytes]], stream: Stream) -> None:
        for position, (older, _) in enumerate(queue):
            if older is stream:
                stream.queued -= 1
                stream.superseded += 1
                del queue[position]
                return

    def _out_of_order(self, inlet: _Inlet, stream: Stream, sequence: int) -> bool:
        """Account a gap, a repair or a duplicate; True when the frame is to be delivered."""
        self._touched.add(stream)
        if sequence > stream.last:
            self._gap(inlet, stream, sequence)
            stream.last = sequence
            return True
        if sequence in stream.missing:
            stream.missing.discard(sequence)
            stream.repaired += 1
            return True
        stream.duplicate += 1
        return False

    def _gap(self, inlet: _Inlet, stream: Stream, upto: int) -> None:
        """Sequences from last + 1 to ``upto`` - 1 did not arrive; ask for them if they must."""
        if inlet.item.delivery is not Delivery.EVENT or upto <= stream.last + 1:
            return
        first = max(stream.last + 1, upto - RING)
        stream.missing = {sequence for sequence in stream.missing if sequence >= upto - RING}
        stream.missing.update(range(first, upto))
        stream.asked = 0
        self._ask(inlet, stream)

    def _ask(self, inlet: _Inlet, stream: Stream) -> None:
        """Ask for what is missing: request or answer may be lost on the way as well."""
        if self.repair is None or stream.asked == ASKS:
            stream.missing.clear()
            return
        stream.asked += 1
        self.repair(stream.source, stream.boot, inlet.item.id, sorted(stream.missing))

    def tail(self, source: int, boot: int, sequences: dict[int, int]) -> None:
        """Learn from a heartbeat what was published last, so that tail loss is seen."""
        for topic, sequence in sequences.items():
            inlet = self._topics.get(topic)
            if inlet is None:
                continue
            stream = self.ledger.known(source, boot, topic)
            if stream is None:
                of, joined = self._joined.get((source, topic), (boot, sequence))
                if of != boot or sequence <= joined:
                    continue  # nothing was published since we joined, or we do not know
                stream = self._stream(inlet, source, boot, sequence)
            if sequence > stream.last:
                self._gap(inlet, stream, sequence + 1)
                stream.last = sequence
                stream.flush()
            elif stream.missing:
                self._ask(inlet, stream)

    def dispatch(self) -> int:
        """Decode and hand out everything queued; return how many messages were delivered."""
        self._flush()  # before and after: what a kill in between interrupts shows as queued
        done = 0
        for inlet in self._inlets.values():
            if inlet.queue:
                done += self._dispatch(inlet)
        self._flush()
        self._touched.clear()
        return done

    def _dispatch(self, inlet: _Inlet) -> int:
        queue, decode, handlers, done = inlet.queue, inlet.decode, inlet.handlers, 0
        start, words, progress = frame.HEADER_SIZE, self._words, int(Word.PROGRESS)
        while queue:
            stream, raw = queue.popleft()
            self._current = raw
            stream.queued -= 1
            try:
                message = decode(raw[start:-4])
            except ValueError:  # msgspec's DecodeError: schema or range
                stream.undecodable += 1
                continue
            stream.delivered += 1
            done += 1
            words[progress] += 1  # at each message: a long batch is slow, it does not hang
            for handler in handlers:
                handler(message)
        return done

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()
