"""Verification tracker: stages in order, healing, repeats, silence."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from flight.dictionary.enums import Reason, Stage
from flight.dictionary.telemetry import CommandLedger
from ground.station.happenings import NoAnswer, StageChanged
from ground.station.verification import KEPT, REPEATABLE, Tracker

PACKET = b"packet"


def sent(tracker: Tracker, request: int = 1, now: float = 0.0) -> None:
    tracker.queued(request, "ping", PACKET)
    tracker.released(request)
    tracker.sent(request, now)


def stages(tracker: Tracker, request: int = 1) -> list[Stage]:
    return [
        each.stage
        for each in tracker.happenings
        if isinstance(each, StageChanged) and each.request == request
    ]


def test_all_stages_in_order() -> None:
    tracker = Tracker(2.0, 3)
    sent(tracker)
    for stage, step in ((3, 0), (4, 0), (5, 1), (5, 2), (6, 0)):
        tracker.report(1, Stage(stage), step, Reason.NONE)
    assert stages(tracker) == [Stage(each) for each in (0, 1, 2, 3, 4, 5, 5, 6)]


@given(st.lists(st.tuples(st.sampled_from(list(Stage)), st.integers(0, 3)), max_size=30))
def test_stages_never_go_back_and_nothing_follows_the_end(
    reports: list[tuple[Stage, int]],
) -> None:
    tracker = Tracker(2.0, 3)
    sent(tracker)
    for stage, step in reports:
        tracker.report(1, stage, step, Reason.NONE)
    seen = [
        (each.stage, each.step) for each in tracker.happenings if isinstance(each, StageChanged)
    ]
    assert seen == sorted(seen)
    assert not any(stage.final for stage, _ in seen[:-1])


def test_lost_reports_heal_from_the_ledger() -> None:
    tracker = Tracker(2.0, 3)
    sent(tracker)
    tracker.heal(
        CommandLedger(9, Stage.STARTED, Reason.NONE, 1, Stage.FAILED, Reason.BUDGET)  # newest first
    )
    last = tracker.happenings[-1]
    assert last == StageChanged(1, "ping", Stage.FAILED, Reason.BUDGET, 0, True)
    tracker.report(1, Stage.ACCEPTED, 0, Reason.NONE)
    assert tracker.happenings[-1] is last


def test_ledger_of_an_older_command_with_this_id_is_not_taken() -> None:
    tracker = Tracker(2.0, 3)
    ledger = CommandLedger(1, Stage.COMPLETED, Reason.NONE)
    tracker.heal(ledger)
    assert tracker.known_on_board(1)
    tracker.queued(1, "ping", PACKET)
    tracker.heal(ledger)
    assert stages(tracker) == [Stage.QUEUED]


def test_silence_is_repeats_and_then_no_answer_but_never_failed() -> None:
    tracker = Tracker(2.0, 3)
    sent(tracker)
    assert tracker.due(1.999) == []
    for attempt in (1, 2):
        assert tracker.due(attempt * 2.0) == [(1, PACKET)]
        assert tracker.due(attempt * 2.0) == []
        tracker.sent(1, attempt * 2.0)
    assert tracker.due(6.0) == []
    assert tracker.happenings[-1] == NoAnswer(1, "ping", 3)
    assert Stage.FAILED not in stages(tracker)
    tracker.report(1, Stage.COMPLETED, 0, Reason.NONE)
    assert stages(tracker)[-1] == Stage.COMPLETED


def test_accepted_stops_repeats() -> None:
    tracker = Tracker(2.0, 3)
    sent(tracker)
    tracker.report(1, Stage.ACCEPTED, 0, Reason.NONE)
    tracker.sent(1, 1.0)  # the frame layer repeats a frame on its own account
    assert tracker.due(9.9) == []


def test_silence_after_accepted_is_inquired_into() -> None:
    tracker = Tracker(2.0, 3)
    sent(tracker)
    assert tracker.due(1.0) == []
    tracker.report(1, Stage.ACCEPTED, 0, Reason.NONE)
    assert tracker.due(10.9) == []
    assert tracker.due(11.0) == [(1, PACKET)]
    assert tracker.due(20.9) == []
    tracker.heal(CommandLedger(1, Stage.ACCEPTED, Reason.NONE))  # no news, but a sign of it
    assert tracker.due(30.8) == []
    assert tracker.due(30.9) == [(1, PACKET)]
    tracker.report(1, Stage.COMPLETED, 0, Reason.NONE)
    assert tracker.due(1e9) == []
    assert not any(isinstance(each, NoAnswer) for each in tracker.happenings)


def test_what_the_board_may_have_forgotten_is_never_repeated() -> None:
    tracker = Tracker(2.0, 3)
    for request in range(1, REPEATABLE + 11):
        sent(tracker, request)
        tracker.report(request, Stage.STARTED, 0, Reason.NONE)
    assert {request for request, _ in tracker.due(10.0)} == set(range(11, REPEATABLE + 11))


def test_time_without_link_does_not_count() -> None:
    tracker = Tracker(2.0, 3)
    sent(tracker)
    tracker.resume(100.0)
    assert tracker.due(101.9) == []
    assert tracker.due(102.0) == [(1, PACKET)]


def test_adopted_commands_are_followed_and_sent_again_with_the_same_packet() -> None:
    tracker = Tracker(2.0, 3)
    tracker.adopt(1, "ping", b"packet", Stage.SENT)
    tracker.adopt(2, "ping", b"", Stage.SENT)  # the node keeps it until its time
    tracker.resume(10.0)
    assert tracker.due(11.0) == []
    assert tracker.due(12.5) == [(1, b"packet")]
    tracker.heal(CommandLedger(1, Stage.COMPLETED, Reason.NONE, 2, Stage.COMPLETED, Reason.NONE))
    assert stages(tracker, 1) == stages(tracker, 2) == [Stage.COMPLETED]


def test_memory_is_bounded() -> None:
    tracker = Tracker(2.0, 3)
    for request in range(KEPT + 5):
        sent(tracker, request, now=request)
    assert len(tracker.due(1e9)) == KEPT


def test_any_loss_pattern_ends_in_the_boards_verdict() -> None:
    """Reports lost at random, the ledger repeated: every command ends as the board says."""
    count = 200
    wrong = 0
    for seed in range(count):
        source = random.Random(seed)
        tracker = Tracker(2.0, 3)
        sent(tracker)
        final = source.choice([Stage.COMPLETED, Stage.FAILED])
        for stage in (Stage.ACCEPTED, Stage.STARTED, final):
            if source.random() < 0.5:
                tracker.report(1, stage, 0, Reason.NONE)
        tracker.heal(CommandLedger(1, final, Reason.NONE))
        wrong += stages(tracker)[-1] != final
    assert wrong == 0, f"{wrong} of n={count} ended wrong"
