"""Commands on the bus: ROUTER and DEALER, acknowledged, with a deadline, de-duplicated by id."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import zmq

from flight.dictionary.codec import ENCODER, decoder
from flight.dictionary.commands import Reply
from flight.dictionary.enums import Reason
from flight.dictionary.registry import BY_NAME, Command, item
from flight.runtime import frame
from flight.runtime.bus import Identity, Publisher
from flight.runtime.clock import Clock
from flight.runtime.page import Page, Word

OPEN = 256  # requests of one process that may wait for an answer
REMEMBERED = 8 * OPEN  # replies kept: all that eight processes may still repeat
RETRY = 0.5  # s between repeats of an unanswered request
BURST = 256  # requests taken per loop turn, so that a flood cannot starve the rest
_WANTED = msgspec.msgpack.Decoder(tuple[int, int, frozenset[int]])  # topic, boot, sequences
REPAIR_KEY = b"bus.repair".ljust(16, b"\0")

Execute = Callable[[Command], Reply]


class Responder:
    """The ROUTER end of one process: executes each command once, answers each repeat."""

    def __init__(
        self,
        context: zmq.Context[Any],
        address: str,
        identity: Identity,
        clock: Clock,
        page: Page,
        publisher: Publisher,
    ) -> None:
        self.socket = context.socket(zmq.ROUTER)
        self.socket.linger = 250
        self.socket.bind(address)
        self._identity = identity
        self._clock = clock
        self._words = page.words
        self._publisher = publisher
        self._execute: dict[str, Execute] = {}
        self._replies: OrderedDict[tuple[int, int, int], bytes] = OrderedDict()

    def serve(self, kind: type[Command], execute: Execute) -> None:
        """Answer a command type with ``execute``."""
        self._execute[item(kind).name] = execute

    def drain(self) -> int:
        """Answer the waiting requests, at most BURST; return how many there were."""
        for count in range(BURST):
            try:
                peer, raw = self.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return count
            except ValueError:  # not two parts: nothing of ours
                self._words[Word.FOREIGN] += 1
                continue
            self._take(peer, raw)
        return BURST

    def _take(self, peer: bytes, raw: bytes) -> None:
        if not frame.verify(raw):
            self._words[Word.CORRUPT] += 1
            return
        head = frame.header(raw)
        if head.key == REPAIR_KEY:
            self._resend(peer, raw)
            return
        identifier = (head.source, head.boot, head.sequence)
        answer = self._replies.get(identifier)
        if answer is None:
            answer = self._answer(head, frame.body(raw))
            self._replies[identifier] = answer
            if len(self._replies) > REMEMBERED:
                self._replies.popitem(last=False)
        self.socket.send_multipart([peer, answer])

    def _resend(self, peer: bytes, raw: bytes) -> None:
        try:
            topic, boot, wanted = _WANTED.decode(frame.body(raw))
        except ValueError:
            self._words[Word.REFUSED] += 1
            return
        for kept in self._publisher.ring(topic, boot, wanted):
            self.socket.send_multipart([peer, kept])

    def _answer(self, head: frame.Header, body: memoryview) -> bytes:
        name = head.key.rstrip(b"\0").decode(errors="replace")
        try:
            answer = ENCODER.encode(self._reply(name, head, body))
        except (TypeError, ValueError, OverflowError):
            answer = ENCODER.encode(Reply(Reason.INTERNAL, "the answer cannot be encoded"))
        prefix = self._identity.prefix(head.key, frame.REPLY)
        return frame.pack(prefix, head.sequence, self._clock.now(), self._clock.utc_ns(), answer)

    def _reply(self, name: str, head: frame.Header, body: memoryview) -> Reply:
        execute = self._execute.get(name)
        if execute is None:
            return Reply(Reason.UNKNOWN, f"no service here executes {name!r}")
        if head.dictionary != self._identity.dictionary:
            return Reply(Reason.FORMAT, f"dictionary {head.dictionary:08x} is not ours")
        if head.monotonic < self._clock.now():
            return Reply(Reason.TIMED_OUT, "expired before it was taken")
        try:
            command = decoder(BY_NAME["command", name].type).decode(body)
        except ValueError as error:
            return Reply(Reason.RANGE, str(error))
        return execute(command)

    def close(self) -> None:
        """Close the socket; answers under way get 250 ms."""
        self.socket.close()


@dataclass(slots=True)
class _Open:
    raw: bytes
    process: str
    then: Callable[[Reply], None]
    deadline: float
    repeat: float


class Requester:
    """The DEALER ends of one process, one per process it sends commands to."""

    def __init__(
        self,
        context: zmq.Context[Any],
        addresses: Callable[[str], str],
        identity: Identity,
        clock: Clock,
        page: Page,
        on_socket: Callable[[Any], None] = lambda socket: None,
    ) -> None:
        self._context = context
        self._addresses = addresses
        self._identity = identity
        self._clock = clock
        self._words = page.words
        self._on_socket = on_socket
        self._sockets: dict[str, Any] = {}
        self._sequence = 0
        self._open: dict[int, _Open] = {}
        self.on_repair: Callable[[bytes], None] = lambda raw: None

    def send(
        self, process: str, command: Command, then: Callable[[Reply], None], deadline: float
    ) -> None:
        """Send a command; ``then`` is called once, at the latest after ``deadline`` s.

        A command that is not taken by then is not executed later either.
        """
        if len(self._open) >= OPEN:
            then(Reply(Reason.BUSY, f"{OPEN} requests are waiting already"))
            return
        now = self._clock.now()
        raw = self._frame(item(command).key, ENCODER.encode(command), now + deadline)
        entry = _Open(raw, process, then, now + deadline, now + RETRY)
        self._open[self._sequence] = entry
        self._transmit(process, raw)

    def repair(self, process: str, topic: int, boot: int, wanted: list[int]) -> None:
        """Ask a publisher for event frames of one boot that did not arrive, by sequence."""
        body = ENCODER.encode((topic, boot, wanted))
        self._transmit(process, self._frame(REPAIR_KEY, body, self._clock.now()))

    def _frame(self, key: bytes, body: bytes, expiry: float) -> bytes:
        self._sequence += 1
        prefix = self._identity.prefix(key, frame.REQUEST)
        return frame.pack(prefix, self._sequence, expiry, self._clock.utc_ns(), body)

    def _transmit(self, process: str, raw: bytes) -> None:
        socket = self._sockets.get(process)
        if socket is None:
            socket = self._sockets[process] = self._context.socket(zmq.DEALER)
            socket.linger = 0
            socket.setsockopt(zmq.RECONNECT_IVL, 10)
            socket.setsockopt(zmq.RECONNECT_IVL_MAX, 100)
            socket.connect(self._addresses(process))
            self._on_socket(socket)
        # When the far side is down and the pipe is full, the repeat or the deadline decides.
        with contextlib.suppress(zmq.Again):
            socket.send(raw, zmq.NOBLOCK)

    def drain(self) -> int:
        """Take all answers; return how many there were."""
        count = 0
        for socket in list(self._sockets.values()):
            while True:
                try:
                    raw = socket.recv(zmq.NOBLOCK)
                except zmq.Again:
                    break
                count += 1
                self._take(raw)
        return count

    def _take(self, raw: bytes) -> None:
        if not frame.verify(raw):
            self._words[Word.CORRUPT] += 1
            return
        head = frame.header(raw)
        if head.flags != frame.REPLY:
            self.on_repair(raw)
            return
        entry = self._open.pop(head.sequence, None)
        if entry is None:
            return  # late, or the answer to a repeat
        try:
            reply = decoder(Reply).decode(frame.body(raw))
        except ValueError:
            reply = Reply(Reason.FORMAT, f"the answer is of dictionary {head.dictionary:08x}")
        entry.then(reply)

    def tick(self) -> None:
        """Repeat or give up what is due."""
        now = self._clock.now()
        for sequence, entry in list(self._open.items()):
            if now >= entry.deadline:
                self._open.pop(sequence, None)
                entry.then(Reply(Reason.TIMED_OUT, f"no answer from {entry.process}"))
            elif now >= entry.repeat:
                entry.repeat = now + RETRY
                self._transmit(entry.process, entry.raw)

    def close(self) -> None:
        """Close all sockets."""
        for socket in self._sockets.values():
            socket.close()
