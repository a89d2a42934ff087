"""Transfers with cfdp-py as the peer, in both directions, over a lossy channel in virtual time."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cfdp_files import MemoryFile, MemoryStore, Records
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

from flight.link.cfdp import ConditionCode, Engine, Settings
from flight.link.cfdp.codes import ChecksumType as OwnChecksum

STEP = 0.005
LIMIT = 120.0
SETTINGS = Settings(segment=512, round_trip=0.1, nak_delay=0.02, check_interval=0.5)
SIZES = (0, 1, 511, 512, 513, 60_000)
LOSSES = (0.0, 0.05, 0.2)
ACKNOWLEDGED = [(size, loss, SETTINGS) for size in SIZES for loss in LOSSES] + [
    (60_000, 0.05, replace(SETTINGS, crc=False)),
    (60_000, 0.05, replace(SETTINGS, checksum=OwnChecksum.MODULAR, sha256=False)),
]


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


class CheckTimer(CheckTimerProvider):
    """Of class 1."""

    def provide_check_timer(self, *_arguments: Any, **_named: Any) -> Any:
        return countdown.Countdown.from_seconds(0.5)


def remote(
    entity: int, acknowledged: bool, closure: bool = False, crc: bool = True
) -> RemoteEntityConfigTable:
    modes = TransmissionMode
    configuration = RemoteEntityConfig(
        entity_id=ByteFieldU16(entity),
        max_file_segment_len=512,
        max_packet_len=1024,
        closure_requested=closure,
        crc_on_transmission=crc,
        default_transmission_mode=modes.ACKNOWLEDGED if acknowledged else modes.UNACKNOWLEDGED,
        crc_type=ChecksumType.CRC_32C,
        positive_ack_timer_interval_seconds=0.15,
        positive_ack_timer_expiration_limit=10_000,
        nak_timer_interval_seconds=0.15,
        nak_timer_expiration_limit=10_000,
        check_limit=10,
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


class Receiving:
    """The peer's receiver at the end of a channel from our sender."""

    def __init__(
        self, data: bytes, loss: float, settings: Settings, acknowledged: bool, closure: bool
    ) -> None:
        settings = replace(settings, closure=closure)
        seed = f"{len(data)} {loss}"
        self.engine = Engine(1, MemoryStore(), Records(), settings)
        self.engine.put("file.bin", MemoryFile(data), 2, acknowledged=acknowledged)
        self.faults, self.user = Faults(), User()
        # Names are plain here, so the peer is told where its folder is.
        self.user.vfs.is_directory = lambda _path: False
        table = remote(1, acknowledged, crc=settings.crc)
        self.peer = DestHandler(local(2, self.faults), self.user, table, CheckTimer())
        self.forward = Channel(f"forward {seed}", loss)
        self.back = Channel(f"back {seed}", loss)
        self.ended = self.engine.ended()

    def give(self, now: float, pdu: Any) -> None:
        if self.user.finished and self.peer.state is CfdpState.IDLE:
            return
        with suppress(PduIgnoredForDest):
            feed(self.peer, pdu, lambda raw: self.back.send(now, raw))

    def step(self, now: float) -> bool:
        for raw in self.back.arrived(now):
            self.engine.receive(raw, now)
        for _ in range(4):
            if (pdu := self.engine.next_pdu(now)) is not None:
                self.forward.send(now, pdu)
        self.ended += self.engine.ended()
        for raw in self.forward.arrived(now):
            self.give(now, PduFactory.from_raw(raw))
        self.give(now, None)
        return bool(self.ended and self.user.finished) and self.peer.state is CfdpState.IDLE


