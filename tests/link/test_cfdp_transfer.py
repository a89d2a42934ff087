"""Whole transfers over a lossy channel in virtual time."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from cfdp_channel import Path, Transfer

from flight.link.cfdp import ConditionCode, Settings, missing, sender
from flight.link.cfdp.codes import ChecksumType
from flight.link.cfdp.repairs import Repairs
from flight.link.cfdp.segments import Segments

SEGMENT = 592
SETTINGS = Settings(segment=SEGMENT, round_trip=0.06, nak_delay=0.02)
SIZES = (0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 10 * SEGMENT, 300_000)
LOSSES = (0.0, 0.01, 0.1, 0.25, 0.4)


def octets(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def transfer(
    size: int,
    loss: float,
    seed: str,
    *,
    settings: Settings = SETTINGS,
    reorder: float = 0.0,
    duplicate: float = 0.0,
) -> Transfer:
    """Run a transfer and check what holds for all of them."""
    disorder = {"reorder": reorder, "displacement": 0.03, "duplicate": duplicate}
    forward = Path(f"forward {seed}", loss, **disorder)
    back = Path(f"back {seed}", loss, **disorder)
    done = Transfer(octets(size), forward, back, settings).run(limit=300.0)
    assert done.store.files == {"file.bin": octets(size)}
    assert done.store.open_sinks == 0
    assert done.store.discarded == 0
    assert done.store.commits == ["file.bin"]
    assert done.sent.delivered
    assert done.sent.condition is ConditionCode.NO_ERROR
    assert done.sent.sent == size
    assert [(item.size, item.delivered) for item in done.far.reports] == [(size, True)]
    assert done.near.engine.progress() == done.far.engine.progress() == []
    return done


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("size", SIZES)
def test_arrives_identical(size: int, loss: float) -> None:
    transfer(size, loss, f"{size} {loss}")


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("size", SIZES)
def test_arrives_identical_reordered_and_duplicated(size: int, loss: float) -> None:
    transfer(size, loss, f"{size} {loss} mixed", reorder=0.2, duplicate=0.1)


def test_many_small_transfers_under_heavy_loss() -> None:
    """Every order of losses of metadata, data, EOF and answers ends well."""
    runs = 300
    for seed in range(runs):
        transfer(SEGMENT * (seed % 4) + seed % 3, 0.4, f"many {seed}", reorder=0.3, duplicate=0.2)


@pytest.mark.parametrize("checksum", list(ChecksumType))
def test_every_checksum_type(checksum: ChecksumType) -> None:
    transfer(12_345, 0.1, checksum.name, settings=replace(SETTINGS, checksum=checksum))


def test_without_pdu_crc() -> None:
    transfer(12_345, 0.1, "no crc", settings=replace(SETTINGS, crc=False))


def test_clean_channel_sends_nothing_twice() -> None:
    done = transfer(300_000, 0.0, "clean")
    assert done.sent.resent == 0
    # Metadata, data, EOF, ACK of Finished; ACK of EOF and Finished.
    assert done.far.engine.counters["pdus"] == -(-300_000 // SEGMENT) + 3
    assert done.back.octets < 64


def test_loss_is_repaired_once() -> None:
    """On a channel that keeps the order, octets sent again equal octets lost."""
    for loss in (0.05, 0.2, 0.4):
        done = transfer(300_000, loss, f"once {loss}")
        assert done.sent.resent == done.forward.lost_file_octets


def test_reordering_within_the_guard_requests_nothing() -> None:
    calm = replace(SETTINGS, nak_delay=0.035)
    done = transfer(300_000, 0.0, "guard", settings=calm, reorder=0.3)
    assert done.sent.resent <= SEGMENT * 8  # Only what the EOF overtook.
    hasty = transfer(
        300_000, 0.0, "guard", settings=replace(SETTINGS, nak_delay=0.001), reorder=0.3
    )
    assert hasty.sent.resent > 10 * max(SEGMENT, done.sent.resent)


def storm(receiver_round_trip: float) -> float:
    """Octets sent again per octet lost when the NAK timer is `receiver_round_trip`."""
    loss = 0.2
    settings = Settings(segment=SEGMENT, round_trip=0.62, nak_delay=0.02)
    done = Transfer(
        octets(300_000),
        Path("storm forward", loss, delay=0.3),
        Path("storm back", 0.0, delay=0.3),
        settings,
        replace(settings, round_trip=receiver_round_trip),
    ).run(limit=600.0)
    assert done.store.files["file.bin"] == octets(300_000)
    return done.sent.resent / done.forward.lost_file_octets


class Forgetful(Repairs):
    """Repairs without the memory of what is in flight."""

    def request(self, start: int, end: int, now: float) -> None:
        self._in_flight = Segments()
        super().request(start, end, now)


def test_premature_nak_timers_cause_no_storm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Timers far too short: de-duplication at the sender keeps repairs near the losses."""
    assert storm(0.1) < 1.1
    monkeypatch.setattr(missing.ArrivalRate, "seconds", lambda _self, _octets: 0.0)
    assert storm(0.1) < 1.1
    monkeypatch.setattr(sender, "Repairs", Forgetful)
    assert storm(0.1) > 2.5


def test_nak_timers_allow_for_the_repair_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """An outage leaves seconds of repairs; asking again meanwhile would be wasted."""

    def naks_after_outage() -> int:
        outage = range(40, 440)
        seen = iter(range(10_000))

        def lose(_: random.Random, __: int) -> bool:
            return next(seen) in outage

        forward, back = Path("f", lose=lose), Path("b")
        done = Transfer(octets(300_000), forward, back, SETTINGS).run(limit=60.0)
        assert done.store.files["file.bin"] == octets(300_000)
        assert done.sent.resent == done.forward.lost_file_octets
        return done.back.octets

    with_allowance = naks_after_outage()
    monkeypatch.setattr(missing.ArrivalRate, "seconds", lambda _self, _octets: 0.0)
    assert naks_after_outage() > 3 * with_allowance


@pytest.mark.parametrize("seed", range(3))
def test_goodput_near_the_capacity_of_the_channel(seed: int) -> None:
    """LEO, 1 Mb/s, bit error rate 1e-5, frames of 1024 octets: at least 0.95 of the limit."""
    frame, headers, rate, round_trip, error_rate = 1024, 31, 1e6, 0.05, 1e-5

    def lose(draw: random.Random, length: int) -> bool:
        return draw.random() > (1 - error_rate) ** (8 * length)

    settings = Settings(
        segment=frame - headers, round_trip=round_trip + 16 * frame / rate, nak_delay=0.01
    )
    paths = [
        Path(f"{name} {seed}", rate=rate, delay=round_trip / 2, overhead=13, lose=lose)
        for name in ("forward", "back")
    ]
    size = 1_000_000
    done = Transfer(octets(size), paths[0], paths[1], settings).run(limit=60.0)
    limit = rate * (1 - error_rate) ** (8 * frame) * (frame - headers) / frame
    assert 8 * size / done.finished_at >= 0.95 * limit
