"""A seat at the vote: the replica that currently fills it, its slab and its open order."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from flight.dictionary.parameters import ExecutorParameters
from flight.executor.protocol import Answer, Assignment, Order
from flight.executor.slab import Slab
from flight.runtime.confine import Confinement
from flight.runtime.service import Context, Timer, Worker

REPLICA = "flight.executor.replica:Replica"
FILES = 64  # descriptors that a replica may hold
NO_WORKER = 5.0  # s until an order fails for which no replica could be started


class Seat:
    """Gives one replica one order at a time; a replica that ended is replaced at the next order.

    ``concluded(seat)`` is called once per order: ``answer`` then holds what came back, or None
    when the replica ended or was late. ``lost(seat, why)`` is called when a replica ended by
    itself or was late, not when it was renewed.
    """

    def __init__(
        self,
        context: Context,
        index: int,
        assignment: Assignment,
        capacity: int,
        concluded: Callable[[Seat], None],
        lost: Callable[[Seat, str], None],
    ) -> None:
        """Raises OSError when there is no memory for the slab."""
        self.index = index
        self.answer: Answer | None = None
        self.busy = False
        self.vacant = ""  # why no replica could be started for the order
        self.strikes = 0  # votes in a row that its answer lost
        self._context = context
        self._concluded, self._lost = concluded, lost
        self._region = context.region(assignment.region, Slab.size(capacity))
        self.slab = Slab(self._region.memory)
        self._config = msgspec.msgpack.encode(assignment)
        self._ticket = 0
        self._late: Timer | None = None
        self._closed = False
        self._worker: Worker | None = None

    def _hire(self) -> Worker | None:
        """Start a replica; None when the machine cannot start a process now."""
        worker: Worker | None = None

        def message(data: bytes) -> None:
            if worker is not None and worker is self._worker:
                self._answered(data)

        def ended(reason: str) -> None:
            if worker is not None and worker is self._worker:
                self._ended(reason)

        name = f"replica-{self.index}"
        try:
            worker = self._context.worker(
                name, REPLICA, self._config, message, ended, self._confinement()
            )
        except OSError as error:
            self.vacant = str(error.strerror)
        return worker

    def _confinement(self) -> Confinement:
        limits = self._context.parameters(ExecutorParameters)
        # The first is left to the scheduler: alone, it would be in the way of services on its core.
        core = self.index if self.index else -1
        return Confinement(limits.task_memory << 20, limits.task_cpu, FILES, core, network=False)

    @property
    def pid(self) -> int:
        """Process id of the replica, 0 when there is none."""
        return 0 if self._worker is None else self._worker.pid

    def order(self, order: Order, deadline: float) -> None:
        """Have the replica compute; late after ``deadline`` s."""
        self._ticket += 1
        self.busy, self.answer, self.vacant = True, None, ""
        self._worker = self._worker or self._hire()
        if self._worker is None:
            self._late = self._context.after(NO_WORKER, lambda: self._conclude(None))
            return
        ticketed = msgspec.structs.replace(order, ticket=self._ticket)
        self._worker.send(msgspec.msgpack.encode(ticketed))
        self._late = self._context.after(deadline, self._overdue)

    def renew(self) -> bool:
        """Replace the replica by a fresh one, between orders; False when there was none."""
        worker, self._worker = self._worker, None  # its exit is of no interest any more
        self.strikes = 0
        if worker is not None:
            worker.kill()
        return worker is not None

    def _answered(self, data: bytes) -> None:
        try:
            answer = msgspec.msgpack.decode(data, type=Answer)
        except ValueError:  # msgspec's DecodeError, or text not in UTF-8
            self._overdue()  # a replica that talks nonsense is replaced
            return
        if self.busy and answer.ticket == self._ticket:
            self._conclude(answer)

    def _overdue(self) -> None:
        if self._worker is not None:
            self._worker.kill()

    def _ended(self, reason: str) -> None:
        self._worker = None
        if self._closed:
            return
        self.strikes = 0
        self._lost(self, reason)
        if self.busy:
            self._conclude(None)

    def _conclude(self, answer: Answer | None) -> None:
        if self._late is not None:
            self._late.cancel()
        self.busy, self.answer = False, answer
        self._concluded(self)

    def close(self) -> None:
        """End the replica and free its slab."""
        self._closed = True
        if self._late is not None:
            self._late.cancel()
        if self._worker is not None:
            self._worker.kill()
        self._region.close()
