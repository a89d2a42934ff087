"""The node's files through the fountain, pure: which packet is next, and when more is made."""

from __future__ import annotations

import hashlib
from collections import Counter, OrderedDict
from dataclasses import dataclass

from flight.link.errors import LinkError
from flight.link.fountain.codec import OVERHEAD, SYMBOL_UNIT, Report, Verdict
from flight.link.fountain.sender import FountainSender
from flight.link.spacepacket import HEADER_SIZE

PATIENCE = 3.0  # s beyond the round trip that a report may take
ROUNDS = 2  # times that more is sent to a ground that says nothing
PLACES = 16  # files on their way; a receiver keeps as many
ROOM = 16 << 20  # octets of them
REMEMBERED = 64  # files given up whose symbols the ground may still hold


@dataclass(slots=True)
class _Transfer:
    name: str
    origin: str
    size: int
    priority: int
    sha256: bytes
    sender: FountainSender
    space: int  # octets of a packet's data
    sent: float  # when its last packet was
    quiet: float  # since when the ground could have said something of it, and did not
    lacking: int = 0  # symbols, by a report that came too early to speak of all
    rounds: int = 0
    suspended: bool = False

    def state(self, number: int) -> Sending:
        octets = self.sender.octets
        done = min(octets, self.size)
        return Sending(
            number,
            self.name,
            self.origin,
            self.size,
            done,
            octets - done,
            self.priority,
            bool(self.sender.waiting),
            self.suspended,
        )


@dataclass(frozen=True, slots=True)
class Gone:
    """A file that has ended; no ``verdict`` when nothing was heard of it."""

    name: str
    origin: str
    verdict: Verdict | None


@dataclass(frozen=True, slots=True)
class Sending:
    """A file on its way; ``done`` octets of it were sent once. ``pouring`` while symbols wait to
    be sent; then the ground is to say what became of it."""

    transfer: int
    name: str
    origin: str
    size: int
    done: int
    resent: int
    priority: int
    pouring: bool
    suspended: bool


class FountainDownlink:
    """Files on their way, the most urgent first. ``counters``: packets, reports, bad.

    When all of a file was sent and no report has come within a round trip and PATIENCE, more of it
    goes, ROUNDS times; then it is given up. On a pass without a way back that is the rule: whoever
    puts the files then puts it again, and its next symbols go under the same number, so that what
    the ground holds of it counts.
    """

    def __init__(self, seed: int) -> None:
        """``seed`` is another one in each life: numbers of transfers follow from it."""
        self.counters: Counter[str] = Counter()
        self._seed, self._puts = seed, 0
        self._open: dict[int, _Transfer] = {}
        self._unheard: OrderedDict[tuple[str, bytes], tuple[int, int]] = OrderedDict()
        self._ended: list[Gone] = []

    def ready(self, size: int, priority: int) -> bool:
        """Whether a file of ``size`` octets may begin: one is poured at a time, unless the other is
        less urgent."""
        states = self.progress()
        pouring = any(
            each.pouring and not each.suspended and each.priority >= priority for each in states
        )
        room = sum(each.size for each in states) + size <= ROOM
        return not pouring and room and len(states) < PLACES

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
        digest = hashlib.sha256(data + symbol.to_bytes(4, "big")).digest()
        number, poured = self._unheard.pop((origin, digest), (self._number(digest), 0))
        sender = FountainSender(number, name, data, symbol, loss, poured)
        self._open[number] = _Transfer(
            name, origin, len(data), priority, digest, sender, space, now, now
        )

    def _number(self, digest: bytes) -> int:
        """Not that of a file before, in this life or another: late reports must mean this one."""
        self._puts += 1
        text = f"{self._seed} {self._puts} ".encode()
        return int.from_bytes(hashlib.sha256(text + digest).digest()[:4], "big")

    def next_packet(self, now: float) -> bytes | None:
        """What is to be sent next, None when nothing is."""
        for transfer in sorted(self._open.values(), key=lambda each: -each.priority):
            packet = None if transfer.suspended else transfer.sender.next_packet()
            if packet is not None:
                transfer.sent = transfer.quiet = now
                transfer.lacking = 0
                self.counters["packets"] += 1
                return packet.ljust(transfer.space, b"\0")  # a frame each: a lost one costs one
        return None

    def receive(self, raw: bytes) -> None:
        """Take a report of the ground. Never raises; what is refused is counted.

        One that says that symbols lack is heeded when a round trip has passed since the last: all
        that was sent can be in it then, unless more was sent meanwhile.
        """
        try:
            report = Report.unpack(raw)
        except LinkError:
            self.counters["bad"] += 1
            return
        self.counters["reports"] += 1
        transfer = self._open.get(report.transfer)
        if transfer is None:
            return
        if report.verdict is not Verdict.LACKING:
            self._end(report.transfer, report.verdict)
        elif not transfer.sender.waiting:
            transfer.lacking, transfer.rounds = max(report.lacking, 1), 0

    def work(self, round_trip: float, now: float) -> None:
        """Follow the time; call it often while the ground may be there."""
        for number, transfer in list(self._open.items()):
            if transfer.suspended or transfer.sender.waiting:
                continue
            if transfer.lacking and now - transfer.sent >= round_trip:
                transfer.sender.lacks(transfer.lacking)
            elif transfer.lacking or now - transfer.quiet < round_trip + PATIENCE:
                continue
            elif transfer.rounds < ROUNDS:
                transfer.rounds += 1
                transfer.sender.more()
            else:
                self._give_up(number, transfer)

    def thaw(self, now: float) -> None:
        """The ground is there again: what it failed to say in between is no silence."""
        for transfer in self._open.values():
            transfer.quiet, transfer.rounds = now, 0

    def withdraw(self, origin: str) -> None:
        """Forget a file; nothing of it is sent any more, and it does not end."""
        self._open = {n: each for n, each in self._open.items() if each.origin != origin}

    def suspend(self, name: str, suspended: bool, now: float) -> bool:
        """Hold a file, or go on with it; False when none of this name is on its way."""
        found = [each for each in self._open.values() if each.name == name]
        for each in found:
            each.suspended, each.quiet = suspended, now
        return bool(found)

    def ended(self) -> list[Gone]:
        """What has ended since the last call."""
        ended, self._ended = self._ended, []
        return ended

    def progress(self) -> list[Sending]:
        """Files on their way."""
        return [each.state(number) for number, each in self._open.items()]

    def _give_up(self, number: int, transfer: _Transfer) -> None:
        self._unheard[transfer.origin, transfer.sha256] = number, transfer.sender.poured
        while len(self._unheard) > REMEMBERED:
            self._unheard.popitem(last=False)
        self._end(number, None)

    def _end(self, number: int, verdict: Verdict | None) -> None:
        transfer = self._open.pop(number)
        self._ended.append(Gone(transfer.name, transfer.origin, verdict))
