"""The memory of a run besides its slabs: the voted state and the scenes that replicas share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar, cast

from flight.dictionary.enums import Reason
from flight.executor.bulk import SharedScenes
from flight.executor.incidents import Incidents
from flight.executor.seat import Seat
from flight.executor.voted import VotedState
from flight.radiation.ecc import Uncorrectable
from flight.radiation.region import Busy
from flight.runtime.crc import crc32c


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

    def __init__(self, state: VotedState, shared: SharedScenes, incidents: Incidents) -> None:
        self.state, self._shared, self._incidents = state, shared, incidents
        self._verify = True

    def load(self, seats: Sequence[Seat]) -> None:
        """Put the voted state, if there is one yet, into the slabs of these seats."""
        if self.state.generation >= 0 and seats:
            octets = self.state.octets()
            for seat in seats:
                seat.slab.load(self.state.generation, octets)

    def begin_round(self, verify: bool) -> None:
        """Seats begin to compute."""
        self._verify = verify
        self._shared.begin()

    def sound(self, seats: Sequence[Seat]) -> bool:
        """False when a shared scene was corrected since the round began, or is now, because a
        seat saw damage."""
        answers = [seat.answer for seat in seats]
        suspect = any(answer and answer.reason is Reason.CORRUPT for answer in answers)
        here, scrubbed = self._shared.corrected(suspect)
        if here:
            self._incidents.corrected(self.state.generation + 1, 0, here, "shared scene")
        self._incidents.scrubbed(scrubbed)
        return here + scrubbed == 0

    def answer(self, seat: Seat) -> bytes | None:
        """What a seat answered, None for a lost vote.

        A copy: a replica that runs wild must not change what was compared. It must be what the
        replica wrote; whether that is right is for the vote to say.
        """
        if seat.answer is None or seat.answer.reason is not Reason.NONE:
            return None
        octets = seat.slab.answer(self.state.generation + 1)
        if octets is None:
            return None
        copy = bytes(octets)
        if self._verify and crc32c(copy) != seat.answer.crc:
            self._incidents.corrected(self.state.generation + 1, seat.index, 1, "answer")
            return None
        return copy

    def close(self) -> None:
        """Free it."""
        self.state.close()
        self._shared.close()
