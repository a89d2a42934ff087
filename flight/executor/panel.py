"""The seats of a run: as many as its level asks for, given orders as the granted cores allow."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flight.executor.protocol import Act, Assignment, Order
from flight.executor.seat import Seat
from flight.runtime.service import Context


class Panel:
    """Hands an order to several seats; ``concluded()`` is called once when all have answered.

    ``answered(seat)`` is called for each, ``lost(seat, why)`` once per replica lost. ``cores()``
    is how many seats may compute at the same time; the others wait for their turn.
    """

    def __init__(
        self,
        context: Context,
        assign: Callable[[int], Assignment],
        capacity: int,
        cores: Callable[[], int],
        answered: Callable[[Seat], None],
        concluded: Callable[[], None],
        lost: Callable[[Seat, str], None],
    ) -> None:
        self.seats: list[Seat] = []
        self._context, self._assign, self._capacity = context, assign, capacity
        self._cores, self._lost = cores, lost
        self._answered, self._concluded = answered, concluded
        self._pending: list[Seat] = []
        self._order = Order(Act.START, -1, 0)
        self._deadline = 0.0

    def resize(self, count: int) -> list[Seat]:
        """Add or close seats, between rounds; return the new ones. Raises OSError, none added."""
        added: list[Seat] = []
        try:
            for index in range(len(self.seats), count):
                assignment = self._assign(index)
                added.append(
                    Seat(
                        self._context, index, assignment, self._capacity, self._conclude, self._lost
                    )
                )
        except OSError:
            for seat in added:
                seat.close()
            raise
        for seat in self.seats[count:]:
            seat.close()
        self.seats = [*self.seats[:count], *added]
        return added

    @property
    def busy(self) -> bool:
        """True while an order is open."""
        return bool(self._pending) or any(seat.busy for seat in self.seats)

    def round(self, seats: Sequence[Seat], order: Order, deadline: float) -> None:
        """Have these seats carry out an order, each within ``deadline`` s of its start."""
        self._pending, self._order, self._deadline = list(seats), order, deadline
        self._feed()

    def _feed(self) -> None:
        busy = sum(seat.busy for seat in self.seats)
        while self._pending and busy < max(1, self._cores()):
            self._pending.pop(0).order(self._order, self._deadline)
            busy += 1

    def _conclude(self, seat: Seat) -> None:
        self._answered(seat)
        self._feed()
        if not self._pending and not any(other.busy for other in self.seats):
            self._concluded()

    def close(self) -> None:
        """End all replicas."""
        self._pending = []
        for seat in self.seats:
            seat.close()
        self.seats = []  # the run and its panel know each other: seats are not to wait for that
