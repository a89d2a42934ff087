"""The governor's budget as the executor holds it: a lease that expires into CONSERVATIVE."""

from __future__ import annotations

from flight.dictionary.enums import BudgetLevel
from flight.dictionary.telemetry import Budget

CONSERVATIVE = Budget(
    BudgetLevel.CONSERVATIVE,
    watts=0.0,
    cores=1,
    duty=0.25,
    may_start=False,
    may_continue=True,
    lease=0.0,
    reason="no budget in force",
)


class BudgetLease:
    """Dead-man's handle: silence of the governor lowers the work, it never stops it half-way."""

    def __init__(self) -> None:
        self._budget = CONSERVATIVE
        self._until = float("-inf")

    def renew(self, budget: Budget, now: float) -> None:
        """A budget arrived."""
        self._budget, self._until = budget, now + budget.lease

    def expired(self, now: float) -> bool:
        """True when the last budget is no longer valid."""
        return now >= self._until

    def current(self, now: float) -> Budget:
        """The budget to obey now."""
        return CONSERVATIVE if self.expired(now) else self._budget
