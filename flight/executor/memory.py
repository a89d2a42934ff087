"""The memory of a run besides its slabs: the voted state and the scenes that replicas share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar, cast

from flight.dictionary.enums import Reason
from flight.executor.bulk import SharedScenes
from flight.executor.seat import Seat
from flight.executor.voted import VotedState
from flight.radiation.ecc import Uncorrectable
from flight.radiation.region import Busy


class Run(Protocol):
    """What can be given up when its memory is lost."""

    def give_up(self, why: str) -> None:
        """End this run for the damage done to its memory."""


Method = TypeVar("Method", bound=Callable[..., None])


def rescued(method: Method) -> Method:
    """What cannot be read back any more ends the run, not the task: that has a checkpoint."""

    def call(run: Run, *arguments: object) -> None:
        try:
            method(run, *arguments)
        except (Uncorrectable, Busy) as error:
            run.give_up(str(error))

    return cast(Method, call)


class RunMemory:
    """Moves states between here and the slabs of seats; either may raise Uncorrectable, Busy."""

    def __init__(self, state: VotedState, shared: SharedScenes) -> None:
        self.state, self._shared = state, shared

    def load(self, seats: Sequence[Seat]) -> None:
        """Put the voted state, if there is one yet, into the slabs of these seats."""
        if self.state.generation >= 0 and seats:
            octets = self.state.octets()
            for seat in seats:
                seat.slab.load(self.state.generation, octets)

    def begin_round(self) -> None:
        """Seats begin to compute."""
        self._shared.begin()

    def corrected(self, seats: Sequence[Seat]) -> int:
        """Flips corrected in shared scenes since the round began, or now if a seat saw damage."""
        answers = [seat.answer for seat in seats]
        suspect = any(answer and answer.reason is Reason.CORRUPT for answer in answers)
        return self._shared.corrected(suspect)

    def answer(self, seat: Seat) -> bytes | None:
        """What a seat answered, None for a lost vote.

        A copy: a replica that runs wild must not change what was compared.
        """
        if seat.answer is None or seat.answer.reason is not Reason.NONE:
            return None
        octets = seat.slab.answer(self.state.generation + 1)
        return None if octets is None else bytes(octets)

    def close(self) -> None:
        """Free it."""
        self.state.close()
        self._shared.close()
