"""AP8-min, the static model of trapped protons (Sawyer and Vette 1976), through aep8."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flight.dictionary.fluxtable import MOST_ENERGY

MODEL = "AP8-MIN"
LEAST_ENERGY = 0.1  # MeV
# The model's field is that of Jensen and Cain for 1960 and its answers do not depend on the date;
# the package asks for one.
_DATE = "2000-01-01"


class MissingExtra(Exception):
    """The package that knows the model is not installed."""


def load() -> Any:
    """Return the package aep8. Raises MissingExtra. It takes a second and the package astropy."""
    try:
        import aep8
    except ImportError as error:
        raise MissingExtra(
            f"AP8 needs the extra [environment]: pip install -e '.[environment]' ({error})"
        ) from error
    return aep8


def flux(
    latitude: ArrayLike, longitude: ArrayLike, radius: ArrayLike, energy: float
) -> NDArray[np.float64]:
    """Omnidirectional integral flux above ``energy`` MeV in cm^-2 s^-1, no shielding.

    Geocentric latitude and east longitude in deg and radius in km, broadcast to one shape. Raises
    ValueError when the energy is outside the model or it gives what is no number; MissingExtra.
    """
    if not LEAST_ENERGY <= energy <= MOST_ENERGY:
        raise ValueError(f"energy = {energy:g}: {LEAST_ENERGY:g} to {MOST_ENERGY:g} MeV is allowed")
    aep8 = load()
    from astropy import units
    from astropy.coordinates import EarthLocation
    from astropy.time import Time

    north, east, distance = np.broadcast_arrays(np.radians(latitude), np.radians(longitude), radius)
    place = EarthLocation.from_geocentric(
        distance * np.cos(north) * np.cos(east),
        distance * np.cos(north) * np.sin(east),
        distance * np.sin(north),
        unit=units.km,
    )
    model = aep8.model(particle="p", solar="min")
    with np.errstate(invalid="ignore"):  # judged by ``checked``
        found = model.integral_flux(place, Time(_DATE), energy * units.MeV)
    return checked(np.asarray(found.to_value(units.cm**-2 / units.s), np.float64))


def checked(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same fluxes. Raises ValueError when one is negative, infinite or no number."""
    wrong = np.count_nonzero(~(np.isfinite(values) & (values >= 0)))
    if wrong:
        raise ValueError(f"flux: AP8 gives no number at {wrong} of {values.size} places")
    return values
