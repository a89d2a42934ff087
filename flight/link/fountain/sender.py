"""The sending end of the fountain: one file into as many packets as its arrival takes."""

from __future__ import annotations

import hashlib

from flight.link.errors import Fault, LinkError
from flight.link.fountain.codec import (
    HEAD,
    ID_SIZE,
    LARGEST,
    MANIFEST_EVERY,
    SPARE,
    Kind,
    Manifest,
    parse_report,
    to_send,
)


class FountainSender:
    """One file on its way out. ``sent`` counts packets."""

    def __init__(self, transfer: int, name: str, data: bytes, symbol: int, loss: float) -> None:
        """``symbol`` in octets, a multiple of 8; ``loss`` is the share of frames that is expected
        to be lost. Raises ImportError without the extra, ValueError for what cannot be sent."""
        import raptorq

        if not 0 < len(data) <= LARGEST:
            raise ValueError(f"{name}: {len(data)} octets, 1 to {LARGEST} go through the fountain")
        if symbol % 8 or symbol < 8 or not 0 <= loss < 1:
            raise ValueError(f"symbols of {symbol} octets at a loss of {loss}")
        self.sent = 0
        self.finished = False
        self._encoder = raptorq.Encoder.with_defaults(data, symbol)
        self._symbols: list[bytes] = self._encoder.get_encoded_packets(0)
        self._blocks = 1 + max(packet[0] for packet in self._symbols)
        digest = hashlib.sha256(data).digest()
        manifest = Manifest(transfer, name, len(data), symbol, self._blocks, digest)
        self._manifest = manifest.pack()
        self._head = HEAD.pack(Kind.SYMBOL, transfer)
        self._transfer, self._symbol, self._loss = transfer, symbol, loss
        self._next = 0
        self._source = len(self._symbols)
        self._extend(to_send(self._source, loss))

    @property
    def waiting(self) -> int:
        """Symbols that are still to be sent."""
        return 0 if self.finished else len(self._symbols) - self._next

    @property
    def octets(self) -> int:
        """Octets of symbols that were sent."""
        return self._next * self._symbol

    def next_packet(self) -> bytes | None:
        """What is to be sent next, None when all that was asked for is sent."""
        if not self.waiting:
            return None
        self.sent += 1
        if (self.sent - 1) % MANIFEST_EVERY == 0:
            return self._manifest
        self._next += 1
        return self._head + self._symbols[self._next - 1]

    def receive(self, raw: bytes) -> None:
        """Take the receiver's report: it is done, or more is needed. Raises LinkError."""
        transfer, lacking = parse_report(raw)
        if transfer != self._transfer:
            raise LinkError(Fault.TYPE, f"report on transfer {transfer}")
        if not lacking:
            self.finished = True
        elif not self.waiting:
            wanted = min(lacking, len(self._symbols)) + SPARE
            self._extend(len(self._symbols) + to_send(wanted, self._loss))

    def more(self) -> None:
        """Have another sixteenth of the file's symbols, for a receiver that says nothing."""
        wanted = max(self._source // 16, SPARE)
        self._extend(len(self._symbols) + to_send(wanted, self._loss))

    def _extend(self, total: int) -> None:
        """Have ``total`` symbols, those there are left as they are; repair symbols of all source
        blocks are interleaved, so that a burst hits all alike."""
        here = len(self._symbols)
        known = {packet[:ID_SIZE] for packet in self._symbols}
        each = -(-(total - here) // self._blocks) + (len(known) // self._blocks)
        fresh = [p for p in self._encoder.get_encoded_packets(each) if p[:ID_SIZE] not in known]
        fresh.sort(key=lambda packet: (packet[1:ID_SIZE], packet[0]))
        self._symbols += fresh[: total - here]
