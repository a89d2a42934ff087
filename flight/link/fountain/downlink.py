"""The node's files through the fountain, pure: which packet is next, and when more is made."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from flight.link.errors import LinkError
from flight.link.fountain.codec import OVERHEAD, SYMBOL_UNIT, parse_report
from flight.link.fountain.sender import FountainSender
from flight.link.spacepacket import HEADER_SIZE

PATIENCE = 3.0  # s beyond the round trip that a report may take
ROUNDS = 2  # times that more is sent to a ground that says nothing


@dataclass(slots=True)
class _Transfer:
    name: str
    origin: str
    size: int
    priority: int
    sender: FountainSender
    space: int  # octets of a packet's data
    quiet: float  # since when nothing of it was sent
    rounds: int = 0

    def state(self, number: int) -> Sending:
        octets = self.sender.octets
        done = min(octets, self.size)
        return Sending(
            number, self.name, self.origin, self.size, done, octets - done, self.priority
        )


@dataclass(frozen=True, slots=True)
class Gone:
    """A file that has ended: on the ground, or nothing was heard of it."""

    name: str
    origin: str
    delivered: bool


@dataclass(frozen=True, slots=True)
class Sending:
    """A file on its way; ``done`` octets of it were sent once."""

    transfer: int
    name: str
    origin: str
    size: int
    done: int
    resent: int
    priority: int


class FountainDownlink:
    """Files on their way, the most urgent first. ``counters``: packets, reports, bad.

    When all of a file was sent and no report has come within a round trip and PATIENCE, more of it
    goes, ROUNDS times; then it is given up. On a pass without a way back that is the rule: whoever
    puts the files then puts it again.
    """

    def __init__(self, first: int) -> None:
        """``first`` is the least number of a transfer; one life of the node reuses none."""
        self.counters: Counter[str] = Counter()
        self._next = first
        self._open: dict[int, _Transfer] = {}
        self._ended: list[Gone] = []

    def put(
        self,
        name: str,
        data: bytes,
        origin: str,
        priority: int,
        space: int,
        loss: float,
        now: float,
    ) -> None:
        """Begin a file in packets of ``space`` octets; ``loss`` is the share that gets lost.

        Raises ImportError without the extra, ValueError for a file that is empty or beyond
        LARGEST, or packets that are too short.
        """
        space -= HEADER_SIZE
        symbol = (space - OVERHEAD) // SYMBOL_UNIT * SYMBOL_UNIT
        number = self._next % (1 << 32)
        sender = FountainSender(number, name, data, symbol, loss)
        self._next += 1
        self._open[number] = _Transfer(name, origin, len(data), priority, sender, space, now)

    def next_packet(self, now: float) -> bytes | None:
        """What is to be sent next, None when nothing is."""
        for transfer in sorted(self._open.values(), key=lambda each: -each.priority):
            packet = transfer.sender.next_packet()
            if packet is not None:
                transfer.quiet = now
                self.counters["packets"] += 1
                return packet.ljust(transfer.space, b"\0")  # a frame each: a lost one costs one
        return None

    def receive(self, raw: bytes, round_trip: float, now: float) -> None:
        """Take a report of the ground. Never raises; what is refused is counted.

        One that says that symbols lack is heeded when all that was sent can be in it.
        """
        try:
            number, lacking = parse_report(raw)
        except LinkError:
            self.counters["bad"] += 1
            return
        self.counters["reports"] += 1
        transfer = self._open.get(number)
        if transfer is None or (lacking and now - transfer.quiet < round_trip):
            return
        transfer.sender.receive(raw)
        transfer.rounds = 0
        if transfer.sender.finished:
            self._end(number, True)

    def work(self, round_trip: float, now: float) -> None:
        """Follow the time; call it often."""
        for number, transfer in list(self._open.items()):
            if transfer.sender.waiting or now - transfer.quiet < round_trip + PATIENCE:
                continue
            if transfer.rounds < ROUNDS:
                transfer.rounds += 1
                transfer.sender.more()
            else:
                self._end(number, False)

    def withdraw(self, origin: str) -> None:
        """Forget a file; nothing of it is sent any more, and it does not end."""
        self._open = {n: each for n, each in self._open.items() if each.origin != origin}

    def ended(self) -> list[Gone]:
        """What has ended since the last call."""
        ended, self._ended = self._ended, []
        return ended

    def progress(self) -> list[Sending]:
        """Files on their way."""
        return [each.state(number) for number, each in self._open.items()]

    def _end(self, number: int, delivered: bool) -> None:
        transfer = self._open.pop(number)
        self._ended.append(Gone(transfer.name, transfer.origin, delivered))
