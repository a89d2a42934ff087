"""The governor on the bus: sense, decide, publish the budget, make the board obey."""

from __future__ import annotations

import math

from flight.dictionary.enums import BudgetLevel
from flight.dictionary.events import BudgetChanged, SensorLost
from flight.dictionary.parameters import GovernorParameters
from flight.dictionary.telemetry import BoardReadings, Budget
from flight.governor.energy import EnergyMeter
from flight.governor.law import Grant, Law
from flight.governor.levels import levels
from flight.hal.board import SENSORS, open_board
from flight.hal.reading import Readings, lost
from flight.hal.settings import table
from flight.runtime.service import Context, Service, Timer

_WHY_SIZE = 64
_BOARD_SIZE = 16
_U32 = 1 << 32


def _printable(text: str, size: int) -> str:
    """Printable ASCII of at most ``size`` characters: sensor names come from the hardware."""
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text)[:size]


def _blind(why: str) -> Readings:
    """Readings of a board whose driver failed."""
    names = (*SENSORS, "load", "memory", "disk")
    temperature, power, charge, load, memory, disk = (lost("", name, why) for name in names)
    return Readings(temperature, power, charge, load, memory, disk, sunlit=False)


class Governor(Service):
    """Reads the board and publishes BoardReadings and a Budget with a lease, every period.

    Raises ValueError when the settings "board" or "levels" are wrong, naming the field.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        board = table(context.settings, "board")
        self.board = open_board(board, context.clock.now, context.seed)
        self.energy = EnergyMeter()
        self._law = Law(
            context.parameters(GovernorParameters),
            levels(table(context.settings, "levels")),
            self.board.expects,
        )
        self._told: tuple[BudgetLevel, bool, bool] | None = None
        self._lost: set[str] = set()
        self._timer: Timer | None = None
        self._period = math.nan

    def start(self) -> None:
        """Publish the first budget at once."""
        self._cycle()

    def stop(self) -> None:
        """End the cycle; the lease of the last budget runs out by itself."""
        if self._timer is not None:
            self._timer.cancel()

    def _cycle(self) -> None:
        parameters = self.context.parameters(GovernorParameters)
        self._pace(parameters.period)
        self._law.parameters = parameters
        now = self.context.clock.now()
        readings = self._read()
        grant = self._law.decide(readings, now)
        self._publish(readings, grant, parameters.lease)
        self._report(readings, grant)
        self.energy.add(readings.power.value, now)
        self.board.apply(grant.duty, grant.cores)

    def _pace(self, period: float) -> None:
        """Follow a change of the period parameter."""
        if period != self._period:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self.context.every(period, self._cycle)
            self._period = period

    def _read(self) -> Readings:
        try:
            return self.board.read()
        except Exception as error:  # a driver's fault must not cost the budget
            return _blind(type(error).__name__)

    def _publish(self, readings: Readings, grant: Grant, lease: float) -> None:
        self.context.publish(
            BoardReadings(
                board=_printable(self.board.name, _BOARD_SIZE),
                temperature=readings.temperature.value,
                temperature_quality=readings.temperature.quality,
                power=readings.power.value,
                power_quality=readings.power.quality,
                charge=readings.charge.value,
                charge_quality=readings.charge.quality,
                load=readings.load.value,
                memory=readings.memory.value,
                disk=readings.disk.value,
                sunlit=readings.sunlit,
                edac=readings.edac.covered,
                edac_corrected=readings.edac.corrected % _U32,
                edac_uncorrected=readings.edac.uncorrected % _U32,
            )
        )
        self.context.publish(
            Budget(
                level=grant.level,
                watts=grant.watts,
                cores=grant.cores,
                duty=grant.duty,
                may_start=grant.may_start,
                may_continue=grant.may_continue,
                lease=lease,
                reason=grant.reason,
            )
        )

    def _report(self, readings: Readings, grant: Grant) -> None:
        """Events on changes only: the budget itself is repeated every period."""
        for name in SENSORS:
            reading = getattr(readings, name)
            if reading.known or name not in self._law.expected:
                self._lost.discard(name)
            elif name not in self._lost:
                self._lost.add(name)
                self.context.event(SensorLost(name, _printable(reading.source, _WHY_SIZE)))
        told = (grant.level, grant.may_start, grant.may_continue)
        if told != self._told:
            self._told = told
            self.context.event(BudgetChanged(grant.level, grant.reason))
