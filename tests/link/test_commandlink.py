"""FOP: what it sends and when, step by step. Whole transfers are in test_cop1_simulation."""

from __future__ import annotations

import pytest

from flight.link.clcw import Clcw
from flight.link.errors import LinkError
from flight.link.tc import MAX_DATA, UNLOCK, TcFrame, parse_control
from ground.station.commandlink import QUEUE, RANGE, CommandLink, LinkState

T1 = 1.0


def base(frames: list[TcFrame]) -> int:
    """V(R) that an initialisation asks for."""
    assert [(frame.bypass, frame.control) for frame in frames] == [(True, True)]
    value = parse_control(frames[0].data)
    assert value is not None
    return value


def started(fop: CommandLink, now: float = 0.0) -> int:
    """Take a sender into service; the first frame number."""
    number = base(fop.tick(now))
    fop.on_clcw(Clcw(0, number), now)
    assert fop.state is LinkState.ACTIVE
    return number


def sender(units: int = 0, **options: int) -> tuple[CommandLink, int]:
    fop = CommandLink(77, 0, T1, **options)
    number = started(fop)
    for unit in range(units):
        assert fop.submit(bytes((unit,)))
    return fop, number


def sequences(frames: list[TcFrame]) -> list[int]:
    return [frame.sequence for frame in frames]


def test_initialises_every_t1_until_confirmed() -> None:
    fop = CommandLink(77, 0, T1)
    fop.submit(b"data")
    wanted = base(fop.tick(0.0))
    assert fop.tick(T1 - 0.01) == []
    assert base(fop.tick(T1)) == wanted
    fop.on_clcw(Clcw(0, 0), T1)
    fop.on_clcw(Clcw(1, wanted), T1)  # another channel
    assert fop.state is LinkState.INITIALISING
    fop.on_clcw(Clcw(0, wanted), T1)
    frame = TcFrame(77, 0, wanted, b"data")
    assert fop.tick(T1) == [frame]


def test_a_locked_node_is_unlocked_first() -> None:
    fop = CommandLink(77, 0, T1)
    fop.submit(b"data")
    wanted = base(fop.tick(0.0))
    fop.on_clcw(Clcw(0, 9, lockout=True), 0.5)
    assert [frame.data for frame in fop.tick(0.5)] == [UNLOCK]
    fop.on_clcw(Clcw(0, 9, lockout=True), 0.6)
    assert fop.tick(0.6) == []
    fop.on_clcw(Clcw(0, 9), 0.7)
    assert base(fop.tick(0.7)) == wanted
    fop.on_clcw(Clcw(0, wanted), 0.8)
    assert fop.tick(0.8) == [TcFrame(77, 0, wanted, b"data")]


def test_a_report_from_before_the_first_command_confirms_nothing() -> None:
    fop = CommandLink(77, 0, T1)
    for value in range(256):
        fop.on_clcw(Clcw(0, value), 0.0)
    assert fop.state is LinkState.INITIALISING


def test_sends_no_more_than_the_window() -> None:
    fop, first = sender(10, window=4)
    assert sequences(fop.tick(0.0)) == [first, first + 1, first + 2, first + 3]
    assert fop.tick(0.1) == []
    fop.on_clcw(Clcw(0, first + 3), 0.2)
    assert sequences(fop.tick(0.2)) == [first + 4, first + 5, first + 6]
    assert not fop.idle


def test_idle_when_all_is_acknowledged() -> None:
    fop, first = sender(3)
    fop.tick(0.0)
    fop.on_clcw(Clcw(0, first + 3), 0.1)
    assert fop.idle
    assert fop.tick(9.0) == []
    frames = fop.frames
    assert (frames.sent, frames.retransmitted, frames.acknowledged) == (3, 0, 3)


def test_t1_repeats_everything_outstanding_in_order() -> None:
    fop, first = sender(3)
    frames = fop.tick(0.0)
    assert fop.tick(T1 - 0.01) == []
    assert fop.tick(T1) == frames
    fop.on_clcw(Clcw(0, first + 1), T1 + 0.5)
    assert fop.tick(2 * T1) == frames[1:]
    assert fop.frames.retransmitted == 5


def test_the_retransmit_flag_repeats_once_per_loss() -> None:
    fop, first = sender(4)
    frames = fop.tick(0.0)
    for step in range(5):
        fop.on_clcw(Clcw(0, first, retransmit=True), 0.1 + 0.01 * step)
        assert fop.tick(0.1 + 0.01 * step) == (frames if step == 0 else [])
    # The repetition came through up to the third frame, which was lost again.
    fop.on_clcw(Clcw(0, first + 2, retransmit=True), 0.5)
    assert fop.tick(0.5) == frames[2:]


def test_wait_holds_data_back() -> None:
    fop, first = sender(2)
    fop.tick(0.0)
    fop.on_clcw(Clcw(0, first, wait=True, retransmit=True), 0.1)
    assert fop.tick(5.0) == []
    fop.on_clcw(Clcw(0, first, retransmit=True), 5.1)
    assert sequences(fop.tick(5.1)) == [first, first + 1]


