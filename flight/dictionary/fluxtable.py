"""Flux of trapped protons over the globe as a file: the ground builds it, the node reads it.

The file is a NumPy archive of four arrays: ``flux`` float32 [rows, columns], ``radius`` float32
[rows], ``description`` (UTF-8 of a JSON object) and ``crc``, CRC-32C of the other three in the
order description, radius, flux. Rows run from -90 to 90 deg of geocentric latitude, columns from
-180 deg of east longitude; the column of 180 deg is that of -180 and is not repeated.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from typing import Any

import google_crc32c
import msgspec
import numpy as np
from numpy.typing import NDArray

from flight.dictionary.orbit import Elements

FORMAT = 1
UNIT = "cm^-2 s^-1"
MOST_FLUX = 1e7  # cm^-2 s^-1; above what AP8 gives anywhere from 1 MeV on
MOST_ENERGY = 300.0  # MeV; AP8 is not a number above
MOST_ROWS = 361
MOST_SIZE = 4 << 20  # octets, unpacked: a forged archive must not fill the memory
_RADII = (6400.0, 50000.0)  # km
_ARRAYS = ("description", "radius", "flux", "crc")


class FluxTableError(ValueError):
    """The bytes are no flux table that can be trusted; the message names the field."""


class Description(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the figures are and how they were made. Energy in MeV, altitude in km."""

    model: str
    energy: float
    altitude: float
    elements: Elements
    software: str
    unit: str = UNIT
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class FluxTable:
    """Integral flux [rows, columns] in cm^-2 s^-1 at the orbit's radius [rows] in km.

    Raises FluxTableError when shape, type or range are wrong or a figure is not finite.
    """

    description: Description
    radius: NDArray[np.float32]
    flux: NDArray[np.float32]

    def __post_init__(self) -> None:
        rows = self.flux.shape[0] if self.flux.ndim == 2 else 0
        if not 3 <= rows <= MOST_ROWS or self.flux.shape[1] != 2 * (rows - 1):
            raise FluxTableError(f"flux: shape {self.flux.shape} is no grid of the whole globe")
        if self.radius.shape != (rows,):
            raise FluxTableError(f"radius: shape {self.radius.shape}, ({rows},) expected")
        _check_range("flux", self.flux, 0.0, MOST_FLUX)
        _check_range("radius", self.radius, *_RADII)

    @property
    def step(self) -> float:
        """Width of a cell in deg."""
        return 180.0 / (len(self.flux) - 1)


def _check_range(name: str, array: NDArray[np.float32], least: float, most: float) -> None:
    if array.dtype != np.float32:
        raise FluxTableError(f"{name}: dtype {array.dtype}, float32 expected")
    if not np.isfinite(array).all():
        raise FluxTableError(f"{name}: {np.count_nonzero(~np.isfinite(array))} are not finite")
    if array.min() < least or array.max() > most:
        raise FluxTableError(
            f"{name}: {array.min():g} to {array.max():g}, {least:g} to {most:g} is allowed"
        )


def _crc(description: bytes, radius: NDArray[Any], flux: NDArray[Any]) -> int:
    crc = google_crc32c.value(description)
    for array in (radius, flux):
        crc = google_crc32c.extend(crc, array.tobytes())
    return int(crc)


def encode_table(table: FluxTable) -> bytes:
    """Return the file bytes of a table; the same table gives the same bytes."""
    description = msgspec.json.encode(table.description)
    file = io.BytesIO()
    np.savez_compressed(
        file,
        description=np.frombuffer(description, np.uint8),
        radius=table.radius,
        flux=table.flux,
        crc=np.uint32(_crc(description, table.radius, table.flux)),
    )
    return file.getvalue()


def decode_table(data: bytes) -> FluxTable:
    """Return the table in ``data``. Raises FluxTableError naming the field."""
    arrays = _arrays(data)
    described, radius, flux, crc = (arrays[name] for name in _ARRAYS)
    text = described.tobytes()
    if crc.shape != () or crc.dtype != np.uint32:
        raise FluxTableError(f"crc: {crc.dtype} {crc.shape}, one uint32 expected")
    if (computed := _crc(text, radius, flux)) != int(crc):
        raise FluxTableError(f"crc = {int(crc):#010x}, computed {computed:#010x}")
    try:
        description = msgspec.json.decode(text, type=Description)
    except ValueError as error:  # msgspec.DecodeError, or text that is no UTF-8
        raise FluxTableError(f"description: {error}") from error
    _check(description)
    return FluxTable(description, radius, flux)


def _check(description: Description) -> None:
    if description.format != FORMAT:
        raise FluxTableError(f"format = {description.format}, this software reads {FORMAT}")
    if description.unit != UNIT:
        raise FluxTableError(f"unit = {description.unit!r}, this software reads {UNIT!r}")
    if not 0 < description.energy <= MOST_ENERGY:
        raise FluxTableError(f"energy = {description.energy}: 0 to {MOST_ENERGY:g} MeV is allowed")


def _arrays(data: bytes) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            if sorted(names) != sorted(f"{name}.npy" for name in _ARRAYS):
                raise FluxTableError(f"arrays: {', '.join(_ARRAYS)} are needed, not {names}")
            if sum(entry.file_size for entry in archive.infolist()) > MOST_SIZE:
                raise FluxTableError(f"size: more than {MOST_SIZE} octets when unpacked")
            return {name: _array(archive.read(f"{name}.npy")) for name in _ARRAYS}
    except FluxTableError:
        raise
    except Exception as error:  # zipfile and numpy raise some ten kinds upon damaged input
        raise FluxTableError(f"archive: {type(error).__name__} {error}") from error


def _array(data: bytes) -> NDArray[Any]:
    array: NDArray[Any] = np.load(io.BytesIO(data), allow_pickle=False)
    return array
