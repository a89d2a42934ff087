"""Look-up of the flux table, and what redundancy inside the anomaly costs and covers.

The anomaly is that of the shipped table. It has drifted since the epoch of its field, nobody on
board knows how far, so the share of the fluence is that of the worst drift inside the map's margin.
"""

from __future__ import annotations

import statistics
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from flight.config import default_path
from flight.dictionary.fluxtable import FluxTable, decode_table
from flight.radiation.environment import Thresholds
from flight.radiation.fluxmap import DRIFT, FluxMap
from flight.radiation.orbit import Orbit, Track
from flight.runtime.clock import SystemClock
from hil.measure.result import Result, at_least, at_most, spread

DAYS, PACE = 5, 30  # d and s
ROUNDS = 15
DRIFTS = np.linspace(0, DRIFT, 5)  # deg
# Time of a task relative to one without protection, as the executor's prototype measured it on one
# core: three replicas in sequence, and verification of the inputs after use.
TMR, VERIFY = 3.0, 1.11
CLOCK = SystemClock()


class Coverage(NamedTuple):
    """Shares of time and of fluence inside; the fluence for each of DRIFTS."""

    time: float
    fluence: list[float]


def load_table() -> FluxTable:
    """The shipped table."""
    return decode_table((default_path().parent / "environment" / "sso-550.npz").read_bytes())


def track(table: FluxTable) -> Track:
    """DAYS on the orbit of the table."""
    orbit = Orbit(table.description.elements)
    return orbit.locate(orbit.elements.epoch + np.arange(0, DAYS * 86400, PACE))


def coverage(table: FluxTable, places: Track, thresholds: Thresholds, drift: float) -> Coverage:
    """What lies inside, with a map widened by ``drift`` deg."""
    seen = FluxMap(table, drift).flux(places.latitude, places.longitude)
    inside = thresholds.inside(seen)
    truth = FluxMap(table, 0)
    fluxes = [truth.flux(places.latitude, places.longitude + moved) for moved in DRIFTS]
    return Coverage(float(inside.mean()), [_share(flux, inside) for flux in fluxes])


def _share(flux: NDArray[np.float64], inside: NDArray[np.bool_]) -> float:
    return float(flux[inside].sum() / flux.sum())


def mean_cost(inside: float, tmr: float = TMR, verify: float = VERIFY) -> float:
    """Mean time of tasks that run with TMR inside and verification outside, ``inside`` a share."""
    return inside * tmr + (1 - inside) * verify


def _lookup_times(table: FluxTable, places: Track) -> list[float]:
    """Time per point in s, round by round."""
    flux_map, times = FluxMap(table), []
    for _ in range(ROUNDS):
        began = CLOCK.now()
        flux_map.flux(places.latitude, places.longitude)
        times.append((CLOCK.now() - began) / len(places.latitude))
    return times


def measure() -> list[Result]:
    """All figures of the environment."""
    table = load_table()
    places, thresholds = track(table), Thresholds()
    times = _lookup_times(table, places)
    found = coverage(table, places, thresholds, DRIFT)
    bare = coverage(table, places, thresholds, 0)
    levels = f"in at {thresholds.enter:g}, out at {thresholds.leave:g} /cm2/s above 30 MeV"
    run = f"{DAYS} days at 550 km, 97.6 deg, steps of {PACE} s; {levels}"
    return [
        at_most(
            "environment.lookup_us_per_point", statistics.median(times) * 1e6, 2.0,
            "exact AP8: 150 to 340 us",
            f"us {spread(times, min, 1e6)}; {len(places.latitude)} points at once,"
            f" {ROUNDS} rounds, table of {table.step:g} deg",
            unit="us",
        ),
        at_most(
            "environment.saa_adaptive_mean", mean_cost(found.time), 1.25,
            f"TMR throughout: {TMR:g}",
            f"TMR {TMR:g}x inside ({found.time:.2%} of time), verify {VERIFY:g}x outside, both"
            f" measured apart; map widened by {DRIFT:g} deg; {run}",
        ),
        at_least(
            "environment.saa_fluence_share", min(found.fluence), 0.99, "all trapped protons",
            f"worst of an anomaly 0 to {DRIFT:g} deg west of the table's, without drift"
            f" {found.fluence[0]:.4f}; map not widened: worst {min(bare.fluence):.4f};"
            f" AP8 only: no cosmic rays, no flares; {run}",
        ),
    ]  # fmt: skip
