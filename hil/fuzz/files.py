"""What files travel in: PDUs and their engine, fountain packets, bundles, products."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from typing import Any

from flight.dictionary.bundle import LARGEST, BundleError, parse_bundle
from flight.dictionary.content import content_hash
from flight.dictionary.enums import Level
from flight.dictionary.product import (
    FORMAT,
    Product,
    ProductError,
    Provenance,
    decode_product,
    deflate,
    encode_product,
)
from flight.link import fecf
from flight.link.cfdp import Engine, Settings, StoredFile, parse
from flight.link.cfdp.codes import CfdpError
from flight.link.channels import Entity
from flight.link.fountain.receiver import FountainReceiver
from flight.link.fountain.sender import FountainSender
from ground.products.unpack import unpack
from hil.fuzz.store import Store
from hil.fuzz.subject import Codec, Harmed

_DATA = random.Random(3).randbytes(900)
_SETTINGS = Settings(segment=300, round_trip=0.2)
_STEP, _LONG = 0.01, 1300.0  # s between inputs; until no transaction is in the way any more
_ROUNDS = 400
_MOST_OPEN, _LISTEN = 64, 16
# Of good files between the inputs: many bits from the numbers of the samples, which are small, so
# that no damaged sample is taken for a part of one.
_FAR = 0x5A5A5A5A


def sealed_pdu(raw: bytes) -> bytes:
    """A PDU with the CRC flag, whose length and CRC are right."""
    if len(raw) < 4:
        return raw
    start = 4 + 2 * ((raw[3] >> 4 & 7) + 1) + (raw[3] & 7) + 1
    length = max(0, len(raw) - start) & 0xFFFF
    head = bytes((raw[0] & 0x1F | 0x22,)) + length.to_bytes(2, "big")
    return fecf.append((head + raw[3:])[: -fecf.SIZE])


def _conversation() -> list[bytes]:
    """All PDUs of a file, one of them lost on the way."""
    node, ground, stores = _engines()
    ground.put("a.bin", StoredFile(_DATA), Entity.NODE)
    found: list[bytes] = []
    for number in range(_ROUNDS):
        now = number * 0.05
        for source, sink in ((ground, node), (node, ground)):
            pdu = source.next_pdu(now)
            if pdu is not None and (pdu in found or len(found) != 2):
                sink.receive(pdu, now)
            found += [pdu] if pdu is not None and pdu not in found else []
    if "a.bin" not in stores[0].delivered:
        raise Harmed("a file is not delivered")
    return found


def _engines(first: int = 1) -> tuple[Engine, Engine, tuple[Store, Store]]:
    """Node and ground, and their stores; ``first`` is the ground's first transaction number."""
    stores = Store(), Store()
    node = Engine(Entity.NODE, stores[0], stores[0], _SETTINGS)
    ground = Engine(Entity.GROUND, stores[1], stores[1], _SETTINGS, first=first)
    return node, ground, stores


def pdu() -> Codec:
    """PDUs. A PDU that is taken need not be made alike: unknown TLVs are skipped."""
    return Codec(_conversation(), parse, CfdpError, None, sealed_pdu)


class Entities:
    """The CFDP engine of the node."""

    def __init__(self) -> None:
        self.samples: Sequence[bytes] = _conversation()
        self._node, self._ground, (self._store, _) = _engines(first=_FAR)
        self._now = 0.0
        self._files = 1000
        self._taken = 0

    def seal(self, raw: bytes) -> bytes:
        """Length and CRC."""
        return sealed_pdu(raw)

    def take(self, raw: bytes) -> bool:
        """One PDU; now and then what the engine has to say."""
        self._now += _STEP
        refused = self._refused()
        self._node.receive(raw, self._now)
        self._taken += 1
        if self._taken % _LISTEN == 0:
            self._node.next_pdu(self._now)
        return self._refused() == refused

    def _refused(self) -> int:
        return sum(n for name, n in self._node.counters.items() if name.startswith("refused"))

    def settle(self) -> None:
        """Transactions have not piled up, and a file arrives."""
        if len(self._node.progress()) > _MOST_OPEN:
            raise Harmed("transactions without end")
        self._files += 1
        name, data = f"{self._files}.bin", random.Random(self._files).randbytes(500)
        self._now += _LONG
        self._ground.put(name, StoredFile(data), Entity.NODE)
        for _ in range(_ROUNDS):
            self._now += 0.05
            self._pass_on(self._ground, self._node)
            self._pass_on(self._node, self._ground)
            if not self._ground.progress():
                break
        if self._store.delivered.pop(name, b"") != data:
            raise Harmed("a file does not arrive")
        self._store.delivered.clear()
        for engine in (self._node, self._ground):
            engine.ended()

    def _pass_on(self, source: Engine, sink: Engine) -> None:
        """What there is to send: transactions whose sender is gone ask for their gaps, too."""
        for _ in range(2 * _MOST_OPEN):
            raw = source.next_pdu(self._now)
            if raw is None:
                return
            sink.receive(raw, self._now)


