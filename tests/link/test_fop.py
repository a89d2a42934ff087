"""FOP-1 against the rows of table 5-1, and its directives one by one."""

from __future__ import annotations

import pytest

from flight.link.clcw import Clcw
from flight.link.errors import LinkError
from flight.link.fop import Fop
from flight.link.foptable import TABLE, Alert, Do, FopState, reported
from flight.link.tc import UNLOCK, TcFrame, set_vr

T1 = 1.0

# Next states for S1 to S6, read off the standard a second time.
NEXT = {
    "E1": "166116", "E2": "111456", "E3": "666656", "E4": "666656", "E5": "166456",
    "E6": "111456", "E7": "666656", "E101": "666456", "E102": "666456", "E8": "222456",
    "E9": "333456", "E10": "222456", "E11": "333456", "E12": "222456", "E103": "333456",
    "E13": "666656", "E14": "666656", "E16": "123656", "E104": "123656",
    "E17": "666666", "E18": "666666", "E19": "123456", "E20": "123456", "E23": "123451",
    "E24": "123454", "E25": "123455", "E27": "123455", "E29": "666666", "E30": "123456",
    "E31": "123451", "E32": "123452", "E33": "123453", "E34": "123454", "E35": "123456",
}  # fmt: skip


@pytest.mark.parametrize("event", sorted(TABLE))
def test_next_states(event: str) -> None:
    assert "".join(str(int(state)) for _, state in TABLE[event]) == NEXT[event]


def test_every_row_is_there() -> None:
    assert TABLE.keys() == NEXT.keys()


def test_who_ends_goes_to_the_initial_state() -> None:
    for event, row in TABLE.items():
        for actions, state in row:
            if any(isinstance(action, Alert) or action is Do.SUSPEND for action in actions):
                assert state is FopState.INITIAL, event


@pytest.mark.parametrize(
    ("flags", "fresh", "outstanding", "left", "event"),
    [
        ({}, 0, 0, 5, "E1"), ({}, 2, 2, 5, "E2"), ({"wait": True}, 2, 2, 5, "E3"),
        ({"retransmit": True}, 2, 2, 5, "E4"), ({}, 0, 2, 5, "E5"), ({}, 1, 2, 5, "E6"),
        ({"wait": True}, 1, 2, 5, "E7"), ({"retransmit": True}, 1, 2, None, "E101"),
        ({"retransmit": True}, 0, 2, None, "E102"), ({"retransmit": True}, 1, 2, 0, "E8"),
        ({"retransmit": True, "wait": True}, 1, 2, 0, "E9"),
        ({"retransmit": True}, 0, 2, 1, "E10"),
        ({"retransmit": True, "wait": True}, 0, 2, 1, "E11"),
        ({"retransmit": True}, 0, 2, 0, "E12"),
        ({"retransmit": True, "wait": True}, 0, 2, 0, "E103"),
        ({}, 3, 2, 5, "E13"), ({"lockout": True}, 0, 0, 5, "E14"),
        ({"lockout": True, "retransmit": True}, 9, 0, 5, "E14"),
    ],
)  # fmt: skip
def test_events_of_reports(
    flags: dict[str, bool], fresh: int, outstanding: int, left: int | None, event: str
) -> None:
    assert reported(Clcw(0, 0, **flags), fresh, outstanding, left) == event


def active(**options: int | bool) -> Fop:
    fop = Fop(77, 0, T1, **options)  # type: ignore[arg-type]
    assert fop.initiate()
    return fop


def sent(fop: Fop, count: int) -> list[TcFrame]:
    frames = []
    for number in range(count):
        assert fop.request(bytes((number,)))
        frames += fop.tick(0.0)
    return frames


def test_without_service_nothing_is_sent() -> None:
    fop = Fop(77, 0, T1)
    assert not fop.request(b"x")
    assert fop.tick(99.0) == []
    assert fop.bypass(b"x") == TcFrame(77, 0, 0, b"x", bypass=True)


def test_initiate_with_check_waits_for_a_report_that_fits() -> None:
    fop = Fop(77, 0, T1)
    assert fop.initiate_with_check(0.0)
    assert not fop.request(b"x")
    fop.on_clcw(Clcw(1, 0), 0.1)  # another channel
    assert fop.state is FopState.CHECKING
    fop.on_clcw(Clcw(0, 0), 0.1)
    assert fop.state is FopState.ACTIVE
    fop.terminate()
    assert fop.alert is Alert.TERM
    assert fop.initiate_with_check(0.0)
    fop.on_clcw(Clcw(0, 9), 0.1)
    assert (fop.state, fop.alert) == (FopState.INITIAL, Alert.NNR)


def test_initiate_with_check_is_suspended_when_nothing_comes() -> None:
    fop = Fop(77, 0, T1)
    fop.initiate_with_check(0.0)
    assert fop.tick(T1) == []
    assert (fop.state, fop.suspended) == (FopState.INITIAL, 4)
    assert fop.resume(5.0)
    assert fop.state is FopState.CHECKING


