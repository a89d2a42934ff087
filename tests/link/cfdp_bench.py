"""A receiving entity on the bench: PDUs of one transaction go in and come out unpacked."""

from __future__ import annotations

import random

from cfdp_files import MemoryStore, Records

from flight.link.cfdp import ConditionCode, Ended, Engine, Settings, State, crc32c, parse
from flight.link.cfdp.ack import Ack
from flight.link.cfdp.codes import DeliveryCode, Directive, FileStatus, TransactionStatus
from flight.link.cfdp.eof import Eof
from flight.link.cfdp.filedata import FileData
from flight.link.cfdp.finished import Finished
from flight.link.cfdp.header import Header
from flight.link.cfdp.metadata import Metadata
from flight.link.cfdp.pdu import Pdu

SETTINGS = Settings(segment=100, round_trip=1.0, nak_delay=0.1, inactivity=60.0, save_interval=1e6)
HEADER = Header(1, 2, 7)
DATA = random.Random(0).randbytes(1000)
METADATA = Metadata(HEADER, 1000, "file.bin", "file.bin")
EOF = Eof(HEADER, ConditionCode.NO_ERROR, crc32c(DATA), 1000)
SUCCESS = Finished(HEADER, ConditionCode.NO_ERROR, DeliveryCode.DATA_COMPLETE, FileStatus.RETAINED)
ACK_FINISHED = Ack(HEADER, Directive.FINISHED, ConditionCode.NO_ERROR, TransactionStatus.TERMINATED)


def segment(start: int, end: int | None = None) -> FileData:
    return FileData(HEADER, start, DATA[start : start + 100 if end is None else end])


class Receiver:
    """An engine whose answers are fetched at once."""

    def __init__(
        self, entity: int, store: MemoryStore, settings: Settings, limit: int = 64
    ) -> None:
        self.records = Records()
        self.engine = Engine(entity, store, self.records, settings, limit=limit)
        self.counters = self.engine.counters
        self.next_time = self.engine.next_time

    def receive(self, raw: bytes, now: float) -> list[bytes]:
        self.engine.receive(raw, now)
        return self.tick(now)

    def tick(self, now: float) -> list[bytes]:
        answers = []
        while (answer := self.engine.next_pdu(now)) is not None:
            answers.append(answer)
        return answers

    def ended(self) -> list[Ended]:
        return self.engine.ended()

    def delivered(self) -> list[tuple[str, int, int, int]]:
        return [(e.name, *e.id, e.size) for e in self.engine.ended() if e.delivered]

    def progress(self) -> list[State]:
        return self.engine.progress()


class Bench:
    """A receiver with its store; PDUs go in and come out unpacked."""

    def __init__(self, settings: Settings = SETTINGS, limit: int = 64) -> None:
        self.store = MemoryStore()
        self.receiver = Receiver(2, self.store, settings, limit)

    def give(self, now: float, *pdus: Pdu) -> list[Pdu]:
        answers: list[Pdu] = []
        for pdu in pdus:
            raw = self.receiver.receive(pdu.pack(), now)
            answers += [parse(answer, require_crc=False) for answer in raw]
        return answers

    def tick(self, now: float) -> list[Pdu]:
        return [parse(answer, require_crc=False) for answer in self.receiver.tick(now)]

    @property
    def counters(self) -> dict[str, int]:
        return dict(self.receiver.counters)


def eof_ack(status: TransactionStatus = TransactionStatus.ACTIVE) -> Ack:
    return Ack(HEADER, Directive.EOF, ConditionCode.NO_ERROR, status)
