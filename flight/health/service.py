"""Health: counts events and sums the node up in one housekeeping packet per period."""

from __future__ import annotations

import math

import msgspec

from flight.dictionary.codec import decode
from flight.dictionary.content import hash32
from flight.dictionary.enums import BudgetLevel, Mode
from flight.dictionary.events import EventsSuppressed
from flight.dictionary.parameters import HealthParameters
from flight.dictionary.registry import item
from flight.dictionary.telemetry import (
    BoardReadings,
    Budget,
    DownlinkQueue,
    EventReport,
    HealthStatus,
    Housekeeping,
    NodeState,
    RecorderStatus,
    TaskStatus,
)
from flight.runtime.service import Context, Service, Timer, subscribes

STALE = 10.0  # s after which readings that were not repeated count as lost
_DARK = math.nan, math.nan, math.nan


class Health(Service):
    """Keeps the newest word of every subsystem."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._sequence = self._events = self._suppressed = 0
        self._node: NodeState | None = None
        self._sensors = _DARK  # temperature, power, charge
        self._sensed_at = -math.inf
        self._level = BudgetLevel.SURVIVAL
        self._granted_until = math.inf
        self._recorded = self._queued_files = 0
        self._active: set[int] = set()
        self._timer: Timer | None = None
        self._period = math.nan

    def start(self) -> None:
        """Begin the beacon."""
        self._pace()

    def _pace(self) -> None:
        """Follow a change of the period parameter."""
        period = self.context.parameters(HealthParameters).housekeeping_period
        if period != self._period:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self.context.every(period, self._housekeeping)
            self._period = period

    @subscribes(EventReport)
    def _event(self, report: EventReport) -> None:
        self._events += 1
        if report.event == item(EventsSuppressed).id:
            try:
                self._suppressed += decode(EventsSuppressed, report.body).count
            except msgspec.DecodeError:
                self._suppressed += 1

    @subscribes(NodeState)
    def _node_state(self, state: NodeState) -> None:
        self._node = state

    @subscribes(BoardReadings)
    def _readings(self, readings: BoardReadings) -> None:
        self._sensors = readings.temperature, readings.power, readings.charge
        self._sensed_at = self.context.clock.now()

    @subscribes(Budget)
    def _budget(self, budget: Budget) -> None:
        self._level = budget.level
        self._granted_until = self.context.clock.now() + budget.lease

    @subscribes(RecorderStatus)
    def _recorder(self, status: RecorderStatus) -> None:
        self._recorded = status.records

    @subscribes(DownlinkQueue)
    def _queue(self, queue: DownlinkQueue) -> None:
        self._queued_files = queue.waiting

    @subscribes(TaskStatus)
    def _task(self, status: TaskStatus) -> None:
        if status.state.ended:
            self._active.discard(status.task)
        else:
            self._active.add(status.task)

    def _housekeeping(self) -> None:
        self._pace()
        self._sequence += 1
        now, node = self.context.clock.now(), self._node
        # The last word of a governor that fell silent is no measurement and no grant.
        sensors = self._sensors if now - self._sensed_at <= STALE else _DARK
        level = self._level if now <= self._granted_until else BudgetLevel.CONSERVATIVE
        self.context.publish(HealthStatus(self._events, self._suppressed))
        self.context.publish(
            Housekeeping(
                self._sequence,
                node.mode if node else Mode.BOOT,
                node.uptime if node else 0.0,
                hash32(),
                *sensors,
                level,
                len(self._active),
                self._events,
                self._suppressed,
                self._recorded,
                self._queued_files,
            )
        )
