"""How ``ground pass watch`` shows a satellite: a table in place on a terminal, else lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, Self

from flight.console.output import print_json, terminal, utc

if TYPE_CHECKING:
    from rich.table import Table

    from ground.passes.sight import Sight

SECOND = 1_000_000_000
_SOON = 300.0  # s
_LIGHT = 299.792458  # km/ms


class SkyView(Protocol):
    """Shows what is seen. A context manager."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(self, *_: object) -> None:
        """End; leave the terminal in order."""

    def show(self, sight: Sight) -> None:
        """The latest."""


class Lines:
    """One line of text each."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, sight: Sight) -> None:
        """Time, direction, range and its rate, and what comes next."""
        look = sight.look
        place = f"azimuth {look.azimuth:6.2f}  elevation {look.elevation:6.2f}"
        away = f"range {look.range:9.1f} km  range rate {look.range_rate:+7.3f} km/s"
        print(f"{iso(sight.utc)}  {place}  {away}  {status(sight)}", flush=True)


class JsonLines(Lines):
    """One JSON object each."""

    def show(self, sight: Sight) -> None:
        """Angles in deg, range in km, its rate in km/s, times in UTC."""
        look, coming = sight.look, sight.coming
        row: dict[str, Any] = {"utc": iso(sight.utc), "in_view": sight.in_view}
        row |= {"azimuth": look.azimuth, "elevation": look.elevation}
        row |= {"range": look.range, "range_rate": look.range_rate}
        times = (None, None) if coming is None else (iso(coming.aos), iso(coming.los))
        print_json(row | dict(zip(("aos", "los"), times, strict=True)))


class Live(Lines):
    """A table that stays where it is."""

    def __init__(self, name: str) -> None:
        from rich.live import Live as Place

        self._name = name
        self._place = Place(auto_refresh=False)

    def __enter__(self) -> Self:
        self._place.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._place.stop()

    def show(self, sight: Sight) -> None:
        """Replace what was shown."""
        self._place.update(table(self._name, sight), refresh=True)


def view(name: str, json_wanted: bool) -> SkyView:
    """Return the view that fits stdout."""
    if json_wanted:
        return JsonLines()
    return Live(name) if terminal() else Lines()


def table(name: str, sight: Sight) -> Table:
    """All that is seen of the satellite ``name``."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    look, coming = sight.look, sight.coming
    found = Table(title=Text(name), box=box.SIMPLE, show_header=False, min_width=44)
    found.add_column(style="dim")
    found.add_column(justify="right")
    rows = [("UTC", iso(sight.utc))]
    if coming is not None:
        rows += [("AOS", iso(coming.aos)), ("LOS", iso(coming.los))]
        rows += [("highest", f"{coming.elevation:.1f} deg at {iso(coming.culmination)}")]
    rows += [
        ("azimuth", f"{look.azimuth:.2f} deg"),
        ("elevation", f"{look.elevation:.2f} deg"),
        ("range", f"{look.range:.1f} km"),
        ("range rate", f"{look.range_rate:+.3f} km/s"),
        ("one way", f"{look.range / _LIGHT:.2f} ms"),
    ]
    found.add_row(Text("now"), Text(status(sight), style=_colour(sight)))
    for label, value in rows:
        found.add_row(Text(label), Text(value))
    return found


def _colour(sight: Sight) -> str:
    if sight.in_view:
        return "bold green"
    soon = sight.coming is not None and sight.coming.aos - sight.utc < _SOON
    return "bold yellow" if soon else "bold"


def status(sight: Sight) -> str:
    """``in view, LOS in 4:05`` or ``AOS in 1:20:07``."""
    if sight.coming is None:
        return "in view" if sight.in_view else "no pass ahead"
    if sight.utc >= sight.coming.aos:
        return f"in view, LOS in {countdown(sight.coming.los - sight.utc)}"
    return f"AOS in {countdown(sight.coming.aos - sight.utc)}"


def countdown(seconds: float) -> str:
    """``[H:]MM:SS``, rounded up: it reaches 0 when the time has come."""
    minutes, rest = divmod(max(0, -int(-seconds // 1)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def iso(seconds: float) -> str:
    """UTC in ISO 8601 with milliseconds, of s since 1970."""
    return utc(round(seconds * 1000) * 1_000_000)
