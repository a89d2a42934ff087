"""FOP-1's table 5-1 a second time, row by row in the words of the standard, and every entry run."""

from __future__ import annotations

import pytest

from flight.link.clcw import Clcw
from flight.link.fop import Fop
from flight.link.foptable import TABLE, Alert, FopState
from flight.link.tc import TcFrame

T1, LIMIT = 1.0, 3

# What each of S1 to S6 does; "-" is nothing, "x" reject. Capitals are alerts.
ROWS = {
    "E1 N(R)=V(S), nothing new": "- SYNCH SYNCH confirm,cancel confirm,cancel -",
    "E2 N(R)=V(S), all acknowledged": " ".join(["remove,cancel,look"] * 3 + ["- - -"]),
    "E3 N(R)=V(S), wait": "CLCW CLCW CLCW CLCW - -",
    "E4 N(R)=V(S), retransmit": "SYNCH SYNCH SYNCH SYNCH - -",
    "E5 N(R)<V(S), nothing new": "- SYNCH SYNCH - - -",
    "E6 N(R)<V(S), some acknowledged": "remove,look remove,look remove,look - - -",
    "E7 N(R)<V(S), wait without retransmit": "CLCW CLCW CLCW CLCW - -",
    "E101 limit of one, some acknowledged": "remove,LIMIT remove,LIMIT remove,LIMIT - - -",
    "E102 limit of one, nothing new": "LIMIT LIMIT LIMIT - - -",
    "E8 retransmit, some acknowledged": " ".join(["remove,repeat,look"] * 3 + ["- - -"]),
    "E9 the same with wait": "remove remove remove - - -",
    "E10 retransmit, nothing new, below the limit": "repeat,look - repeat,look - - -",
    "E11 the same with wait": "- - - - - -",
    "E12 retransmit, nothing new, at the limit": "- - - - - -",
    "E103 the same with wait": "- - - - - -",
    "E13 N(R) out of range": "NNR NNR NNR NNR - -",
    "E14 lockout": "LOCKOUT LOCKOUT LOCKOUT LOCKOUT - -",
    "E16 timer, below the limit, type 0": "repeat,look repeat,look - T1 repeat_bc -",
    "E104 timer, below the limit, type 1": "repeat,look repeat,look - suspend repeat_bc -",
    "E17 timer, at the limit, type 0": "T1 T1 T1 T1 T1 -",
    "E18 timer, at the limit, type 1": "suspend suspend suspend suspend T1 -",
    "E19 data unit, wait queue empty": "add,look add,look add x x x",
    "E20 data unit, wait queue not empty": "x x x x x x",
    "E23 initiate without CLCW check": "x x x x x initialise,confirm",
    "E24 initiate with CLCW check": "x x x x x initialise,start",
    "E25 initiate with Unlock": "x x x x x initialise,send_unlock",
    "E27 initiate with Set V(R)": "x x x x x initialise,set,send_set_vr",
    "E29 terminate": "TERM,confirm TERM,confirm TERM,confirm TERM,confirm TERM,confirm confirm",
    "E30 resume, not suspended": "x x x x x x",
    "E31 resume, SS=1": "x x x x x resume",
    "E32 resume, SS=2": "x x x x x resume",
    "E33 resume, SS=3": "x x x x x resume",
    "E34 resume, SS=4": "x x x x x resume",
    "E35 set V(S)": "x x x x x set_vs,confirm",
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_actions(row: str) -> None:
    found = []
    for actions, _ in TABLE[row.split()[0]]:
        names = [each.name if isinstance(each, Alert) else each.name.lower() for each in actions]
        found.append("x" if names == ["reject"] else ",".join(names) or "-")
    assert " ".join(found) == ROWS[row]


def test_no_row_is_left_out() -> None:
    assert {row.split()[0] for row in ROWS} == TABLE.keys()


def active(suspends: bool, limit: int) -> Fop:
    """S1 with V(S) = 3 and frames 0 to 2 not acknowledged."""
    fop = Fop(77, 0, T1, limit=limit, suspends=suspends)
    fop.initiate()
    for number in range(3):
        fop.request(bytes((number,)))
        fop.tick(0.0)
    return fop


def brought_to(state: int, suspends: bool = True, limit: int = LIMIT) -> Fop:
    """A sender in one of the states, as events lead there."""
    if state in (1, 2, 3):
        fop = active(suspends, limit)
        if state > 1:
            fop.on_clcw(Clcw(0, 0, retransmit=True, wait=state == 3), 0.1)
    else:
        fop = Fop(77, 0, T1, limit=limit, suspends=suspends)
        fop.set_vs(3)
        if state == 4:
            fop.initiate_with_check(0.0)
        elif state == 5:
            fop.initiate_with_set_vr(3, 0.0)
    fop.tick(0.1)
    assert fop.state == state
    return fop


REPORTS = {
    "E2": Clcw(0, 3), "E3": Clcw(0, 3, wait=True), "E4": Clcw(0, 3, retransmit=True),
    "E5": Clcw(0, 0), "E6": Clcw(0, 1), "E7": Clcw(0, 1, wait=True),
    "E8": Clcw(0, 1, retransmit=True), "E9": Clcw(0, 1, retransmit=True, wait=True),
    "E10": Clcw(0, 0, retransmit=True), "E11": Clcw(0, 0, retransmit=True, wait=True),
    "E13": Clcw(0, 4), "E14": Clcw(0, 0, lockout=True),
}  # fmt: skip


@pytest.mark.parametrize("event", REPORTS)
@pytest.mark.parametrize("state", [1, 2, 3])
def test_reports_in_the_states_of_transfer(event: str, state: int) -> None:
    fop = brought_to(state)
    before = fop.counters.acknowledged
    fop.on_clcw(REPORTS[event], 0.2)
    actions, following = TABLE[event][state - 1]
    assert fop.state is following
    names = {each.name for each in actions}
    assert fop.alert is next((each for each in actions if isinstance(each, Alert)), None)
    assert (fop.counters.acknowledged > before) == ("REMOVE" in names)
    repeated = [frame.sequence for frame in fop.tick(0.2)]
    assert repeated == (list(range(REPORTS[event].report_value, 3)) if "REPEAT" in names else [])
    given_back = [bytes((number,)) for number in range(3)]
    assert fop.returned == (given_back if fop.alert else [])


@pytest.mark.parametrize("event", [*REPORTS, "E1"])
@pytest.mark.parametrize("state", [4, 5, 6])
def test_reports_without_service(event: str, state: int) -> None:
    """Nothing is outstanding there: N(R) is V(S) or does not fit."""
    fop = brought_to(state)
    clcw = REPORTS.get(event, Clcw(0, 3))
    fits = clcw.report_value == 3
    event = event if clcw.lockout or fits else "E13"
    event = "E1" if event == "E2" else event
    fop.on_clcw(clcw, 0.2)
    assert fop.state is TABLE[event][state - 1][1]


@pytest.mark.parametrize("suspends", [False, True])
@pytest.mark.parametrize("at_limit", [False, True])
@pytest.mark.parametrize("state", [1, 2, 3, 4, 5])
def test_the_timer(state: int, at_limit: bool, suspends: bool) -> None:
    limit = LIMIT if not at_limit else 1 if state in (1, 4, 5) else 2
    fop = brought_to(state, suspends, limit)
    if state == 3 and at_limit:
        fop.on_clcw(Clcw(0, 0, retransmit=True), 0.2)  # to S2 with a repetition, and back
        fop.tick(0.2)
        fop.on_clcw(Clcw(0, 0, retransmit=True, wait=True), 0.3)
        assert fop.state is FopState.WAIT
    event = (("E16", "E104"), ("E17", "E18"))[at_limit][suspends]
    frames = fop.tick(5.0)
    actions, following = TABLE[event][state - 1]
    names = {each.name for each in actions}
    assert fop.state is following
    assert bool(frames) == bool(names & {"REPEAT", "REPEAT_BC"})
    assert fop.suspended == (state if "SUSPEND" in names else 0)
    assert (fop.alert is Alert.T1) == ("T1" in names)


@pytest.mark.parametrize("state", [1, 2, 3, 4, 5, 6])
def test_directives_and_data_in_every_state(state: int) -> None:
    def outcome(event: str) -> bool:
        fop = brought_to(state)
        done = {
            "E19": lambda: fop.request(b"x"),
            "E23": fop.initiate,
            "E24": lambda: fop.initiate_with_check(0.2),
            "E25": lambda: fop.initiate_with_unlock(0.2),
            "E27": lambda: fop.initiate_with_set_vr(9, 0.2),
            "E29": fop.terminate,
            "E30": lambda: fop.resume(0.2),
            "E35": lambda: fop.set_vs(9),
        }[event]()
        assert fop.state is TABLE[event][state - 1][1], event
        return done

    for event in ("E19", "E23", "E24", "E25", "E27", "E29", "E30", "E35"):
        row = ROWS[next(row for row in ROWS if row.split()[0] == event)]
        assert outcome(event) == (row.split()[state - 1] != "x"), event


@pytest.mark.parametrize("state", [1, 2, 3, 4, 5, 6])
def test_bypass_and_the_setting_directives_leave_every_state_alone(state: int) -> None:
    fop = brought_to(state)
    assert fop.bypass(b"now") == TcFrame(77, 0, 0, b"now", bypass=True)
    fop.set_window(5)
    fop.set_timeout(9.0)
    fop.set_limit(4)
    fop.set_timeout_type(False)
    assert fop.state == state


@pytest.mark.parametrize("state", [1, 2, 3, 4])
def test_each_suspended_state_is_resumed(state: int) -> None:
    fop = brought_to(state, limit=1 if state in (1, 4) else 2)
    if state == 3:
        fop.on_clcw(Clcw(0, 0, retransmit=True), 0.2)
        fop.tick(0.2)
        fop.on_clcw(Clcw(0, 0, retransmit=True, wait=True), 0.3)
    fop.tick(5.0)
    assert (fop.state, fop.suspended) == (FopState.INITIAL, state)
    assert not fop.set_vs(9)
    assert not fop.request(b"x")
    assert fop.resume(6.0)
    assert (fop.state, fop.suspended) == (state, 0)
    assert not fop.resume(6.0)


def test_the_timeout_type_decides_at_the_limit() -> None:
    fop = active(suspends=True, limit=1)
    fop.set_timeout_type(False)
    fop.tick(T1)
    assert (fop.alert, fop.suspended) == (Alert.T1, 0)


def test_a_timer_that_ran_out_during_wait_does_not_leave_frames_without_one() -> None:
    """A frame from before the wait comes late and is accepted after its end: E6 in S3."""
    fop = brought_to(3)
    assert fop.tick(2 * T1) == []  # ignored in S3
    fop.on_clcw(Clcw(0, 1), 3.0)
    assert fop.state is FopState.ACTIVE
    assert [frame.sequence for frame in fop.tick(3.0 + T1)] == [1, 2]