def test_a_node_that_restarts_while_it_waits_holds_nothing_back() -> None:
    fop, first = sender(1)
    fop.tick(0.0)
    fop.on_clcw(Clcw(0, first, wait=True), T1)
    fop.on_clcw(Clcw(0, 0), T1)
    started(fop, T1)
    assert len(fop.tick(T1)) == 1


def test_the_limit_suspends_and_any_known_report_resumes() -> None:
    fop, first = sender(2, limit=3)
    sent = [len(fop.tick(step * T1)) for step in range(20)]
    assert sent[:4] == [2, 2, 2, 0]
    assert not any(sent[3:])
    assert fop.state is LinkState.SUSPENDED
    assert fop.counters.suspended == 1
    fop.on_clcw(Clcw(0, first + 1), 30.0)
    assert sequences(fop.tick(30.0)) == [first + 1]
    assert fop.counters.reinitialised == 0
    assert [len(fop.tick(30.0 + step * T1)) for step in range(1, 5)] == [1, 0, 0, 0]
    assert fop.counters.suspended == 2


@pytest.mark.parametrize("suspended", [False, True])
@pytest.mark.parametrize("report", [Clcw(0, 0), Clcw(0, 200), Clcw(0, 5, lockout=True)])
def test_what_no_frame_explains_initialises_with_other_numbers(
    report: Clcw, suspended: bool
) -> None:
    fop, first = sender(3, limit=2)
    assert len(fop.tick(0.0)) == 3
    assert len(fop.tick(T1)) == 3
    now = 5.0
    if suspended:
        fop.tick(now)
        assert fop.state is LinkState.SUSPENDED
    fop.on_clcw(report, now)
    assert fop.state is LinkState.INITIALISING
    assert fop.counters.reinitialised == 1
    if report.lockout:
        assert [frame.data for frame in fop.tick(now)] == [UNLOCK]
        fop.on_clcw(Clcw(0, report.report_value), now)
    second = started(fop, now)
    assert second != first
    assert [frame.data for frame in fop.tick(now)] == [b"\0", b"\1", b"\2"]


@pytest.mark.parametrize("suspended", [False, True])
def test_a_report_with_lockout_still_acknowledges(suspended: bool) -> None:
    fop, first = sender(3, limit=2)
    fop.tick(0.0)
    now = T1
    if suspended:
        for now in (T1, 2 * T1):
            fop.tick(now)
        assert fop.state is LinkState.SUSPENDED
    fop.on_clcw(Clcw(0, first + 2, lockout=True), now)
    assert [frame.data for frame in fop.tick(now)] == [UNLOCK]
    fop.on_clcw(Clcw(0, first + 2), now)
    started(fop, now)
    assert [frame.data for frame in fop.tick(now)] == [b"\2"]
    assert fop.frames.acknowledged == 2


def test_a_late_report_does_not_undo_an_initialisation() -> None:
    fop, first = sender(1)
    fop.on_clcw(Clcw(0, 0), T1 / 2)
    assert fop.state is LinkState.ACTIVE
    assert sequences(fop.tick(T1 / 2)) == [first]
    fop.on_clcw(Clcw(0, 0), T1)
    assert fop.state is LinkState.INITIALISING


def test_zero_is_never_reported_by_a_node_in_service() -> None:
    fop, number = sender()
    seen: set[int] = set()
    for _ in range(4):
        for unit in range(RANGE):
            fop.submit(bytes((unit,)))
            (frame,) = fop.tick(0.0)
            assert frame.sequence == number + unit
            fop.on_clcw(Clcw(0, number + unit + 1), 0.0)
            seen |= {frame.sequence, number + unit + 1}
        assert fop.state is LinkState.INITIALISING
        number = started(fop)
    assert 0 not in seen
    assert max(seen) <= 255
    assert fop.counters.renewed == 4
    assert fop.counters.reinitialised == 0


def test_the_queue_is_bounded() -> None:
    fop, first = sender(window=2)
    accepted = sum(fop.submit(b"x") for _ in range(QUEUE + 5))
    assert accepted == QUEUE
    fop.tick(0.0)
    assert not fop.submit(b"x")
    fop.on_clcw(Clcw(0, first + 1), 0.0)
    assert fop.submit(b"x")
    assert not fop.submit(b"x")


@pytest.mark.parametrize("size", [0, MAX_DATA + 1])
def test_data_that_no_frame_carries_do_not_block_the_queue(size: int) -> None:
    fop, _ = sender()
    with pytest.raises(LinkError):
        fop.submit(bytes(size))
    assert fop.idle


@pytest.mark.parametrize("window", [0, RANGE + 1])
def test_windows_that_cannot_be(window: int) -> None:
    with pytest.raises(ValueError, match="window"):
        CommandLink(77, 0, T1, window=window)
