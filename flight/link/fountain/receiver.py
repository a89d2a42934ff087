"""The receiving end of the fountain: symbols in, whole and verified files out."""

from __future__ import annotations

import contextlib
import hashlib
from collections import Counter, OrderedDict
from dataclasses import dataclass
from typing import Any

from flight.link.cfdp.filestore import Filestore, Sink, acceptable
from flight.link.cfdp.reports import TransactionId
from flight.link.errors import LinkError
from flight.link.fountain.codec import (
    HEAD,
    ID_SIZE,
    MANIFEST_EVERY,
    SPARE,
    SYMBOL_UNIT,
    Incoming,
    Kind,
    Manifest,
    Report,
    Verdict,
    parse,
)

OPEN = 16  # files at the same time; the longest silent makes room
CLOSED = 64  # transfers remembered, so that late symbols open none
EARLY = 4 * MANIFEST_EVERY  # symbols kept of a transfer whose manifest is still to come


class _Object:
    """One file that comes in. ``held`` are symbols that no decoder has seen: there is none, for it
    takes memory for the whole, before as many are there as the manifest claims."""

    def __init__(self, now: float) -> None:
        self.manifest: Manifest | None = None
        self.heard = now
        self.told = False  # the sender, since it was heard
        self.ids: set[bytes] = set()
        self.held: list[bytes] = []
        self.decoder: Any = None
        self.sink: Sink | None = None

    @property
    def lacking(self) -> int:
        """Symbols that lack, as far as is known: at least one, for it is not whole."""
        wanted = 0 if self.manifest is None else self.manifest.source + SPARE
        return max(1, wanted - len(self.ids))


@dataclass(slots=True)
class _Closed:
    """What became of a transfer, and whether the sender was told since it last spoke of it."""

    verdict: Verdict
    told: bool = False


