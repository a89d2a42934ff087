"""Goodput of a file transfer against the limit of its channel, in virtual time, tail included."""

from __future__ import annotations

import statistics

from ground.linkfile import Direction
from hil.measure.result import Result, at_least
from hil.measure.transfer import Flight, Transfer, best_frame

SIZE = 4 << 20
SEEDS = (1, 2, 3)
ANCHOR = "erasure-channel limit from the realised loss"
QUEUE = 1 << 24

# name, bit/s, one-way delay in s, BER, octets, target
CASES = (
    ("leo_1e-5", 1e6, 0.025, 1e-5, SIZE, 0.95),
    ("leo_1e-4", 1e6, 0.025, 1e-4, SIZE, 0.95),
    ("leo10_1e-5", 1e7, 0.025, 1e-5, SIZE, 0.93),
    ("geo_1e-5", 1e6, 0.3, 1e-5, SIZE, 0.95),
    ("geo_1e-4", 1e6, 0.3, 1e-4, SIZE, 0.92),
    ("moon_1e-5", 1e5, 1.28, 1e-5, SIZE, 0.92),
    ("moon_1e-4", 1e5, 1.28, 1e-4, SIZE, 0.88),
)
# name, mean length of a burst in s, share of the time in bursts to that without, target
BURSTS = (
    ("burst_20ms", 0.02, 0.1, 0.90),
    ("burst_200ms", 0.2, 0.05, 0.90),
    ("burst_1s", 1.0, 0.02, 0.90),
)
BURST_BER = 1e-5  # for which the frames of the burst cases are cut


def measure() -> list[Result]:
    """Goodput as a share of the limit, worst of three seeds; and what adapting the frames gives."""
    rows = []
    for name, rate, delay, ber, size, target in CASES:
        link = Direction(rate, delay, ber, QUEUE)
        frame = best_frame(ber)
        flights = [Transfer(link, size, seed, frame).fly() for seed in SEEDS]
        rows.append(_row(name, flights, frame, target))
    for name, burst, share, target in BURSTS:
        link = Direction(1e6, 0.025, 1e-6, QUEUE, burst_ber=5e-3, burst=burst, calm=burst / share)
        frame = best_frame(BURST_BER)
        flights = [Transfer(link, SIZE, seed, frame).fly() for seed in SEEDS]
        rows.append(_row(name, flights, frame, target))
    return [*rows, _adapted()]


def _row(name: str, flights: list[Flight], frame: int, target: float) -> Result:
    worst = min(flight.ratio for flight in flights)
    goodput = ", ".join(f"{8e-3 * each.size / each.seconds:.0f}" for each in flights)
    return at_least(
        f"cfdp.{name}", worst, target, ANCHOR,
        f"{flights[0].size >> 20} MiB in frames of {frame} octets, feedback in TC frames;"
        f" goodput {goodput} kb/s for seeds 1 to 3, worst ratio shown",
    )  # fmt: skip


def _adapted() -> Result:
    """From the default frame length, at an error rate that nobody has told of."""
    link = Direction(1e6, 0.025, 1e-4, QUEUE)
    fixed = [Transfer(link, SIZE, seed, 640).fly() for seed in SEEDS]
    adapted = [Transfer(link, SIZE, seed, 640, adapt=True).fly() for seed in SEEDS]
    gain = statistics.median(
        slow.seconds / fast.seconds for slow, fast in zip(fixed, adapted, strict=True)
    )
    return at_least(
        "cfdp.adapted_1e-4", gain, 1.2, "frames of 640 octets throughout",
        f"goodput when the length follows the frame errors, LEO 1 Mb/s, BER 1e-4;"
        f" {adapted[0].frame} octets in the end; median of three seeds",
    )  # fmt: skip
