"""What an operator sees of a satellite from second to second."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from ground.passes.geometry import Look, PassError, Sky
from ground.passes.predict import Pass, passes

AHEAD = 48 * 3600.0  # s
_AGAIN = 600.0  # s until a search that found no pass is made again


@dataclass(frozen=True, slots=True)
class Sight:
    """Where it stands at ``utc``, and the pass that is on or, if none is, the next."""

    utc: float
    look: Look
    coming: Pass | None
    in_view: bool


class Watch:
    """Looks at one satellite as time goes on."""

    def __init__(self, sky: Sky, mask: float) -> None:
        """``mask`` is the least elevation in deg."""
        self.name = sky.name
        self._sky, self._mask = sky, mask
        self._coming: Pass | None = None
        self._until = float("-inf")  # what is known of passes holds that long

    def at(self, utc: float) -> Sight:
        """Look. Raises PassError when the elements have no place for it."""
        look = self._sky.look(utc)
        if utc >= self._until:
            self._search(utc)
        return Sight(utc, look, self._coming, look.elevation > self._mask)

    def _search(self, utc: float) -> None:
        found = passes(self._sky, utc, utc + AHEAD, self._mask)
        try:
            self._coming = next(itertools.islice(found, 1), None)
        except PassError:  # it never sets
            self._coming = None
        self._until = self._coming.los if self._coming is not None else utc + _AGAIN