@pytest.mark.parametrize("unlock", [True, False])
def test_initiate_with_a_control_frame_repeats_it_to_the_limit(unlock: bool) -> None:
    fop = Fop(77, 0, T1, limit=3)
    assert fop.initiate_with_unlock(0.0) if unlock else fop.initiate_with_set_vr(40, 0.0)
    wanted = UNLOCK if unlock else set_vr(40)
    found = [frame.data for step in range(6) for frame in fop.tick(step * T1)]
    assert found == [wanted] * 3
    assert (fop.state, fop.alert) == (FopState.INITIAL, Alert.T1)


def test_set_vr_is_confirmed_by_its_value_only() -> None:
    fop = Fop(77, 0, T1)
    fop.initiate_with_set_vr(40, 0.0)
    for value in range(256):
        if value != 40:
            fop.on_clcw(Clcw(0, value), 0.1)
    fop.on_clcw(Clcw(0, 40, lockout=True), 0.1)
    assert fop.state is FopState.COMMANDING
    fop.on_clcw(Clcw(0, 40), 0.1)
    assert fop.state is FopState.ACTIVE
    assert sent(fop, 1) == [
        TcFrame(77, 0, 0, set_vr(40), bypass=True, control=True),
        TcFrame(77, 0, 40, b"\0"),
    ]


def test_numbers_wrap() -> None:
    fop = active()
    fop.terminate()
    assert fop.set_vs(254)
    fop.initiate()
    assert [frame.sequence for frame in sent(fop, 4)] == [254, 255, 0, 1]
    fop.on_clcw(Clcw(0, 1), 0.1)
    assert fop.held == 1
    fop.on_clcw(Clcw(0, 2), 0.1)
    assert fop.held == 0


def test_the_window_and_the_wait_queue() -> None:
    fop = active(window=2)
    assert len(sent(fop, 2)) == 2
    assert fop.request(b"held")
    assert fop.tick(0.0) == []
    assert not fop.request(b"one too many")
    fop.on_clcw(Clcw(0, 1), 0.1)
    assert [frame.data for frame in fop.tick(0.1)] == [b"held"]


def test_wait_holds_and_its_end_repeats() -> None:
    fop = active()
    frames = sent(fop, 2)
    fop.on_clcw(Clcw(0, 0, retransmit=True, wait=True), 0.1)
    assert fop.state is FopState.WAIT
    assert fop.tick(0.9) == []
    fop.on_clcw(Clcw(0, 0, retransmit=True), 0.95)
    assert fop.tick(0.95) == frames
    fop.on_clcw(Clcw(0, 2), 1.0)
    assert fop.state is FopState.ACTIVE


def test_the_limit_ends_or_suspends() -> None:
    fop = active(limit=2, suspends=False)
    sent(fop, 2)
    assert len(fop.tick(T1)) == 2
    assert fop.tick(2 * T1) == []
    assert (fop.alert, fop.returned) == (Alert.T1, [b"\0", b"\1"])
    fop = active(limit=2)
    sent(fop, 2)
    fop.tick(T1)
    fop.tick(2 * T1)
    assert (fop.suspended, fop.returned) == (1, [])
    assert not fop.set_vs(4)
    assert fop.resume(9.0)
    assert len(fop.tick(9.0)) == 2


def test_a_limit_of_one_ends_with_the_first_loss() -> None:
    fop = active(limit=1)
    sent(fop, 3)
    fop.on_clcw(Clcw(0, 1, retransmit=True), 0.1)
    assert (fop.alert, fop.returned) == (Alert.LIMIT, [b"\1", b"\2"])


@pytest.mark.parametrize(
    ("report", "alert"),
    [
        (Clcw(0, 9), Alert.NNR), (Clcw(0, 1, lockout=True), Alert.LOCKOUT),
        (Clcw(0, 2, retransmit=True), Alert.SYNCH), (Clcw(0, 1, wait=True), Alert.CLCW),
    ],
)  # fmt: skip
def test_alerts_give_back_what_is_not_acknowledged(report: Clcw, alert: Alert) -> None:
    fop = active()
    sent(fop, 2)
    fop.on_clcw(report, 0.1)
    assert (fop.state, fop.alert, fop.returned) == (FopState.INITIAL, alert, [b"\0", b"\1"])
    assert fop.tick(9.0) == []


def test_an_initiation_after_a_suspension_gives_back_what_was_held() -> None:
    fop = active(limit=1, window=1)
    sent(fop, 1)
    fop.request(b"waits")
    fop.tick(T1)
    assert fop.suspended == 1
    assert fop.initiate_with_set_vr(1, 2.0)
    assert fop.returned == [b"\0", b"waits"]


def test_values_that_cannot_be() -> None:
    for window in (0, 128):
        with pytest.raises(ValueError, match="window"):
            Fop(77, 0, T1, window=window)
    with pytest.raises(ValueError, match="T1"):
        Fop(77, 0, 0.0)
    with pytest.raises(ValueError, match="transmissions"):
        Fop(77, 0, T1, limit=0)
    with pytest.raises(LinkError):
        active().request(b"")