def cfdp() -> Entities:
    """The engine as a whole."""
    return Entities()


class Fountain:
    """The receiver of fountain packets."""

    def __init__(self) -> None:
        self._store = Store()
        self._receiver = FountainReceiver(self._store, Entity.GROUND)
        self._transfer = 1
        self.samples: Sequence[bytes] = self._packets("a.bin", _DATA)
        self._transfer = _FAR
        self._now = 0.0

    def _packets(self, name: str, data: bytes) -> list[bytes]:
        self._transfer += 1
        sender = FountainSender(self._transfer, name, data, 64, 0.1)
        return [raw for _ in range(2 * sender.waiting + 2) if (raw := sender.next_packet())]

    def seal(self, raw: bytes) -> bytes:
        """Nothing to make right: frames carry the checks."""
        return raw

    def take(self, raw: bytes) -> bool:
        """One packet."""
        self._now += _STEP
        bad = self._receiver.counters["bad"]
        self._receiver.receive(raw, self._now)
        return self._receiver.counters["bad"] == bad

    def settle(self) -> None:
        """A file arrives."""
        self._now += _LONG
        data = random.Random(self._transfer).randbytes(500)
        name = f"{self._transfer}.bin"
        for raw in self._packets(name, data):
            self._receiver.receive(raw, self._now)
        if self._store.delivered.pop(name, b"") != data:
            raise Harmed("a file does not arrive")
        self._store.delivered.clear()
        self._receiver.delivered.clear()


def fountain() -> Fountain:
    """Fountain packets."""
    return Fountain()


def bundle() -> Codec:
    """Program bundles behind their signature, which only the ground can make."""
    source = b"class Rows:\n    pass\n"

    def manifest(files: bytes) -> bytes:
        listed = {
            "name": "rows.py",
            "size": len(files),
            "sha256": hashlib.sha256(files).hexdigest(),
        }
        return json.dumps({
            "name": "rows", "version": 1, "entry": "rows:Rows", "summary": "Adds up rows",
            "result": "MASK", "scenes": 1, "parameters": [],
            "dictionary": content_hash().hex(), "files": [listed],
        }).encode()  # fmt: skip

    def packed(files: bytes) -> bytes:
        text = manifest(files)
        return b"TGPB\1" + bytes(72) + len(text).to_bytes(4, "big") + text + files

    def parsed(raw: bytes) -> Any:
        found = parse_bundle(raw)
        if sum(map(len, found.files.values())) > LARGEST:
            raise Harmed("a bundle larger than bundles may be")
        return found

    def seal(raw: bytes) -> bytes:
        """A manifest of the length that the header says."""
        return raw[:77] + max(0, len(raw) - 81 - len(source)).to_bytes(4, "big") + raw[81:]

    return Codec([packed(source), packed(source * 9)], parsed, BundleError, None, seal)


def product() -> Codec:
    """Products, unpacked, as the ground reads them."""
    texts = ("cloud-mask", "scene", "", "", "", "")
    counts = (6, 6, 0, 0, 0, 0, 0, 0)
    codes = bytes(range(4)) * 16
    proof = Provenance(
        1, 1, *texts, Level.DMR, *counts, 1.0, 1.0, hashlib.sha256(codes).hexdigest()
    )
    flat = Product(FORMAT, proof, (), (8, 8), deflate(codes))
    packed = Product(FORMAT, proof, (0, 1, 2, 3), (8, 8), deflate(bytes((0b00011011,)) * 16))
    return Codec(
        [encode_product(each) for each in (flat, packed)],
        lambda raw: unpack(decode_product(raw)).size,
        ProductError,
    )
