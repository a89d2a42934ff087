"""The control law: overlapping bands with hysteresis, down at once, up one rung after a dwell.

Pure. The bands of temperature and charge are shares of the margin that the parameters set, so
that work is reduced step by step before a limit and stopped ahead of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, unique

from flight.dictionary.enums import BudgetLevel, Quality
from flight.dictionary.parameters import GovernorParameters
from flight.governor.levels import DEFAULT, Levels
from flight.hal.reading import Reading, Readings

REASON_SIZE = 48


@unique
class Rung(IntEnum):
    """Steps of the ladder. HOLD allows what CONSERVATIVE allows, but nothing new starts."""

    SURVIVAL = 0
    HOLD = 1
    CONSERVATIVE = 2
    REDUCED = 3
    FULL = 4


_LEVEL = {
    Rung.SURVIVAL: BudgetLevel.SURVIVAL,
    Rung.HOLD: BudgetLevel.CONSERVATIVE,
    Rung.CONSERVATIVE: BudgetLevel.CONSERVATIVE,
    Rung.REDUCED: BudgetLevel.REDUCED,
    Rung.FULL: BudgetLevel.FULL,
}
# A rung holds while the distance to the limit exceeds this share of the margin.
_SHARES = {Rung.HOLD: 1 / 8, Rung.CONSERVATIVE: 1 / 4, Rung.REDUCED: 1 / 2, Rung.FULL: 1.0}
# Without sight of heat or energy only what the node can bear in any state is granted; power is
# not part of the bands, but without it a latch-up goes unseen.
_BLIND = {
    "temperature": Rung.CONSERVATIVE,
    "charge": Rung.CONSERVATIVE,
    "power": Rung.REDUCED,
}


@dataclass(frozen=True, slots=True)
class Grant:
    """What work may use now, and why not more."""

    level: BudgetLevel
    watts: float
    cores: int
    duty: float
    may_start: bool
    may_continue: bool
    reason: str


@dataclass(frozen=True, slots=True)
class _Bound:
    """What one sensor allows: at most ``ceiling`` now, a rise up to ``clear``."""

    ceiling: Rung
    clear: Rung
    reason: str


def _highest(distance: float, margin: float, hysteresis: float) -> Rung:
    """Highest rung whose edge lies more than the hysteresis away."""
    return max(
        (rung for rung, share in _SHARES.items() if distance > share * margin + hysteresis),
        default=Rung.SURVIVAL,
    )


def _temperature(value: float, limits: GovernorParameters) -> _Bound:
    distance, margin = limits.temperature_limit - value, limits.temperature_margin
    return _Bound(
        _highest(distance, margin, 0.0),
        _highest(distance, margin, limits.temperature_hysteresis),
        f"temperature {value:.4g} of {limits.temperature_limit:.4g}",
    )


def _charge(value: float, limits: GovernorParameters) -> _Bound:
    distance, margin = value - limits.charge_limit, limits.charge_margin
    return _Bound(
        _highest(distance, margin, 0.0),
        _highest(distance, margin, limits.charge_hysteresis),
        f"charge {value:.4g} of {limits.charge_limit:.4g}",
    )


_BANDS: dict[str, Callable[[float, GovernorParameters], _Bound]] = {
    "temperature": _temperature,
    "charge": _charge,
}


class Law:
    """State of the ladder. ``parameters`` may be replaced at any time.

    A sensor counts when the board ``expects`` it or once it has given a value: from then on its
    loss derates. One that was never there does not.
    """

    def __init__(
        self,
        parameters: GovernorParameters,
        levels: Levels = DEFAULT,
        expects: tuple[str, ...] = ("temperature",),
    ) -> None:
        self.parameters = parameters
        self.expected = set(expects)
        self._levels = levels
        self._rung = Rung.CONSERVATIVE
        self._since: float | None = None

    def decide(self, readings: Readings, now: float) -> Grant:
        """Grant for these readings at a monotonic time in s.

        While temperature or charge is lost no rung is given back; the reason names the sensor.
        """
        sensors = {name: getattr(readings, name) for name in _BLIND}
        self.expected |= {name for name, reading in sensors.items() if reading.known}
        missing = [name for name in sensors if name in self.expected and not sensors[name].known]
        bounds = [self._bound(name, sensors[name]) for name in sensors if name in self.expected]
        ceiling = min((bound.ceiling for bound in bounds), default=Rung.FULL)
        clear = min((bound.clear for bound in bounds), default=Rung.FULL)
        self._move(ceiling, clear, now)
        return self._grant(self._reason(bounds, missing))

    def _bound(self, name: str, reading: Reading) -> _Bound:
        if not reading.known:
            clear = Rung.SURVIVAL if name in _BANDS else _BLIND[name]
            return _Bound(_BLIND[name], clear, "")
        bound = _Bound(Rung.FULL, Rung.FULL, "")
        if name in _BANDS:
            bound = _BANDS[name](reading.value, self.parameters)
        if reading.quality is not Quality.SUSPECT:
            return bound
        clear = min(bound.clear, Rung.REDUCED)
        if bound.ceiling <= Rung.REDUCED:
            return _Bound(bound.ceiling, clear, bound.reason)
        return _Bound(Rung.REDUCED, clear, f"{name} suspect")

    def _move(self, ceiling: Rung, clear: Rung, now: float) -> None:
        if ceiling < self._rung:
            self._rung, self._since = ceiling, None
        elif clear <= self._rung:
            self._since = None
        else:
            self._since = now if self._since is None else self._since
            if now - self._since >= self.parameters.dwell:
                self._rung, self._since = Rung(self._rung + 1), now

    def _grant(self, reason: str) -> Grant:
        level = _LEVEL[self._rung]
        allowance = self._levels[level]
        return Grant(
            level=level,
            watts=allowance.watts,
            cores=allowance.cores,
            duty=allowance.duty,
            may_start=self._rung > Rung.HOLD,
            may_continue=self._rung > Rung.SURVIVAL,
            reason=reason,
        )

    def _reason(self, bounds: list[_Bound], missing: list[str]) -> str:
        if self._rung is Rung.FULL:
            return "within limits"
        blocking = [bound for bound in bounds if bound.reason and bound.clear <= self._rung]
        blocking.sort(key=lambda bound: (bound.ceiling, bound.clear))
        causes = [bound.reason for bound in blocking[:1]]
        causes += [f"{', '.join(missing)} lost"] if missing else []
        return ("; ".join(causes) or "recovering")[:REASON_SIZE]
