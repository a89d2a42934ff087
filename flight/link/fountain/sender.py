"""The sending end of the fountain: one file into as many packets as its arrival takes."""

from __future__ import annotations

import hashlib

from flight.link.fountain.codec import (
    HEAD,
    ID_SIZE,
    LARGEST,
    MANIFEST_EVERY,
    SPARE,
    Kind,
    Manifest,
    manifests,
    to_send,
)

_AGAIN = 4  # times the source symbols, after which the first ones are sent again


class FountainSender:
    """One file on its way out, in pours: the first is all of it, later ones what lacks."""

    def __init__(
        self, transfer: int, name: str, data: bytes, symbol: int, loss: float, poured: int = 0
    ) -> None:
        """``symbol`` in octets, a multiple of 8; ``loss`` is the share of frames that is expected
        to be lost; ``poured`` symbols were sent before, under the same number.

        Raises ImportError without the extra, ValueError for what cannot be sent."""
        import raptorq

        if not 0 < len(data) <= LARGEST:
            raise ValueError(f"{name}: {len(data)} octets, 1 to {LARGEST} go through the fountain")
        if symbol % 8 or symbol < 8 or not 0 <= loss < 1:
            raise ValueError(f"symbols of {symbol} octets at a loss of {loss}")
        self._encoder = raptorq.Encoder.with_defaults(data, symbol)
        self._symbols: list[bytes] = self._encoder.get_encoded_packets(0)
        self._blocks = 1 + max(packet[0] for packet in self._symbols)
        self._source = len(self._symbols)
        digest = hashlib.sha256(data).digest()
        self._manifest = Manifest(transfer, name, len(data), symbol, self._blocks, digest).pack()
        self._head = HEAD.pack(Kind.SYMBOL, transfer)
        self._symbol, self._loss = symbol, loss
        self._first = self._next = poured if poured < _AGAIN * self._source else 0
        self._every = self._since = 0  # packets between manifests, and since the last one
        self._pour(self._source)

    @property
    def waiting(self) -> int:
        """Symbols that are still to be sent."""
        return len(self._symbols) - self._next

    @property
    def poured(self) -> int:
        """Symbols that were sent under this number."""
        return self._next

    @property
    def octets(self) -> int:
        """Octets of symbols that were sent."""
        return (self._next - self._first) * self._symbol

    def next_packet(self) -> bytes | None:
        """What is to be sent next, None when all that was asked for is sent."""
        if not self.waiting:
            return None
        if self._since >= self._every:
            self._since = 0
            return self._manifest
        self._since += 1
        self._next += 1
        return self._head + self._symbols[self._next - 1]

    def lacks(self, symbols: int) -> None:
        """Have what a receiver lacks; nothing changes while there is something to send."""
        if not self.waiting:
            self._pour(min(symbols, self._source))

    def more(self) -> None:
        """Have another sixteenth of the file's symbols, for a receiver that says nothing."""
        self._pour(max(self._source // 16, SPARE))

    def _pour(self, wanted: int) -> None:
        """Have enough symbols for ``wanted`` to arrive, and a manifest before and between them."""
        count = to_send(wanted, self._loss)
        self._extend(self._next + count)
        self._every = max(1, min(MANIFEST_EVERY, count // manifests(self._loss)))
        self._since = self._every

    def _extend(self, total: int) -> None:
        """Have ``total`` symbols, those there are left as they are; repair symbols of all source
        blocks are interleaved, so that a burst hits all alike."""
        here = len(self._symbols)
        known = {packet[:ID_SIZE] for packet in self._symbols}
        each = -(-(total - here) // self._blocks) + (len(known) // self._blocks)
        fresh = [p for p in self._encoder.get_encoded_packets(each) if p[:ID_SIZE] not in known]
        fresh.sort(key=lambda packet: (packet[1:ID_SIZE], packet[0]))
        self._symbols += fresh[: total - here]
