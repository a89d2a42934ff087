"""A result on its way to storage: offered again and again until storage has it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from flight.dictionary.codec import ENCODER
from flight.dictionary.commands import Reply, StoreProduct
from flight.dictionary.enums import Reason
from flight.dictionary.events import WriteFailed
from flight.dictionary.product import Provenance
from flight.executor.record import TaskRecord
from flight.runtime.service import Context

DEADLINE = 10.0  # s for storage to answer
RETRY, MOST_RETRY = 1.0, 60.0  # s between offers, doubling
PASSING = (Reason.TIMED_OUT, Reason.NO_SPACE, Reason.BUSY)  # time may cure these
ATTEMPTS = 5  # offers that may be refused for any other reason


class Handover:
    """Owns the result until ``ended(reason, detail)``: NONE when storage has it."""

    def __init__(
        self,
        context: Context,
        record: TaskRecord,
        result: npt.NDArray[np.uint8],
        provenance: Provenance,
        ended: Callable[[Reason, str], None],
    ) -> None:
        self.task, self._priority = record.task, record.priority
        self._context = context
        self._result = result
        self._provenance = ENCODER.encode(provenance)
        self._ended = ended
        self._pause = RETRY
        self._refusals = 0
        self._dropped = False

    def drop(self) -> None:
        """Give the result up; what storage still answers is of no interest any more."""
        self._dropped = True

    def offer(self) -> None:
        """Offer the result to storage."""
        if self._dropped:
            return
        try:
            reference = self._context.publish_array(self._result)
        except ValueError as error:  # larger than any slot: time cures nothing
            self._ended(Reason.RANGE, f"result: {error}")
            return
        except OSError as error:
            self._answered(Reply(Reason.NO_SPACE, f"result: {error.strerror}"))
            return
        request = StoreProduct(self.task, reference, self._provenance, self._priority)
        self._context.request(request, self._answered, DEADLINE)

    def _answered(self, reply: Reply) -> None:
        if self._dropped:
            return
        if reply.reason is Reason.NONE:
            self._ended(Reason.NONE, "")
            return
        self._context.event(WriteFailed("product", reply.detail))
        self._refusals += reply.reason not in PASSING
        if self._refusals >= ATTEMPTS:
            self._ended(reply.reason, f"result refused: {reply.detail}")
            return
        self._context.after(self._pause, self.offer)
        self._pause = min(2 * self._pause, MOST_RETRY)
