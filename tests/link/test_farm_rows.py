"""FARM-1's table 6-1 a second time, row by row in the standard's words, and every entry run."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight.link.clcw import Clcw
from flight.link.farm import TABLE, Farm, FarmState, Verdict
from flight.link.tc import UNLOCK, TcFrame, set_vr

HALF = 10
WINDOW = 2 * HALF

# What each of Open, Wait, Lockout does; "-" is nothing, also with a frame that is discarded.
ROWS = {
    "E1 AD, N(S)=V(R), room": "v+1,r0 - -",
    "E2 AD, N(S)=V(R), no room": "r1,w1 - -",
    "E3 AD ahead, within PW": "r1 - -",
    "E4 AD behind, within NW": "- - -",
    "E5 AD outside both": "l1 l1 -",
    "E6 BD": "b+1 b+1 b+1",
    "E7 Unlock": "b+1,r0 b+1,r0,w0 b+1,r0,w0,l0",
    "E8 Set V(R)": "b+1,r0,v b+1,r0,w0,v b+1",
    "E9 invalid BC": "- - -",
    "E10 buffer release": "- w0 w0",
}
WORDS = {
    "V(R) := V(R) + 1": "v+1", "Retransmit := 1": "r1", "Wait := 1": "w1", "Lockout := 1": "l1",
    "FARM-B counter + 1": "b+1", "Retransmit := 0": "r0", "Wait := 0": "w0",
    "Lockout := 0": "l0", "V(R) := V*(R)": "v",
}  # fmt: skip


def test_actions() -> None:
    found = {
        event.value: " ".join(
            ",".join(WORDS[action.value] for action in actions) or "-" for actions, _, _ in row
        )
        for event, row in TABLE.items()
    }
    assert found == {row.split()[0]: actions for row, actions in ROWS.items()}


@dataclass
class Model:
    """The FARM by what it tells, in plain conditions instead of a table."""

    vr: int = 0
    lockout: bool = False
    wait: bool = False
    retransmit: bool = False
    farm_b: int = 0

    @property
    def state(self) -> FarmState:
        if self.lockout:
            return FarmState.LOCKOUT
        return FarmState.WAIT if self.wait else FarmState.OPEN

    def take(self, frame: TcFrame, room: bool) -> Verdict:
        if room:
            self.wait = False
        if frame.control:
            return self._control(frame.data)
        if frame.bypass:
            self.farm_b = (self.farm_b + 1) % 4
            return Verdict.ACCEPTED
        if self.lockout:
            return Verdict.LOCKOUT
        return self._sequenced((frame.sequence - self.vr) % 256, room)

    def _sequenced(self, ahead: int, room: bool) -> Verdict:
        if HALF <= ahead < 256 - HALF:
            self.lockout = True
            return Verdict.LOCKOUT
        if ahead >= 256 - HALF:
            return Verdict.DUPLICATE
        if ahead:
            self.retransmit = True
            return Verdict.RETRANSMIT
        if not room:
            self.wait = self.retransmit = True
            return Verdict.WAIT
        self.vr, self.retransmit = (self.vr + 1) % 256, False
        return Verdict.ACCEPTED

    def _control(self, data: bytes) -> Verdict:
        if data != UNLOCK and data[:2] != b"\x82\0":
            return Verdict.CONTROL_REFUSED
        self.farm_b = (self.farm_b + 1) % 4
        if data != UNLOCK:
            if self.lockout:
                return Verdict.CONTROL_REFUSED
            self.vr = data[2]
        self.retransmit = self.wait = self.lockout = False
        return Verdict.CONTROL


def bc(data: bytes) -> TcFrame:
    return TcFrame(1, 0, 0, data, bypass=True, control=True)


def steps() -> st.SearchStrategy[tuple[str, int, bool]]:
    kinds = st.sampled_from(("ad", "ad", "ad", "bd", "unlock", "set", "invalid", "release"))
    return st.tuples(kinds, st.integers(-HALF - 2, HALF + 2), st.booleans())


def built(kind: str, value: int) -> TcFrame:
    number = value % 256
    return {
        "ad": TcFrame(1, 0, number, b"x"),
        "bd": TcFrame(1, 0, 0, b"x", bypass=True),
        "unlock": bc(UNLOCK),
        "set": bc(set_vr(number)),
        "invalid": bc(b"\x83\0\1"),
    }[kind]


def same(farm: Farm, model: Model) -> bool:
    told = Clcw(0, model.vr, model.lockout, model.wait, model.retransmit, model.farm_b)
    return farm.clcw() == told and farm.state is model.state


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(steps(), max_size=60))
def test_any_sequence_equals_the_model(sequence: list[tuple[str, int, bool]]) -> None:
    farm, model = Farm(0, WINDOW), Model()
    for kind, offset, room in sequence:
        if kind == "release":
            farm.release()
            model.wait = False
        else:
            frame = built(kind, model.vr + offset)
            assert farm.accept(frame, room) is model.take(frame, room)
        assert same(farm, model), (kind, offset, room)


def brought_to(state: FarmState, vr: int) -> tuple[Farm, Model]:
    farm, model = Farm(0, WINDOW), Model()
    frames: list[tuple[TcFrame, bool]] = [(bc(set_vr(vr)), True)]
    if state is FarmState.WAIT:
        frames.append((TcFrame(1, 0, vr, b"x"), False))
    if state is FarmState.LOCKOUT:
        frames.append((TcFrame(1, 0, (vr + 128) % 256, b"x"), True))
    for frame, room in frames:
        assert farm.accept(frame, room) is model.take(frame, room)
    assert farm.state is state
    return farm, model


@pytest.mark.parametrize("room", [False, True])
@pytest.mark.parametrize("vr", [0, 1, 127, 250, 255])
@pytest.mark.parametrize("state", list(FarmState))
def test_every_frame_number_in_every_state(state: FarmState, vr: int, room: bool) -> None:
    for number in range(256):
        farm, model = brought_to(state, vr)
        frame = TcFrame(1, 0, number, b"x")
        assert farm.accept(frame, room) is model.take(frame, room), number
        assert same(farm, model), number


@pytest.mark.parametrize("state", list(FarmState))
def test_every_control_command_in_every_state(state: FarmState) -> None:
    commands = [
        UNLOCK,
        *(set_vr(value) for value in range(256)),
        b"",
        b"\1",
        b"\x82\0",
        b"\x82\1\5",
    ]
    for data in commands:
        farm, model = brought_to(state, 7)
        frame = replace(bc(UNLOCK), data=data)
        wanted = model.take(frame, False) if len(data) != 2 else Verdict.CONTROL_REFUSED
        assert farm.accept(frame, False) is wanted, data
        assert same(farm, model), data


def test_numbers_wrap_with_frames_lost_and_repeated() -> None:
    farm, source, taken = Farm(0, WINDOW), random.Random(8), 0
    while taken < 1000:
        number = (taken + source.randint(-HALF, HALF - 1)) % 256
        verdict = farm.accept(TcFrame(1, 0, number, b"x"))
        assert (verdict is Verdict.ACCEPTED) == (number == taken % 256)
        taken += verdict is Verdict.ACCEPTED
    assert not farm.clcw().lockout
