"""Octets per s of the CFDP engine in memory against cfdp-py: 1 kB segments, 5 % of PDUs lost."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from cfdppy.exceptions import InvalidNakPdu
from cfdppy.handler.dest import DestHandler, PduIgnoredForDest
from cfdppy.handler.source import PduIgnoredForSource, SourceHandler
from cfdppy.mib import (
    CheckTimerProvider,
    DefaultFaultHandlerBase,
    IndicationConfig,
    LocalEntityConfig,
    RemoteEntityConfig,
    RemoteEntityConfigTable,
)
from cfdppy.request import PutRequest
from cfdppy.user import CfdpUserBase
from spacepackets.cfdp import ChecksumType, TransmissionMode
from spacepackets.cfdp.pdu.helper import PduFactory
from spacepackets.seqcount import SeqCountProvider
from spacepackets.util import ByteFieldU16

from flight.link.cfdp import Engine, Settings, StoredFile, TransactionId
from flight.runtime.clock import SystemClock
from hil.measure.collisions import BER, campaign
from hil.measure.collisions import SIZE as BAD_SIZE
from hil.measure.result import Result, at_least, at_most, interleave, ratio, spread

ROUNDS, SIZE, FLOOR_SIZE, SEGMENT, LOSS = 5, 8 << 20, 1 << 20, 1000, 0.05
FILES = 1000
BATCH = 32  # PDUs on their way in each direction
CLOCK = SystemClock()


class _Disk:
    """Filestore and memory of an engine."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.delivered = False

    def open(self, name: str, size: int, transaction: TransactionId) -> _Disk:
        """Reserve."""
        del name, transaction
        self.data = bytearray(size)
        return self

    def reopen(self, name: str, size: int, transaction: TransactionId) -> None:
        """Nothing survives here."""

    def read(self, offset: int, n: int) -> bytes:
        """Read back."""
        return bytes(self.data[offset : offset + n])

    def write(self, offset: Any, data: bytes) -> None:
        """Place data of a file; records are dropped."""
        if isinstance(offset, int):
            self.data[offset : offset + len(data)] = data

    def sync(self) -> None:
        """Nothing to do."""

    def remove(self, key: str) -> None:
        """Records are not kept."""

    def items(self) -> Iterable[tuple[str, bytes]]:
        """Records are not kept."""
        return ()

    def commit(self) -> None:
        """Done."""
        self.delivered = True

    discard = sync


def _ours(data: bytes) -> float:
    settings = Settings(segment=SEGMENT, round_trip=0.002, nak_delay=0.0)
    disk, draw = _Disk(), random.Random(1)
    near = Engine(1, _Disk(), _Disk(), settings)
    far = Engine(2, disk, disk, settings)
    began = CLOCK.now()
    near.put("file", StoredFile(data), 2)
    ended = near.ended()
    while not ended:
        now = CLOCK.now()
        for sender, receiver in ((near, far), (far, near)):
            for _ in range(BATCH):
                pdu = sender.next_pdu(now)
                if pdu is None:
                    break
                if draw.random() >= LOSS:
                    receiver.receive(pdu, now)
        ended = near.ended()
    seconds = CLOCK.now() - began
    if not disk.delivered or disk.data != data:
        raise AssertionError("the file did not arrive whole")
    return len(data) / seconds


class _Quiet(CfdpUserBase):
    """Remembers that the file is there."""

    def __init__(self) -> None:
        super().__init__()
        self.finished = False
        self.vfs.is_directory = lambda _path: False

    def transaction_finished_indication(self, params: Any) -> None:
        """Done."""
        self.finished = True

    def _ignore(self, *_arguments: Any) -> None:
        """Indications that do not matter here."""

    transaction_indication = eof_sent_indication = metadata_recv_indication = _ignore
    file_segment_recv_indication = report_indication = suspended_indication = _ignore
    resumed_indication = fault_indication = abandoned_indication = eof_recv_indication = _ignore


class _Faults(DefaultFaultHandlerBase):
    """Any fault ends the measurement."""

    def _fail(self, _transaction: Any, condition: Any, _progress: int) -> None:
        raise AssertionError(f"the peer declared {condition}")

    notice_of_suspension_cb = notice_of_cancellation_cb = abandoned_cb = ignore_cb = _fail


