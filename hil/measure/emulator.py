"""The link emulator in virtual time: frames per second, and two days of passes with a file."""

from __future__ import annotations

from dataclasses import replace
from math import inf

from flight.config import default_path
from flight.runtime.clock import SystemClock
from ground.emulator.channel import Channel
from ground.linkfile import Direction, load_link
from ground.passes.geometry import DAY, Site, Sky
from ground.passes.predict import passes
from hil.measure.result import Result, at_least, at_most
from hil.measure.transfer import Flight, Transfer, best_frame

FRAMES, OCTETS, ROUNDS = 40_000, 1115, 5
BURSTS = Direction(1e7, 0.006, 1e-5, 1 << 30, burst_ber=5e-3, burst=0.02, calm=1.0)
# A synthetic low orbit, and a station at 52 deg north.
FIRST = "1 25544U 98067A   24001.50000000  .00016717  00000-0  10270-3 0  9009"
SECOND = "2 25544  51.6400 208.9163 0006317  69.9862  25.2906 15.49815321    18"
SITE, MASK = Site(52.0, 4.36, 20.0), 5.0
RATE, DELAY, BER = 256e3, 0.006, 1e-6  # bit/s, s, one way
SHARE = 0.9  # of what the passes could carry
LINK = default_path().parent / "links" / "leo-passes.toml"
CLOCK = SystemClock()


class _Passes(Transfer):
    """Out of contact the transmitter rests, so that hours without a pass cost nothing."""

    _resting = False

    def _freeze(self, now: float) -> None:
        self._resting = True
        super()._freeze(now)

    def _thaw(self, now: float) -> None:
        self._resting = False
        super()._thaw(now)
        self._at(now, self._transmit)

    def _transmit(self, now: float) -> None:
        if not self._resting:
            super()._transmit(now)


def windows(days: float) -> list[tuple[float, float]]:
    """Passes of the first ``days``, in s from their beginning."""
    sky = Sky(FIRST, SECOND, SITE)
    begin = sky.epoch + 3600.0
    found = passes(sky, begin, begin + days * DAY, MASK)
    return [(max(0.0, each.aos - begin), each.los - begin) for each in found]


def fly(contacts: list[tuple[float, float]], size: int) -> Flight:
    """A file of ``size`` octets down during ``contacts``. Raises AssertionError when it fails."""
    ends = [0.0, *(end for _, end in contacts)]
    begins = [*(begin for begin, _ in contacts), contacts[-1][1] + DAY]
    outages = tuple((a, b) for a, b in zip(ends, begins, strict=True) if b > a)
    link = Direction(RATE, DELAY, BER, 1 << 20)
    return _Passes(link, size, 1, best_frame(BER), outages=outages).fly()


def _frames(channel: Channel) -> float:
    frame, began = bytes(OCTETS), CLOCK.now()
    for number in range(FRAMES):
        channel.offer(frame, number * 9e-4)
    assert len(channel.due(inf)) == FRAMES
    return FRAMES / (CLOCK.now() - began)


def _overhead() -> Channel:
    """One whose delay, errors and rate follow the satellite, from the beginning of a pass on."""
    link = load_link(LINK)
    link = link.shifted(-link.contacts[0][0])
    way = replace(link.down, rate=1e7, rate_steps=((20.0, 2e7), (45.0, 4e7)), queue=1 << 30)
    return Channel(way, 1, "down", link.contacts, None, link.track)


def measure() -> list[Result]:
    """Frames per second, and s for 48 h of passes."""
    rates = sorted(_frames(Channel(BURSTS, 1, "down")) for _ in range(ROUNDS))
    overhead = sorted(_frames(_overhead()) for _ in range(ROUNDS))
    contacts = windows(2.0)
    seconds = sum(end - begin for begin, end in contacts)
    size = round(SHARE * seconds * RATE / 8)
    began = CLOCK.now()
    flight = fly(contacts, size)
    spent = CLOCK.now() - began
    return [
        at_least(
            "emulator.frames", rates[ROUNDS // 2], 20_000.0, "required rate",
            f"frames of {OCTETS} octets, one direction with independent errors and bursts, virtual"
            f" time; median of {ROUNDS}, worst {rates[0]:.0f}", "frames/s",
        ),
        at_least(
            "emulator.frames_pass", overhead[ROUNDS // 2], 20_000.0, "required rate",
            f"as above, delay, Eb/N0 and rate by range and elevation; worst {overhead[0]:.0f}",
            "frames/s",
        ),
        at_most(
            "emulator.passes_48h", spent, 60.0, "required time",
            f"{len(contacts)} passes, {seconds:.0f} s in contact; a file of {size / 1e6:.0f} MB"
            f" between two CFDP engines at {RATE / 1e3:g} kb/s, BER {BER:g}, resumed at each pass;"
            f" it took {flight.seconds:.0f} s of contact, {flight.ratio:.3f} of the limit", "s",
        ),
    ]  # fmt: skip