@pytest.mark.parametrize(("size", "loss", "settings"), ACKNOWLEDGED)
def test_peer_receives(
    tmp_path: Path, clock: list[float], size: int, loss: float, settings: Settings
) -> None:
    data = random.Random(size).randbytes(size)
    side = Receiving(data, loss, settings, acknowledged=True, closure=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        run(clock, side.step)
    assert (tmp_path / "file.bin").read_bytes() == data
    (report,) = side.ended
    assert report.condition is ConditionCode.NO_ERROR
    assert report.delivered
    assert side.user.finished == [0]
    assert side.faults.seen == []
    assert report.sent == size
    assert side.engine.counters["ignored"] == 0
    assert report.resent > 0 or loss == 0 or size < 10_000


@pytest.mark.parametrize("closure", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_peer_receives_in_class_1(
    tmp_path: Path, clock: list[float], size: int, closure: bool
) -> None:
    data = random.Random(size).randbytes(size)
    side = Receiving(data, 0.0, SETTINGS, acknowledged=False, closure=closure)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        run(clock, side.step)
    assert (tmp_path / "file.bin").read_bytes() == data
    (report,) = side.ended
    assert report.condition is ConditionCode.NO_ERROR
    assert report.delivered is closure
    assert side.user.finished == [0]


class Sending:
    """The peer's sender at the start of a channel to our receiver."""

    def __init__(
        self, source: Path, loss: float, settings: Settings, acknowledged: bool, closure: bool
    ) -> None:
        seed = f"{source.stat().st_size} {loss}"
        self.faults, self.user, self.store = Faults(), User(), MemoryStore()
        table = remote(2, acknowledged, closure, settings.crc)
        numbers = SeqCountProvider(32)
        self.peer = SourceHandler(local(1, self.faults), self.user, table, CheckTimer(), numbers)
        self.engine = Engine(2, self.store, Records(), settings)
        request = PutRequest(ByteFieldU16(2), source, Path("file.bin"), None, None)
        self.peer.put_request(request)
        self.forward = Channel(f"forward {seed}", loss)
        self.back = Channel(f"back {seed}", loss)

    def give(self, now: float, pdu: Any) -> None:
        try:
            feed(self.peer, pdu, lambda raw: self.forward.send(now, raw))
        except (PduIgnoredForSource, NoRemoteEntityConfigFound, InvalidNakPdu):
            assert pdu is not None

    def step(self, now: float) -> bool:
        for raw in self.back.arrived(now):
            self.give(now, PduFactory.from_raw(raw))
        for _ in range(4):
            self.give(now, None)
        for raw in self.forward.arrived(now):
            self.engine.receive(raw, now)
        while (answer := self.engine.next_pdu(now)) is not None:
            self.back.send(now, answer)
        done = bool(self.user.finished and self.store.files)
        return done and self.peer.state is CfdpState.IDLE


def peer_sends(
    path: Path, clock: list[float], size: int, loss: float, settings: Settings, **mode: bool
) -> Sending:
    data = random.Random(size).randbytes(size)
    source = path / "source.bin"
    source.write_bytes(data)
    side = Sending(source, loss, settings, **mode)
    run(clock, side.step)
    assert side.store.files == {"file.bin": data}
    assert [(ended.size, ended.delivered) for ended in side.engine.ended()] == [(size, True)]
    assert side.user.finished == [0]
    assert side.faults.seen == []
    assert not any(name.startswith("refused") for name in side.engine.counters)
    return side


@pytest.mark.parametrize(("size", "loss", "settings"), ACKNOWLEDGED)
def test_peer_sends(
    tmp_path: Path, clock: list[float], size: int, loss: float, settings: Settings
) -> None:
    side = peer_sends(tmp_path, clock, size, loss, settings, acknowledged=True, closure=False)
    assert side.engine.counters["naks"] > 0 or loss == 0 or size < 10_000


@pytest.mark.parametrize("closure", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_peer_sends_in_class_1(
    tmp_path: Path, clock: list[float], size: int, closure: bool
) -> None:
    peer_sends(tmp_path, clock, size, 0.0, SETTINGS, acknowledged=False, closure=closure)