def _table(entity: int) -> RemoteEntityConfigTable:
    configuration = RemoteEntityConfig(
        entity_id=ByteFieldU16(entity),
        max_file_segment_len=SEGMENT,
        max_packet_len=SEGMENT + 64,
        closure_requested=False,
        crc_on_transmission=True,
        default_transmission_mode=TransmissionMode.ACKNOWLEDGED,
        crc_type=ChecksumType.CRC_32C,
        positive_ack_timer_interval_seconds=0.002,
        positive_ack_timer_expiration_limit=1_000_000,
        nak_timer_interval_seconds=0.002,
        nak_timer_expiration_limit=1_000_000,
    )
    return RemoteEntityConfigTable([configuration])


def _step(handler: Any, pdus: list[bytes]) -> list[bytes]:
    """Give PDUs and a time slice to a handler of cfdp-py; returns what it sends."""
    answers = []
    for raw in [*pdus, None]:
        with suppress(PduIgnoredForDest, PduIgnoredForSource, InvalidNakPdu):
            handler.state_machine(None if raw is None else PduFactory.from_raw(raw))
        while (answer := handler.get_next_packet()) is not None:
            answers.append(bytes(answer.pdu.pack()))
    return answers


def _floor(data: bytes, folder: Path) -> float:
    source, target = folder / "source", folder / "target"
    source.write_bytes(data)
    target.unlink(missing_ok=True)
    locals_ = [LocalEntityConfig(ByteFieldU16(n), IndicationConfig(), _Faults()) for n in (1, 2)]
    user, draw = _Quiet(), random.Random(1)
    numbers = SeqCountProvider(32)
    near = SourceHandler(locals_[0], _Quiet(), _table(2), _Timers(), numbers)
    far = DestHandler(locals_[1], user, _table(1), _Timers())
    began = CLOCK.now()
    near.put_request(PutRequest(ByteFieldU16(2), source, target, None, None))
    up: list[bytes] = []
    while not user.finished:
        down = _step(near, up)
        for _ in range(BATCH):
            down += _step(near, [])
        up = _step(far, [pdu for pdu in down if draw.random() >= LOSS])
        up = [pdu for pdu in up if draw.random() >= LOSS]
    seconds = CLOCK.now() - began
    if target.read_bytes() != data:
        raise AssertionError("the peer delivered another file")
    return len(data) / seconds


class _Timers(CheckTimerProvider):
    """Of class 1, which is not used."""

    def provide_check_timer(self, *_arguments: Any, **_named: Any) -> Any:
        """Never called."""
        raise AssertionError("class 1 is not measured")


def measure() -> list[Result]:
    """The ratio, and the rate itself."""
    data = random.Random(1).randbytes(SIZE)
    with tempfile.TemporaryDirectory() as folder:
        floor = partial(_floor, data[:FLOOR_SIZE], Path(folder))
        mine, theirs = interleave([partial(_ours, data), floor], ROUNDS)
    tally, without = campaign(FILES, 1), campaign(FILES, 1, sha256=False)
    return [
        at_least(
            "cfdp.engine_vs_cfdp_py", ratio(mine, theirs), 5.0, "cfdp-py 0.7",
            f"MB/s {spread(mine, max, 1e-6)} against {spread(theirs, max, 1e-6)}; class 2, both"
            f" ends in one process, segments of {SEGMENT} octets, PDU CRC, {LOSS:.0%} of PDUs lost;"
            f" ours with SHA-256 and records, {SIZE >> 20} MiB in memory; cfdp-py"
            f" {FLOOR_SIZE >> 20} MiB in files; {ROUNDS} interleaved rounds",
        ),
        at_most(
            "cfdp.wrong_files", tally.wrong, 0.0, "CRC-16 and CRC-32C alone",
            f"{FILES} files of up to {BAD_SIZE} octets at BER {BER:g}, {tally.collisions} forced"
            f" collisions of CRC-32C, {tally.transactions} transactions, {tally.right} delivered"
            f" right; without SHA-256 {without.wrong} were delivered wrong", "files",
        ),
    ]  # fmt: skip
