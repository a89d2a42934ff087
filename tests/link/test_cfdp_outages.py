"""Loss of signal in mid-transfer: what it costs in time and in octets."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from cfdp_channel import Path, Transfer

from flight.link.cfdp import ConditionCode, FaultHandler, Settings

DELAY, RATE = 0.25, 1e6
ROUND_TRIP = 2 * DELAY
SETTINGS = Settings(round_trip=ROUND_TRIP + 0.05, nak_delay=0.05, retry_limit=4, inactivity=30.0)
SIZE = 1_000_000
OUTAGES = ((1.0, 121.0), (124.3, 300.0), (304.0, 900.0))
NAK_PERIOD = 1.05 * SETTINGS.round_trip
DATA = random.Random(1).randbytes(SIZE)


def fly(
    outages: tuple[tuple[float, float], ...],
    *,
    near_told: bool = True,
    far_told: bool = True,
    settings: Settings = SETTINGS,
) -> Transfer:
    paths = [Path(name, rate=RATE, delay=DELAY, outages=outages) for name in ("f", "b")]
    transfer = Transfer(DATA, *paths, settings)
    for start, end in outages:
        if near_told:
            transfer.freeze(transfer.near, start, end)
        if far_told:
            transfer.freeze(transfer.far, start, end)
    return transfer.run(4000.0)


def without_pauses(time: float) -> float:
    """Contact time until `time`."""
    return time - sum(min(end, time) - start for start, end in OUTAGES if start < time)


def baseline() -> float:
    return fly(()).finished_at


def test_three_outages_cost_little_time_and_few_octets() -> None:
    done = fly(OUTAGES)
    assert done.store.files == {"file.bin": DATA}
    assert done.sent.delivered
    cost = without_pauses(done.finished_at) - baseline()
    assert cost <= 3 * (ROUND_TRIP + 2 * NAK_PERIOD)
    assert done.sent.resent - done.forward.lost_file_octets <= SIZE // 100
    assert done.far.engine.counters["inactivity_detected"] == 0


def test_three_outages_of_which_the_receiver_is_not_told() -> None:
    done = fly(OUTAGES, far_told=False)
    assert done.store.files == {"file.bin": DATA}
    cost = without_pauses(done.finished_at) - baseline()
    assert cost <= 3 * (ROUND_TRIP + 2 * NAK_PERIOD)
    assert done.sent.resent - done.forward.lost_file_octets <= SIZE // 100


SHORT = ((1.0, 2.0), (4.0, 5.5), (8.0, 9.0))


def test_three_outages_of_which_nobody_is_told() -> None:
    """The sender goes on into the void: what it lost is sent again, and hardly more."""
    settings = Settings(round_trip=ROUND_TRIP + 0.05, nak_delay=0.05, inactivity=30.0)
    done = fly(SHORT, near_told=False, far_told=False, settings=settings)
    assert done.store.files == {"file.bin": DATA}
    assert done.forward.lost_file_octets > 200_000
    assert done.sent.resent - done.forward.lost_file_octets <= SIZE // 100
    lost_time = 8 * done.forward.lost_file_octets / RATE * 1.05
    assert done.finished_at - baseline() <= lost_time + 3 * (ROUND_TRIP + 2 * NAK_PERIOD)


def test_a_long_outage_of_which_nobody_is_told_ends_the_transfer() -> None:
    """The damage that freezing prevents: retries run out while the peer is out of view."""
    strict = {ConditionCode.INACTIVITY_DETECTED: FaultHandler.CANCEL}
    settings = replace(SETTINGS, faults=strict)
    done = fly(OUTAGES, near_told=False, far_told=False, settings=settings)
    assert done.store.files == {}
    assert not done.sent.delivered


@pytest.mark.parametrize("start", [0.001, 1.0, 8.45, 8.6, 8.75, 9.0, 9.2])
def test_an_outage_at_any_phase_ends_no_transfer(start: float) -> None:
    """Metadata, data, EOF, Finished or the last ACK get lost at the loss of signal."""
    done = fly(((start, start + 500.0),))
    assert done.store.files == {"file.bin": DATA}
    assert done.store.commits == ["file.bin"]
    assert done.sent.delivered


def test_nothing_leaves_and_no_timer_runs_while_frozen() -> None:
    transfer = Transfer(DATA, Path("f"), Path("b"), SETTINGS)
    engine = transfer.near.engine
    assert engine.next_pdu(0.0) is not None
    engine.freeze(1.0)
    assert engine.next_pdu(1.0) is None
    assert engine.next_time() is None
    engine.freeze(2.0)
    engine.thaw(50.0)
    engine.thaw(60.0)
    assert engine.next_time() is not None
    assert engine.next_pdu(50.0) is not None
