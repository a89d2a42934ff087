"""Announcements: every event once, in order, not unheard before its time, not later than that."""

from __future__ import annotations

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from flight.dictionary.events import NodeStarted
from flight.runtime.announcements import LIMIT, PATIENCE, Announcements

STEPS = st.lists(
    st.one_of(
        st.just("event"), st.just("crowd"), st.booleans(), st.floats(0.0, PATIENCE, width=32)
    ),
    max_size=40,
)


@given(STEPS)
def test_events_wait_to_be_heard_but_not_for_ever(steps: list[str | bool | float]) -> None:
    now, heard, born = 0.0, False, list[float]()
    published: list[int] = []
    context = SimpleNamespace(
        clock=SimpleNamespace(now=lambda: now),
        event=lambda event: published.append(event.boots),
    )
    announcements = Announcements(context, lambda: heard)  # type: ignore[arg-type]
    for step in steps:
        waiting = born[len(published) :]
        if step in ("event", "crowd"):
            for _ in range(LIMIT if step == "crowd" else 1):
                born.append(now)
                announcements.event(NodeStarted(len(born)))
            waiting = []  # a flush may have happened in between
        elif isinstance(step, bool):
            heard = step
            continue
        else:
            now += step
            before = len(published)
            announcements.flush()
            due = bool(waiting) and (heard or now - waiting[0] >= PATIENCE)
            assert (len(published) > before) == due
        assert published == list(range(1, len(published) + 1))
        left = born[len(published) :]
        assert len(left) < LIMIT
        assert not (left and heard)
        assert not left or now - left[0] < PATIENCE
