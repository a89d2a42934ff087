"""FARM-1 against table 6-1 of CCSDS 232.1-B-2, written out here a second time as a reference."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from flight.link.clcw import Clcw
from flight.link.farm import TABLE, Farm, Verdict
from flight.link.tc import UNLOCK, TcFrame, set_vr

WINDOW = 64


def ad(sequence: int) -> TcFrame:
    return TcFrame(1, 0, sequence, b"x")


def bd() -> TcFrame:
    return TcFrame(1, 0, 0, b"x", bypass=True)


def bc(data: bytes) -> TcFrame:
    return TcFrame(1, 0, 0, data, bypass=True, control=True)


@dataclass
class Table:
    """The state table by event number; S1 open, S3 lockout, as sets of N(S) instead of sums."""

    window: int
    state: int = 1
    vr: int = 0
    retransmit: bool = False
    farm_b: int = 0

    def event(self, frame: TcFrame) -> int:
        if frame.control:
            if frame.data == UNLOCK:
                return 7
            return 8 if frame.data[:2] == b"\x82\0" and len(frame.data) == 3 else 9
        if frame.bypass:
            return 6
        half = self.window // 2
        positive = {(self.vr + k) % 256 for k in range(1, half)}
        negative = {(self.vr - k) % 256 for k in range(1, half + 1)}
        if frame.sequence == self.vr:
            return 1
        return 3 if frame.sequence in positive else 4 if frame.sequence in negative else 5

    def accept(self, frame: TcFrame) -> Verdict:
        event = self.event(frame)
        if event in (6, 7, 8):
            self.farm_b = (self.farm_b + 1) & 3
        if event == 6:
            return Verdict.ACCEPTED
        if event == 7:
            self.state, self.retransmit = 1, False
            return Verdict.CONTROL
        if event == 9 or (event == 8 and self.state == 3):
            return Verdict.CONTROL_REFUSED
        if event == 8:
            self.vr, self.retransmit = frame.data[2], False
            return Verdict.CONTROL
        if self.state == 3:
            return Verdict.LOCKOUT
        if event == 1:
            self.vr, self.retransmit = (self.vr + 1) & 255, False
            return Verdict.ACCEPTED
        if event == 3:
            self.retransmit = True
            return Verdict.RETRANSMIT
        if event == 4:
            return Verdict.DUPLICATE
        self.state = 3
        return Verdict.LOCKOUT


@pytest.mark.parametrize("window", [2, 10, 64, 254])
def test_equals_the_state_table(window: int) -> None:
    source = random.Random(window)
    farm, table = Farm(5, window), Table(window)
    for count in range(8000):
        near = (table.vr + source.randint(-window // 2 - 2, window // 2 + 1)) % 256
        frame = source.choices(
            [ad(near), ad(table.vr), bd(), bc(UNLOCK), bc(set_vr(near)), bc(b"\x82\0")],
            [30, 40, 2, 2, 2, 1],
        )[0]
        assert farm.accept(frame) == table.accept(frame), f"frame {count} of 8000"
        clcw = farm.clcw()
        assert (clcw.channel, clcw.report_value, clcw.lockout, clcw.retransmit, clcw.farm_b) == (
            5,
            table.vr,
            table.state == 3,
            table.retransmit,
            table.farm_b,
        )


def test_every_distance_has_its_verdict() -> None:
    found = {}
    for sequence in range(256):
        farm = Farm(0, WINDOW)
        found[sequence] = farm.accept(ad(sequence))
    assert found[0] is Verdict.ACCEPTED
    assert {found[n] for n in range(1, 32)} == {Verdict.RETRANSMIT}
    assert {found[n] for n in range(32, 224)} == {Verdict.LOCKOUT}
    assert {found[n] for n in range(224, 256)} == {Verdict.DUPLICATE}


def test_lockout_lasts_until_unlock_and_keeps_vr() -> None:
    farm = Farm(0)
    assert farm.accept(ad(0)) is Verdict.ACCEPTED
    assert farm.accept(ad(100)) is Verdict.LOCKOUT
    assert farm.accept(ad(1)) is Verdict.LOCKOUT
    assert farm.accept(bd()) is Verdict.ACCEPTED
    assert farm.accept(bc(set_vr(7))) is Verdict.CONTROL_REFUSED
    assert farm.clcw().report_value == 1
    assert farm.accept(bc(UNLOCK)) is Verdict.CONTROL
    assert not farm.clcw().lockout
    assert farm.accept(ad(1)) is Verdict.ACCEPTED


@pytest.mark.parametrize("window", [0, 3, 256, -2])
def test_windows_that_the_standard_does_not_allow(window: int) -> None:
    with pytest.raises(ValueError, match="window"):
        Farm(0, window)


def frame(sequence: int, **flags: bool) -> TcFrame:
    return TcFrame(77, 0, sequence, b"x", **flags)


def test_no_room_is_told_and_ends_by_itself() -> None:
    farm = Farm(0)
    assert farm.accept(frame(0), room=False) is Verdict.WAIT
    assert farm.accept(frame(0), room=False) is Verdict.WAIT
    assert farm.accept(frame(1), room=False) is Verdict.RETRANSMIT
    report = farm.clcw()
    assert (report.wait, report.retransmit, report.report_value) == (True, True, 0)
    farm.release()
    assert not farm.clcw().wait
    assert farm.accept(frame(0)) is Verdict.ACCEPTED
    assert farm.clcw() == Clcw(0, 1)


def test_the_table_is_that_of_the_standard() -> None:
    """Next states for OPEN, WAIT, LOCKOUT, read off table 6-1 a second time."""
    wanted = {
        "E1": "123", "E2": "223", "E3": "123", "E4": "123", "E5": "333", "E6": "123",
        "E7": "111", "E8": "113", "E9": "123", "E10": "113",
    }  # fmt: skip
    found = {
        event.value: "".join(str(int(state)) for _, _, state in row) for event, row in TABLE.items()
    }
    assert found == wanted


def test_a_lockout_during_wait_ends_with_unlock() -> None:
    farm = Farm(0)
    farm.accept(frame(0), room=False)
    assert farm.accept(frame(128), room=False) is Verdict.LOCKOUT
    assert farm.clcw().lockout
    unlock = TcFrame(77, 0, 0, UNLOCK, bypass=True, control=True)
    assert farm.accept(unlock, room=False) is Verdict.CONTROL
    assert (farm.clcw().lockout, farm.clcw().wait) == (False, False)
