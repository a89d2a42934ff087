"""The service on a recording context with manual timers, and a whole orbit under its law."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from flight.dictionary.enums import BudgetLevel, Quality
from flight.dictionary.events import BudgetChanged, SensorLost
from flight.dictionary.parameters import GovernorParameters
from flight.dictionary.telemetry import BoardReadings, Budget
from flight.governor.service import Governor
from flight.hal.reading import Reading, Readings, lost, measured
from flight.hal.simulated import SimulatedBoard
from flight.runtime.clock import SimulatedClock


class Repeat:
    """One repeating timer of the context."""

    def __init__(self, period: float, call: Callable[[], None], start: float) -> None:
        self.period, self.call, self.due, self.live = period, call, start + period, True

    def cancel(self) -> None:
        """Never call again."""
        self.live = False


class Recorder:
    """A context that records what is published and runs timers by hand."""

    name, seed = "governor", 7

    def __init__(self, **settings: Any) -> None:
        self.clock = SimulatedClock()
        self.settings = {"board": {"driver": "simulated"}, **settings}
        self.values = GovernorParameters()
        self.readings: list[BoardReadings] = []
        self.budgets: list[Budget] = []
        self.events: list[Any] = []
        self.timers: list[Repeat] = []

    def parameters(self, kind: type[GovernorParameters]) -> GovernorParameters:
        """The set in force."""
        assert kind is GovernorParameters
        return self.values

    def publish(self, message: Any) -> None:
        """Record a message that survives the bus codec."""
        copy = msgspec.msgpack.decode(msgspec.msgpack.encode(message), type=type(message))
        (self.budgets if isinstance(copy, Budget) else self.readings).append(copy)

    def event(self, event: Any) -> None:
        """Record an event that survives the bus codec."""
        self.events.append(msgspec.msgpack.decode(msgspec.msgpack.encode(event), type=type(event)))

    def every(self, seconds: float, call: Callable[[], None]) -> Repeat:
        """A timer that ``run`` calls."""
        self.timers.append(Repeat(seconds, call, self.clock.now()))
        return self.timers[-1]

    def run(self, seconds: float) -> None:
        """Advance the clock and call the timers that fall due."""
        end = self.clock.now() + seconds
        while True:
            due = [timer for timer in self.timers if timer.live and timer.due <= end]
            if not due:
                break
            timer = min(due, key=lambda timer: timer.due)
            self.clock.advance_to(timer.due)
            timer.due += timer.period
            timer.call()
        self.clock.advance_to(end)

    def of(self, kind: type[Any]) -> list[Any]:
        """Events of one type."""
        return [event for event in self.events if isinstance(event, kind)]


class FakeBoard:
    """A board whose sensors the test sets."""

    name = "fäke\nboard-of-a-very-long-name"
    expects: tuple[str, ...] = ("temperature", "charge")

    def __init__(self) -> None:
        self.temperature = measured(40.0, "degC", "fake")
        self.charge = measured(0.95, "", "fake")
        self.power = lost("W", "power", "no sensor")
        self.error: Exception | None = None
        self.applied: list[tuple[float, int]] = []

    def read(self) -> Readings:
        """The readings set, or the error."""
        if self.error is not None:
            raise self.error
        dark = lost("", "fake", "absent")
        return Readings(self.temperature, self.power, self.charge, dark, dark, dark, False)

    def apply(self, duty: float, cores: int) -> None:
        """Record the grant."""
        self.applied.append((duty, cores))


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> tuple[Recorder, Governor, FakeBoard]:
    """A started governor on a fake board, at FULL."""
    context, board = Recorder(), FakeBoard()
    monkeypatch.setattr("flight.governor.service.open_board", lambda *_: board)
    governor = Governor(context)  # type: ignore[arg-type]
    governor.start()
    context.run(20.0)
    assert context.budgets[-1].level is BudgetLevel.FULL
    return context, governor, board


def test_each_period_gives_readings_a_leased_budget_and_a_grant(
    node: tuple[Recorder, Governor, FakeBoard],
) -> None:
    context, governor, board = node
    assert len(context.budgets) == len(context.readings) == len(board.applied) == 41
    assert {budget.lease for budget in context.budgets} == {3.0}
    assert board.applied[-1] == (1.0, 4)
    assert context.readings[-1].board == "f?ke?board-of-a-"
    assert math.isnan(context.readings[-1].power)
    assert context.readings[-1].power_quality is Quality.LOST
    levels = [event.level for event in context.of(BudgetChanged)]
    assert levels == [BudgetLevel.CONSERVATIVE, BudgetLevel.REDUCED, BudgetLevel.FULL]
    assert context.of(SensorLost) == []
    governor.stop()
    context.run(10.0)
    assert len(context.budgets) == 41


def test_period_and_lease_follow_the_parameters(
    node: tuple[Recorder, Governor, FakeBoard],
) -> None:
    context, _, _ = node
    context.values = GovernorParameters(period=2.0, lease=9.0)
    context.run(0.5)
    before = len(context.budgets)
    context.run(10.0)
    assert len(context.budgets) - before == 5
    assert context.budgets[-1].lease == 9.0
    assert sum(timer.live for timer in context.timers) == 1


def test_a_lost_sensor_derates_in_one_period_and_is_told_once(
    node: tuple[Recorder, Governor, FakeBoard],
) -> None:
    context, _, board = node
    board.temperature = lost("degC", "zone cpü", "no plausible sensor" * 9)
    context.run(5.0)
    assert context.budgets[41].level is BudgetLevel.CONSERVATIVE
    assert context.budgets[41].reason == "temperature lost"
    told = context.of(SensorLost)
    assert [event.sensor for event in told] == ["temperature"]
    assert told[0].why.startswith("zone cp?: no plausible")
    assert len(told[0].why) == 64
    assert board.applied[-1] == (0.5, 1)
    board.temperature = measured(40.0, "degC", "fake")
    context.run(20.0)
    assert context.budgets[-1].level is BudgetLevel.FULL
    board.temperature = lost("degC", "zone", "again")
    context.run(1.0)
    assert len(context.of(SensorLost)) == 2


@pytest.mark.parametrize("error", [OSError(5, "EIO"), RuntimeError("driver"), KeyError("x")])
def test_a_failing_driver_derates_and_never_raises(
    node: tuple[Recorder, Governor, FakeBoard], error: Exception
) -> None:
    context, _, board = node
    board.error = error
    context.run(5.0)
    assert len(context.budgets) == 51
    assert context.budgets[-1].level is BudgetLevel.CONSERVATIVE
    assert {event.sensor for event in context.of(SensorLost)} == {"temperature", "charge"}
    board.error = None
    context.run(20.0)
    assert context.budgets[-1].level is BudgetLevel.FULL


def test_heat_stops_work_within_one_period(node: tuple[Recorder, Governor, FakeBoard]) -> None:
    context, _, board = node
    board.temperature = Reading(95.0, "degC", Quality.GOOD, "fake")
    context.run(0.5)
    budget = context.budgets[-1]
    assert (budget.level, budget.cores, budget.duty) == (BudgetLevel.SURVIVAL, 0, 0.0)
    assert not budget.may_start
    assert not budget.may_continue
    assert board.applied[-1] == (0.0, 0)
    assert context.of(BudgetChanged)[-1].why == "temperature 95 of 80"


def test_energy_is_counted(node: tuple[Recorder, Governor, FakeBoard]) -> None:
    context, governor, board = node
    assert math.isnan(governor.energy.joules)
    board.power = measured(8.0, "W", "fake")
    context.run(10.5)
    assert governor.energy.joules == pytest.approx(80.0)


@pytest.mark.parametrize(
    "settings",
    [
        {"board": {}},
        {"board": {"driver": "warp"}},
        {"board": "simulated"},
        {"levels": {"full": {"cores": -1, "duty": 1.0, "watts": 1.0}}},
    ],
)
def test_wrong_settings_are_refused_at_the_start(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="allowed"):
        Governor(Recorder(**settings))  # type: ignore[arg-type]


def test_a_board_without_sensors_reports_only_those_it_should_have(tmp_path: Path) -> None:
    context = Recorder(board={"driver": "generic", "root": str(tmp_path)})
    Governor(context).start()  # type: ignore[arg-type]
    context.run(30.0)
    assert [event.sensor for event in context.of(SensorLost)] == ["temperature"]
    assert context.budgets[-1].level is BudgetLevel.CONSERVATIVE
    assert context.budgets[-1].may_start


def _orbit(governed: bool, charge_margin: float) -> tuple[int, int, float]:
    """Seconds over each true limit and mean granted duty, over two orbits at 1 s."""
    context = Recorder(board={"driver": "simulated", "charge": 0.9})
    context.values = GovernorParameters(period=1.0, charge_margin=charge_margin)
    governor = Governor(context)  # type: ignore[arg-type]
    board = governor.board
    assert isinstance(board, SimulatedBoard)
    if governed:
        governor.start()
    else:
        board.apply(1.0, 4)
    hot = drained = 0
    for _ in range(2 * 5700):
        context.run(1.0)
        board.read()
        hot += board.state.chip > context.values.temperature_limit
        drained += board.state.charge < context.values.charge_limit
    duties = [budget.duty * budget.cores / 4 for budget in context.budgets] or [1.0]
    return hot, drained, sum(duties) / len(duties)


def test_two_orbits_stay_within_the_limits_that_ungoverned_work_breaks() -> None:
    hot, drained, duty = _orbit(governed=True, charge_margin=0.17)
    assert (hot, drained) == (0, 0)
    assert duty > 0.4
    hot, drained, _ = _orbit(governed=False, charge_margin=0.17)
    assert hot > 600
    assert drained > 600
