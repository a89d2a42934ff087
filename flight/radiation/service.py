"""Radiation on the bus: scrubs protected memory in idle slices, says what surrounds the node."""

from __future__ import annotations

import contextlib

from flight.dictionary.codec import decode
from flight.dictionary.commands import SetOrbit
from flight.dictionary.enums import BudgetLevel, Reason
from flight.dictionary.events import MemoryCorrected
from flight.dictionary.parameters import RadiationParameters
from flight.dictionary.radiation import (
    EnvironmentChanged,
    OrbitUnusable,
    RegionQuarantined,
    ScrubCorrected,
    ScrubStatus,
)
from flight.dictionary.registry import item
from flight.dictionary.telemetry import BoardReadings, Budget, EventReport
from flight.radiation.policy import scrub_factor
from flight.radiation.record import State
from flight.radiation.scrubber import Finding, Pace, Scrubber
from flight.radiation.scrubmap import scrub_map
from flight.radiation.storm import Expected
from flight.radiation.surroundings import Surroundings
from flight.runtime.service import Context, Refused, Service, handles, subscribes

TICK = 0.1  # s between slices
ASSESS = 1.0  # s between looks at regions and surroundings
MAP = 5.0  # s between scrub maps
LEAST = 0.1  # share of a slice in a crisis, and until a budget was heard
ELEMENTS = "radiation/elements"
_CORRECTED = item(MemoryCorrected).id


class Radiation(Service):
    """Scrubber and environment."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        parameters = context.parameters(RadiationParameters)
        self._scrubber = Scrubber(context.clock.now())
        self._surroundings = Surroundings(
            context.settings,
            Expected(parameters.corrections_background, parameters.corrections_section),
        )
        self._corrections = 0  # since the last assessment, whoever made them
        self._hardware: int | None = None  # errors that memory with ECC had corrected, if it has
        self._share = LEAST  # of a slice that the budget grants

    def start(self) -> None:
        """Begin to scrub and to tell; elements that were uplinked come before those of the file."""
        for kept in self.context.store.generations(ELEMENTS):
            with contextlib.suppress(ValueError):  # text not in ASCII included
                self._surroundings.take(kept.decode("ascii"))
                break
        if self._surroundings.fault:
            self.context.event(OrbitUnusable(_printable(self._surroundings.fault)))
        self.context.every(ASSESS, self._assess)
        self.context.every(TICK, self._slice)
        self.context.every(MAP, self._tell_maps)

    @handles(SetOrbit)
    def _set_orbit(self, command: SetOrbit) -> None:
        text = f"{command.first}\n{command.second}\n"
        try:
            self._surroundings.take(text)
        except ValueError as error:
            raise Refused(Reason.RANGE, str(error)) from error
        try:
            self.context.store.write(ELEMENTS, text.encode("ascii"))
        except OSError as error:
            raise Refused(Reason.NO_SPACE, f"in force, not kept: {error.strerror}") from error

    # What the node tells.

    @subscribes(Budget)
    def _budget(self, budget: Budget) -> None:
        """Scrubbing is part of staying alive: it gets less in a crisis, never nothing."""
        crisis = budget.level is BudgetLevel.SURVIVAL
        self._share = LEAST if crisis else max(LEAST, budget.duty)

    @subscribes(BoardReadings)
    def _board(self, readings: BoardReadings) -> None:
        if readings.edac:
            before, self._hardware = self._hardware, readings.edac_corrected
            if before is not None:
                self._corrections += max(0, readings.edac_corrected - before)

    @subscribes(EventReport)
    def _event(self, report: EventReport) -> None:
        if report.event == _CORRECTED:
            self._corrections += decode(MemoryCorrected, report.body).count

    # Work.

    def _slice(self) -> None:
        longest = self._share * self.context.parameters(RadiationParameters).slice
        for finding in self._scrubber.slice(self.context.clock.now, longest):
            self._report(finding)

    def _report(self, finding: Finding) -> None:
        self._corrections += finding.corrected + finding.lost
        if finding.lost:
            self.context.event(RegionQuarantined(finding.region, finding.block))
        else:
            self.context.event(ScrubCorrected(finding.region, finding.corrected))

    def _assess(self) -> None:
        now = self.context.clock.now()
        corrections, self._corrections = self._corrections, 0
        utc = self.context.clock.utc_ns() / 1e9
        status, found = self._surroundings.update(now, utc, corrections)
        self.context.publish(status)
        if found.changed:
            self.context.event(EnvironmentChanged(found.mode, found.why))
        self._scrubber.follow(self.context.protected(), self.context.attach, now)
        self._scrubber.pace(self._pace(), scrub_factor(found.mode))
        self._tell(now)

    def _pace(self) -> Pace:
        """Where memory has ECC of its own, the scrub only has to find what that cannot see."""
        parameters = self.context.parameters(RadiationParameters)
        rate = 0.0 if self._hardware is not None else parameters.upset_rate
        return Pace(
            rate,
            parameters.double_hit,
            parameters.scrub_shortest,
            max(parameters.scrub_shortest, parameters.scrub_longest),
            parameters.full_every,
        )

    def _tell(self, now: float) -> None:
        scrubber = self._scrubber
        self.context.publish(
            ScrubStatus(
                len(scrubber.regions),
                scrubber.count(State.QUARANTINED),
                scrubber.suspended(),
                scrubber.size(),
                scrubber.passes,
                scrubber.corrected,
                scrubber.uncorrectable,
                scrubber.skipped,
                scrubber.period,
                scrubber.oldest(now),
                self._hardware is not None,
            )
        )

    def _tell_maps(self) -> None:
        now = self.context.clock.now()
        for name in self._scrubber.regions:
            ages, hits = self._scrubber.ages(name, now), self._scrubber.hits(name)
            if ages:
                self.context.publish(scrub_map(name, ages, hits))


def _printable(text: str) -> str:
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text)[:64]
