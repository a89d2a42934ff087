"""Restart policy: budget in a window, growing back-off, quarantine, hang detection."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flight.dictionary.enums import ProcessState
from flight.runtime.supervision import MOST_DELAY, Supervised

RESTARTS, WINDOW = 5, 60.0


def policy() -> Supervised:
    return Supervised("p", RESTARTS, WINDOW, hang=10.0, seed=1)


@given(st.lists(st.floats(0.0, 30.0), max_size=40))
def test_the_budget_is_never_exceeded(pauses: list[float]) -> None:
    supervised, now, ends = policy(), 0.0, []
    for pause in pauses:
        supervised.started(now, 100)
        now += pause
        supervised.ended(now, "signal SIGKILL")
        ends.append(now)
        recent = [end for end in ends if end >= now - WINDOW]
        quarantined = supervised.state is ProcessState.QUARANTINED
        assert quarantined == (len(recent) > RESTARTS), f"{len(recent)} ends in the window"
        if quarantined:
            break
        assert supervised.state is ProcessState.BACKOFF
        assert 0.0 <= supervised.due - now <= 1.2 * MOST_DELAY
        now = supervised.due


def test_the_first_restart_is_immediate_and_the_others_wait_longer_and_longer() -> None:
    supervised, delays = policy(), []
    for _ in range(RESTARTS):
        supervised.started(0.0, 1)
        supervised.ended(0.0, "exit code 1")
        delays.append(supervised.due)
    assert delays[0] == 0.0
    assert delays[1:] == sorted(delays[1:])
    assert delays[-1] > 1.0


def test_a_counter_that_stands_still_is_a_hang_and_one_that_moves_is_not() -> None:
    supervised = policy()
    supervised.started(0.0, 1)
    looks = [number * 0.1 for number in range(1, 130)]
    seen = [look for look in looks if supervised.hangs(look, beats=1)]
    assert 10.0 <= seen[0] <= 10.5
    assert not supervised.hangs(13.0, beats=2)
