"""Transfers with cfdp-py as the peer, in both directions, over a lossy channel in virtual time."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cfdp_channel import MemoryFile, MemoryStore
from cfdppy.defs import CfdpState
from cfdppy.exceptions import InvalidNakPdu, NoRemoteEntityConfigFound
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
from spacepackets import countdown
from spacepackets.cfdp import ChecksumType, TransmissionMode
from spacepackets.cfdp.pdu.helper import PduFactory
from spacepackets.seqcount import SeqCountProvider
from spacepackets.util import ByteFieldU16

from flight.link.cfdp import ConditionCode, Receiver, Sender, Settings, parse

STEP = 0.005
LIMIT = 120.0
SETTINGS = Settings(segment=512, round_trip=0.1, nak_delay=0.02)
SIZES = (0, 1, 511, 512, 513, 60_000)
LOSSES = (0.0, 0.05, 0.2)


class Faults(DefaultFaultHandlerBase):
    """Collects the faults that the peer declares."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    def _note(self, _transaction: Any, condition: Any, _progress: int) -> None:
        self.seen.append(condition)

    notice_of_suspension_cb = notice_of_cancellation_cb = abandoned_cb = ignore_cb = _note


class User(CfdpUserBase):
    """Remembers how the transaction of the peer ended."""

    def __init__(self) -> None:
        super().__init__()
        self.finished: list[Any] = []

    def transaction_finished_indication(self, params: Any) -> None:
        self.finished.append(params.finished_params.condition_code)

    def _ignore(self, *_arguments: Any) -> None:
        """Indications that do not matter here."""

    transaction_indication = eof_sent_indication = metadata_recv_indication = _ignore
    file_segment_recv_indication = report_indication = suspended_indication = _ignore
    resumed_indication = fault_indication = abandoned_indication = eof_recv_indication = _ignore


class NoCheckTimer(CheckTimerProvider):
    """Check timers belong to class 1."""

    def provide_check_timer(self, *_arguments: Any, **_named: Any) -> Any:
        raise AssertionError("not used in class 2")


def remote(entity: int) -> RemoteEntityConfigTable:
    configuration = RemoteEntityConfig(
        entity_id=ByteFieldU16(entity),
        max_file_segment_len=512,
        max_packet_len=1024,
        closure_requested=False,
        crc_on_transmission=True,
        default_transmission_mode=TransmissionMode.ACKNOWLEDGED,
        crc_type=ChecksumType.CRC_32C,
        positive_ack_timer_interval_seconds=0.15,
        positive_ack_timer_expiration_limit=10_000,
        nak_timer_interval_seconds=0.15,
        nak_timer_expiration_limit=10_000,
    )
    return RemoteEntityConfigTable([configuration])


class Channel:
    """One direction with loss and a delay of four steps; PDUs keep their order."""

    def __init__(self, seed: str, loss: float) -> None:
        self._draw = random.Random(seed)
        self._loss = loss
        self._queue: list[tuple[float, bytes]] = []

    def send(self, now: float, pdu: bytes) -> None:
        if self._draw.random() >= self._loss:
            self._queue.append((now + 4 * STEP, pdu))

    def arrived(self, now: float) -> list[bytes]:
        ready = [pdu for at, pdu in self._queue if at <= now]
        self._queue = [item for item in self._queue if item[0] > now]
        return ready


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time of the peer's timers, set by the test."""
    now = [0.0]
    monkeypatch.setattr(countdown, "time_ms", lambda: round(1000 * now[0]))
    return now


def local(entity: int, faults: Faults) -> LocalEntityConfig:
    return LocalEntityConfig(ByteFieldU16(entity), IndicationConfig(), faults)


def run(clock: list[float], step: Callable[[float], bool]) -> None:
    """Advance the time until `step` says that it is over."""
    while not step(clock[0]):
        clock[0] += STEP
        assert clock[0] < LIMIT, f"not finished after {LIMIT} s of virtual time"


def feed(handler: Any, pdu: Any, send: Callable[[bytes], None]) -> None:
    """Give the peer a PDU, or its time slice, and send what it answers."""
    handler.state_machine(pdu)
    while (answer := handler.get_next_packet()) is not None:
        send(bytes(answer.pdu.pack()))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("size", SIZES)
def test_peer_receives(tmp_path: Path, clock: list[float], size: int, loss: float) -> None:
    data = random.Random(size).randbytes(size)
    sender = Sender(1, 2, 7, "file.bin", MemoryFile(data), SETTINGS)
    faults, user = Faults(), User()
    target = tmp_path / "file.bin"
    # Names are plain here, so the peer is told where its folder is.
    user.vfs.is_directory = lambda _path: False
    peer = DestHandler(local(2, faults), user, remote(1), NoCheckTimer())
    forward = Channel(f"forward {size} {loss}", loss)
    back = Channel(f"back {size} {loss}", loss)

    def give(now: float, pdu: Any) -> None:
        if user.finished and peer.state is CfdpState.IDLE:
            return
        with suppress(PduIgnoredForDest):
            feed(peer, pdu, lambda raw: back.send(now, raw))

    def step(now: float) -> bool:
        for raw in back.arrived(now):
            sender.receive(parse(raw), now)
        for _ in range(4):
            if (pdu := sender.next_pdu(now)) is not None:
                forward.send(now, pdu)
        for raw in forward.arrived(now):
            give(now, PduFactory.from_raw(raw))
        give(now, None)
        return sender.finished and peer.state is CfdpState.IDLE

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        run(clock, step)
    assert target.read_bytes() == data
    assert sender.condition is ConditionCode.NO_ERROR
    assert user.finished == [0]
    assert faults.seen == []
    assert sender.sent == size
    assert sender.ignored == 0
    assert sender.resent > 0 or loss == 0 or size < 10_000


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("size", SIZES)
def test_peer_sends(tmp_path: Path, clock: list[float], size: int, loss: float) -> None:
    data = random.Random(size).randbytes(size)
    source = tmp_path / "source.bin"
    source.write_bytes(data)
    faults, user, store = Faults(), User(), MemoryStore()
    peer = SourceHandler(local(1, faults), user, remote(2), NoCheckTimer(), SeqCountProvider(32))
    receiver = Receiver(2, store, SETTINGS)
    peer.put_request(PutRequest(ByteFieldU16(2), source, Path("file.bin"), None, None))
    forward = Channel(f"forward {size} {loss}", loss)
    back = Channel(f"back {size} {loss}", loss)

    def give(now: float, pdu: Any) -> None:
        try:
            feed(peer, pdu, lambda raw: forward.send(now, raw))
        except (PduIgnoredForSource, NoRemoteEntityConfigFound, InvalidNakPdu):
            assert pdu is not None

    naks = 0

    def step(now: float) -> bool:
        nonlocal naks
        naks = max([naks, *(item.naks for item in receiver.progress())])
        for raw in back.arrived(now):
            give(now, PduFactory.from_raw(raw))
        for _ in range(4):
            give(now, None)
        for raw in forward.arrived(now):
            for answer in receiver.receive(raw, now):
                back.send(now, answer)
        for answer in receiver.tick(now):
            back.send(now, answer)
        return bool(user.finished) and peer.state is CfdpState.IDLE

    run(clock, step)
    assert store.files == {"file.bin": data}
    assert [delivery.size for delivery in receiver.delivered()] == [size]
    assert user.finished == [0]
    assert faults.seen == []
    assert naks > 0 or loss == 0 or size < 10_000
    refused = {name for name in receiver.counters if name.startswith("refused")}
    assert refused == set()
