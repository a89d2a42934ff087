"""What goes wrong in a run: counted in the task's record, told as events."""

from __future__ import annotations

from flight.dictionary.events import MemoryCorrected, NoMajority, ReplicaLost, ReplicaOutvoted
from flight.dictionary.radiation import StateLost
from flight.executor.record import TaskRecord
from flight.runtime.service import Context


class Incidents:
    """Of one run. ``crashes`` are those since the last vote that was won."""

    def __init__(self, context: Context, record: TaskRecord) -> None:
        self.crashes: list[str] = []
        self._context, self._record = context, record
        self._task = record.task

    def corrected(self, step: int, seat: int, count: int, region: str) -> None:
        """Memory was found damaged after use and repaired."""
        self._record.counters.corrected += count
        self._context.event(MemoryCorrected(self._task, step, seat, count, region))

    def scrubbed(self, count: int) -> None:
        """The scrubber corrected what a step used; it tells of that itself."""
        self._record.counters.corrected += count

    def crashed(self, seat: int, why: str) -> int:
        """A replica ended by itself or was late; return how often that was since the last vote."""
        self.crashes.append(f"replica {seat}: {why}")
        return len(self.crashes)

    def replaced(self, seat: int, why: str) -> None:
        """A replica has a successor."""
        self._record.counters.replaced += 1
        self._context.event(ReplicaLost(self._task, seat, why))

    def masked(self, step: int, outvoted: tuple[int, ...], count: int) -> None:
        """A vote was won against ``count`` answers, of which these seats gave other ones."""
        self._record.counters.masked += count
        for seat in outvoted:
            self._context.event(ReplicaOutvoted(self._task, step, seat))

    def no_majority(self, step: int) -> None:
        """No two replicas agreed."""
        self._context.event(NoMajority(self._task, step))

    def no_seat(self, why: str) -> None:
        """There was no memory for another seat, or no process for its replica."""
        self._context.event(ReplicaLost(self._task, 0, f"no seat: {why}"))

    def state_lost(self, step: int, why: str) -> None:
        """Memory of the run is damaged beyond repair."""
        self._context.event(StateLost(self._task, max(0, step), why))
