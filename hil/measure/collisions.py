"""Files over a channel whose errors no CRC finds: bits flipped, CRCs made to fit."""

from __future__ import annotations

import random
from dataclasses import dataclass

from flight.link.cfdp import Engine, Settings, StoredFile, TransactionId
from flight.link.cfdp.header import CRC_LENGTH
from flight.link.fecf import crc16

SIZE, SEGMENT, BER = 3000, 170, 1e-4
ATTEMPTS = 200  # transactions per file; one that fails is put again
FITTED = 0.05  # share of PDUs whose damage gets a fitting PDU CRC
COLLISIONS = 0.01  # share of data PDUs whose damage leaves the file's CRC-32C as it was
_GENERATOR = 0x11EDC6F41  # of CRC-32C, most significant coefficient first
_DATA_START = 12 + 4  # header and offset
_STEP = 0.001  # s of virtual time per PDU and answer


@dataclass
class Tally:
    """What became of the files; `wrong` files were delivered with octets that were not sent."""

    right: int = 0
    wrong: int = 0
    transactions: int = 0
    collisions: int = 0


class Kept:
    """Filestore and memory of both entities; remembers what was delivered."""

    def __init__(self) -> None:
        self.delivered: list[bytes] = []

    def open(self, name: str, size: int, transaction: TransactionId) -> _Sink:
        """Reserve; what a forged size asks for is bounded."""
        del name, transaction
        if size > 1 << 20:
            raise OSError("too large")
        return _Sink(self, size)

    def reopen(self, name: str, size: int, transaction: TransactionId) -> None:
        """Nothing survives here."""

    def write(self, key: str, data: bytes) -> None:
        """Records are not kept."""

    def remove(self, key: str) -> None:
        """Records are not kept."""

    def items(self) -> list[tuple[str, bytes]]:
        """Records are not kept."""
        return []


class _Sink:
    def __init__(self, store: Kept, size: int) -> None:
        self._store, self._data = store, bytearray(size)

    def write(self, offset: int, data: bytes) -> None:
        if offset + len(data) > len(self._data):
            raise AssertionError("write outside of the file")
        self._data[offset : offset + len(data)] = data

    def read(self, offset: int, n: int) -> bytes:
        return bytes(self._data[offset : offset + n])

    def sync(self) -> None:
        pass

    def commit(self) -> None:
        self._store.delivered.append(bytes(self._data))

    def discard(self) -> None:
        self._data.clear()


def neutral(data: bytearray, start: int, draw: random.Random) -> None:
    """Change `data` from `start` on so that its CRC-32C stays: XOR a multiple of the generator."""
    first = draw.randrange(8 * start, 8 * len(data) - 33)
    for index in range(33):
        if _GENERATOR >> (32 - index) & 1:
            data[(first + index) // 8] ^= 1 << (first + index) % 8  # the CRC takes low bits first


class Attack:
    """Damages PDUs as the channel and the attacker do."""

    def __init__(self, draw: random.Random, tally: Tally) -> None:
        self._draw, self._tally = draw, tally

    def pass_on(self, pdu: bytes) -> bytes:
        """The PDU as it arrives."""
        draw, raw = self._draw, bytearray(pdu)
        for _ in range(_flips(draw, 8 * len(raw))):
            raw[draw.randrange(len(raw))] ^= 1 << draw.randrange(8)
        if raw != pdu and draw.random() < FITTED:
            return _sealed(raw[:-CRC_LENGTH])
        data = raw[0] & 0x10 and len(raw) > _DATA_START + 8 + CRC_LENGTH
        if data and draw.random() < COLLISIONS:
            self._tally.collisions += 1
            body = raw[:-CRC_LENGTH]
            neutral(body, _DATA_START, draw)
            return _sealed(body)
        return bytes(raw)


def _flips(draw: random.Random, bits: int) -> int:
    """Binomial number of bit errors, by their geometric distances."""
    count, position = 0, 0.0
    while (position := position + draw.expovariate(BER)) < bits:
        count += 1
    return count


def _sealed(body: bytearray) -> bytes:
    return bytes(body) + crc16(bytes(body)).to_bytes(CRC_LENGTH, "big")


def campaign(files: int, seed: int, sha256: bool = True) -> Tally:
    """Send `files` files, each again until its sender knows that it is delivered."""
    draw, tally = random.Random(seed), Tally()
    settings = Settings(
        segment=SEGMENT, round_trip=2 * _STEP, nak_delay=0.0, retry_limit=40, sha256=sha256
    )
    store, attack = Kept(), Attack(draw, tally)
    near, far = Engine(1, store, store, settings), Engine(2, store, store, settings)
    now = 0.0
    for _ in range(files):
        data = draw.randbytes(draw.randrange(1, SIZE))
        for _ in range(ATTEMPTS):
            tally.transactions += 1
            now, good = _transfer(near, far, data, attack, now)
            if good:
                break
        else:
            raise AssertionError(f"not delivered in {ATTEMPTS} transactions")
        tally.wrong += sum(each != data for each in store.delivered)
        tally.right += data in store.delivered
        store.delivered.clear()
    return tally


def _transfer(
    near: Engine, far: Engine, data: bytes, attack: Attack, now: float
) -> tuple[float, bool]:
    """One transaction; the time when it ended, and whether its sender counts it as delivered."""
    mine = near.put("file", StoredFile(data), 2)
    while True:
        now += _STEP
        for sender, receiver in ((near, far), (far, near)):
            pdu = sender.next_pdu(now)
            if pdu is not None:
                receiver.receive(attack.pass_on(pdu), now)
        for ended in near.ended():
            if ended.id == mine:
                return now, ended.delivered
