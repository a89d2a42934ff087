"""Radiation in the dictionary: environment, scrubbing, known-answer runs, lost states."""

from __future__ import annotations

from typing import Annotated

from flight.dictionary.enums import Environment, Severity
from flight.dictionary.events import Count, Name, Task, Why
from flight.dictionary.fields import choice, f32, flag, text, u16, u32, u64
from flight.dictionary.registry import Delivery, Event, Telemetry, event, telemetry


@telemetry(24, "environment", Delivery.LATEST, linked=True)
class EnvironmentStatus(Telemetry, frozen=True):
    """Radiation environment: where the node is, what flux is expected there, what was corrected."""

    mode: Annotated[Environment, choice("Environment")]
    valid: Annotated[bool, flag("Position known; if not, flux, place and forecast mean nothing")]
    flux: Annotated[float, f32("1/cm2/s", "Trapped protons expected here", lo=0)]
    corrections: Annotated[int, u32("", "Memory corrections in the storm window")]
    latitude: Annotated[float, f32("deg", "Geocentric latitude", lo=-90, hi=90)]
    longitude: Annotated[float, f32("deg", "East longitude", lo=-180, hi=180)]
    next_saa_in: Annotated[float, f32("s", "Until the next entry, -1: none in the horizon", lo=-1)]
    saa_length: Annotated[float, f32("s", "Length of that crossing, 0 when none", lo=0)]


@telemetry(25, "scrub.status", Delivery.LATEST, linked=True)
class ScrubStatus(Telemetry, frozen=True):
    """Scrubbing of the protected regions."""

    regions: Annotated[int, u16("", "Protected regions")]
    quarantined: Annotated[int, u16("", "Of these with a block that cannot be corrected")]
    suspended: Annotated[int, u16("", "Of these not scrubbed by request")]
    size: Annotated[int, u64("B", "Protected data")]
    passes: Annotated[int, u32("", "Passes over all regions since boot")]
    corrected: Annotated[int, u32("", "Codewords corrected since boot")]
    uncorrectable: Annotated[int, u32("", "Blocks found uncorrectable since boot")]
    skipped: Annotated[int, u32("", "Blocks skipped because they were being written")]
    period: Annotated[float, f32("s", "Time wanted for one pass")]
    oldest: Annotated[float, f32("s", "Age of the block that waits longest")]
    hardware: Annotated[bool, flag("Main memory has hardware ECC, so that full passes are rare")]


@telemetry(26, "scrub.map", Delivery.QUEUE, 64, linked=True)
class ScrubMap(Telemetry, frozen=True):
    """One region in up to 64 cells. Letters of ages: a is below 1 s, each next one doubles."""

    region: Annotated[str, text(32, "Region")]
    blocks: Annotated[int, u32("", "Blocks of the region")]
    per_cell: Annotated[int, u16("", "Blocks in one cell")]
    ages: Annotated[str, text(64, "Age since the last scrub, one letter per cell, - for never")]
    hits: Annotated[str, text(64, "Corrections, one digit per cell, 9 is nine or more")]


@event(60, Severity.WARNING, "environment {mode.name}: {why}")
class EnvironmentChanged(Event, frozen=True):
    """The radiation environment changed; tasks run with the redundancy that it asks for."""

    mode: Annotated[Environment, choice("New environment")]
    why: Why


@event(61, Severity.ACTIVITY, "known-answer run on {scene}: right")
class CanaryRight(Event, frozen=True):
    """A known-answer run gave the known answer."""

    scene: Name


@event(
    62,
    Severity.CRITICAL,
    "known-answer run on {scene}: wrong, {count} in a row, replicas made anew",
)
class CanaryWrong(Event, frozen=True):
    """A known-answer run gave another answer, or none."""

    scene: Name
    count: Count


@event(63, Severity.WARNING, "scrub of {region}: {count} corrected")
class ScrubCorrected(Event, frozen=True):
    """The scrubber corrected a protected region."""

    region: Name
    count: Count


@event(64, Severity.CRITICAL, "scrub of {region}: block {block} cannot be corrected, quarantined")
class RegionQuarantined(Event, frozen=True):
    """A block holds more errors than its code corrects; its region is not handed out any more."""

    region: Name
    block: Count


@event(65, Severity.CRITICAL, "task {task} step {step}: {why}; back to its checkpoint")
class StateLost(Event, frozen=True):
    """Memory of a run was damaged beyond what its code corrects; the run begins again."""

    task: Task
    step: Count
    why: Why


@event(66, Severity.WARNING, "known-answer run on {scene} not possible: {why}")
class CanaryUnable(Event, frozen=True):
    """A known-answer run could not be made; tasks go on."""

    scene: Name
    why: Why


@event(67, Severity.WARNING, "orbit not usable, position unknown: {why}")
class OrbitUnusable(Event, frozen=True):
    """Elements or flux table cannot be used: the node counts as inside the anomaly."""

    why: Why