class FountainReceiver:
    """Files of all transfers. ``counters``: packets, bad, duplicate, early_dropped, evicted,
    renewed (the sender began the file anew), rejected (by the file store), damaged (SHA-256),
    delivered."""

    def __init__(self, filestore: Filestore, source: int) -> None:
        """Files of the entity ``source``. Raises ImportError without the extra."""
        import raptorq

        self.counters: Counter[str] = Counter()
        self.delivered: list[tuple[str, int]] = []  # name, size; the owner takes them out
        self._raptorq = raptorq
        self._filestore, self._source = filestore, source
        self._open: OrderedDict[int, _Object] = OrderedDict()
        self._closed: OrderedDict[int, _Closed] = OrderedDict()

    def receive(self, raw: bytes, now: float) -> None:
        """Take one packet. Never raises; what is refused is counted."""
        self.counters["packets"] += 1
        try:
            kind, transfer = parse(raw)
            if kind is Kind.REPORT:
                return
            if transfer in self._closed:
                self._closed[transfer].told = False
            elif kind is Kind.MANIFEST:
                manifest = Manifest.unpack(raw)
                self._on_manifest(transfer, self._entry(transfer, now), manifest)
            elif len(raw) >= HEAD.size + ID_SIZE + SYMBOL_UNIT:
                self._on_symbol(transfer, self._entry(transfer, now), raw[HEAD.size :])
            else:
                self.counters["bad"] += 1
        except LinkError:
            self.counters["bad"] += 1

    def reports(self, silence: float, now: float) -> list[Report]:
        """What to tell the sender: what is done, and what lacks of transfers that have been silent
        for ``silence`` s. Each is told once: when a report is lost, the sender goes on, and that
        is answered."""
        told = []
        for transfer, closed in self._closed.items():
            if not closed.told:
                closed.told = True
                told.append(Report(transfer, closed.verdict))
        for transfer, entry in self._open.items():
            if not entry.told and now - entry.heard >= silence:
                entry.told = True
                told.append(Report(transfer, Verdict.LACKING, entry.lacking))
        return told

    def progress(self) -> list[Incoming]:
        """The files that are open."""
        return [
            Incoming(
                transfer, known.name, min(len(entry.ids) * known.symbol, known.size), known.size
            )
            for transfer, entry in self._open.items()
            if (known := entry.manifest) is not None
        ]

    def _entry(self, transfer: int, now: float) -> _Object:
        entry = self._open.get(transfer)
        if entry is None:
            if len(self._open) >= OPEN:
                self._drop(next(iter(self._open)))
                self.counters["evicted"] += 1
            entry = self._open[transfer] = _Object(now)
        self._open.move_to_end(transfer)
        entry.heard, entry.told = now, False
        return entry

    def _on_manifest(self, transfer: int, entry: _Object, manifest: Manifest) -> None:
        if entry.manifest is not None:
            self.counters["bad"] += manifest != entry.manifest
            return
        self._renew(manifest)
        try:
            if not acceptable(manifest.name):
                raise OSError("bad name")
            entry.sink = self._filestore.open(manifest.name, manifest.size, self._key(manifest))
        except OSError:
            self.counters["rejected"] += 1
            self._close(transfer, Verdict.REJECTED)
            return
        entry.manifest = manifest
        early, entry.held = entry.held, []
        for symbol in early:
            if transfer in self._open:
                self._on_symbol(transfer, entry, symbol)

    def _renew(self, manifest: Manifest) -> None:
        """Drop what is open under the same name: its sender has begun it anew."""
        for transfer, entry in list(self._open.items()):
            if entry.manifest is not None and entry.manifest.name == manifest.name:
                self._drop(transfer)
                self.counters["renewed"] += 1

    def _on_symbol(self, transfer: int, entry: _Object, symbol: bytes) -> None:
        manifest = entry.manifest
        if manifest is None:
            if len(entry.held) < EARLY:
                entry.held.append(symbol)
            else:
                self.counters["early_dropped"] += 1
            return
        fill = len(symbol) - ID_SIZE - manifest.symbol
        if not 0 <= fill < SYMBOL_UNIT or symbol[0] >= manifest.blocks:
            self.counters["bad"] += 1
            return
        symbol = symbol[: ID_SIZE + manifest.symbol]
        if symbol[:ID_SIZE] in entry.ids:
            self.counters["duplicate"] += 1
            return
        entry.ids.add(symbol[:ID_SIZE])
        entry.held.append(symbol)
        if len(entry.ids) >= manifest.source:
            self._decode(transfer, entry, manifest)

    def _decode(self, transfer: int, entry: _Object, manifest: Manifest) -> None:
        if entry.decoder is None:
            entry.decoder = self._raptorq.Decoder.with_defaults(manifest.size, manifest.symbol)
        held, entry.held = entry.held, []
        try:
            data = next((data for each in held if (data := entry.decoder.decode(each))), None)
        except BaseException as panic:  # of the library's Rust code: no Exception
            if type(panic).__name__ != "PanicException":
                raise
            self.counters["bad"] += 1
            self._drop(transfer)  # begun anew by the next manifest
            return
        if data is None:
            return
        if hashlib.sha256(data).digest() != manifest.sha256:
            self.counters["damaged"] += 1
            self._drop(transfer)
            return
        kept = self._keep(entry, data)
        self.counters["delivered" if kept else "rejected"] += 1
        if kept:
            self.delivered.append((manifest.name, manifest.size))
        self._close(transfer, Verdict.DELIVERED if kept else Verdict.REJECTED)

    def _keep(self, entry: _Object, data: bytes) -> bool:
        assert entry.sink is not None
        try:
            entry.sink.write(0, data)
            entry.sink.commit()
        except OSError:
            return False
        entry.sink = None
        return True

    def _drop(self, transfer: int) -> None:
        entry = self._open.pop(transfer)
        if entry.sink is not None:
            with contextlib.suppress(OSError):
                entry.sink.discard()

    def _key(self, manifest: Manifest) -> TransactionId:
        """Not that of any CFDP transaction: those never reach so high."""
        return TransactionId(self._source, 1 << 32 | manifest.transfer)

    def _close(self, transfer: int, verdict: Verdict) -> None:
        self._drop(transfer)
        self._closed[transfer] = _Closed(verdict)
        while len(self._closed) > CLOSED:
            self._closed.popitem(last=False)
