"""The flux table as a file: every damage is refused by name; the shipped one is sound."""

from __future__ import annotations

import io
import random
import zipfile
from typing import Any

import numpy as np
import pytest
from environment_tables import DESCRIPTION, PATH, SSO, forged, small

from flight.dictionary.fluxtable import (
    MOST_SIZE,
    FluxTable,
    FluxTableError,
    decode_table,
    encode_table,
)


def equal(one: FluxTable, other: FluxTable) -> bool:
    return (
        one.description == other.description
        and np.array_equal(one.radius, other.radius)
        and np.array_equal(one.flux, other.flux)
    )


def test_a_table_survives_the_file() -> None:
    table = small()
    data = encode_table(table)
    assert equal(decode_table(data), table)
    assert encode_table(decode_table(data)) == data
    assert equal(decode_table(forged()), table)


def test_the_shipped_table_is_what_its_name_says() -> None:
    data = PATH.read_bytes()
    table = decode_table(data)
    assert len(data) < 100 << 10
    assert table.description.elements == SSO
    assert (table.description.model, table.description.energy) == ("AP8-MIN", 30.0)
    assert table.flux.shape == (91, 180)
    row, column = np.unravel_index(table.flux.argmax(), table.flux.shape)
    assert -40 <= row * 2 - 90 <= -20
    assert -60 <= column * 2 - 180 <= -20
    assert table.flux[45:].max() < table.flux.max() / 4  # the northern hemisphere is mild
    assert (table.flux == 0).mean() > 0.9


NAN = np.full((13, 24), np.nan, np.float32)
LARGE = np.full((13, 24), 2e7, np.float32)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"flux": NAN}, "flux: 312 are not finite"),
        ({"flux": -small().flux}, "flux: -"),
        ({"flux": LARGE}, "flux: 2e"),
        ({"flux": small().flux.astype(np.float64)}, "flux: dtype float64"),
        ({"flux": small().flux.astype(">f4")}, "flux: dtype >f4"),
        ({"flux": small().flux[:, :-1]}, r"flux: shape \(13, 23\)"),
        ({"flux": small().flux.ravel()}, r"flux: shape \(312,\)"),
        ({"flux": np.zeros((2, 2), np.float32)}, r"flux: shape \(2, 2\)"),
        ({"radius": np.full(12, 6928, np.float32)}, r"radius: shape \(12,\)"),
        ({"radius": np.full(13, np.inf, np.float32)}, "radius: 13 are not finite"),
        ({"radius": np.full(13, 6000, np.float32)}, "radius: 6000"),
        ({"crc": np.uint32(7)}, "crc = 0x00000007"),
        ({"crc": np.float64(7)}, "crc: float64"),
        ({"crc": np.zeros(2, np.uint32)}, "crc: uint32"),
        ({"extra": np.zeros(2)}, "arrays:"),
        ({"description": {"energy": 400.0}}, "energy = 400"),
        ({"description": {"energy": 0.0}}, "energy = 0"),
        ({"description": {"unit": "m^-2 s^-1"}}, "unit = 'm"),
        ({"description": {"format": 2}}, "format = 2"),
        ({"description": {"colour": 2}}, "description: .*colour"),
        ({"description": {"altitude": "low"}}, r"description: .*altitude"),
        ({"description": {"elements": {}}}, r"description: .*elements"),
        ({"description": b"\xff{"}, "description: "),
    ],
)
def test_a_bad_field_is_named_though_the_crc_fits(change: dict[str, Any], field: str) -> None:
    with pytest.raises(FluxTableError, match=f"^{field}"):
        decode_table(forged(**change))


def test_elements_out_of_range_are_named() -> None:
    elements = {name: getattr(SSO, name) for name in SSO.__struct_fields__} | {"eccentricity": 2}
    with pytest.raises(FluxTableError, match="eccentricity = 2"):
        decode_table(forged(description={"elements": elements}))


def test_what_is_not_a_table_is_refused() -> None:
    objects = io.BytesIO()
    np.savez(objects, description=np.array([{}], object), radius=1, flux=1, crc=1)
    empty = io.BytesIO()
    zipfile.ZipFile(empty, "w").close()
    for data in (b"", b"PK", bytes(100), objects.getvalue(), empty.getvalue()):
        with pytest.raises(FluxTableError):
            decode_table(data)


def test_an_archive_that_unpacks_to_more_is_not_unpacked() -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("description", "radius", "flux", "crc"):
            archive.writestr(f"{name}.npy", bytes(MOST_SIZE // 2))
    assert len(bomb.getvalue()) < MOST_SIZE // 100
    with pytest.raises(FluxTableError, match=r"^size"):
        decode_table(bomb.getvalue())


def test_flips_and_truncations_are_refused_or_change_nothing() -> None:
    data, table = PATH.read_bytes(), decode_table(PATH.read_bytes())
    draw, refused = random.Random(3), 0
    damaged = [data[: draw.randrange(len(data))] for _ in range(50)]
    for _ in range(400):
        flipped = bytearray(data)
        flipped[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        damaged.append(bytes(flipped))
    for each in damaged:
        try:
            found = decode_table(each)
        except FluxTableError:
            refused += 1
        else:  # a date or an attribute in the directory of the archive
            assert equal(found, table)
    assert refused > 400


def test_the_crc_catches_what_the_archive_does_not() -> None:
    """A flux changed before it was archived: numpy reads it without complaint."""
    wrong = small().flux.copy()
    wrong[3, 3] += 1
    right = small()
    file = io.BytesIO(encode_table(right))
    with np.load(file) as archive:
        crc = archive["crc"]
    data = forged(flux=wrong, crc=crc)
    with np.load(io.BytesIO(data)) as archive:
        assert archive["flux"][3, 3] == wrong[3, 3] != right.flux[3, 3]
    with pytest.raises(FluxTableError, match=r"^crc"):
        decode_table(data)


def test_a_table_is_checked_before_it_is_written_too() -> None:
    with pytest.raises(FluxTableError, match="flux"):
        FluxTable(DESCRIPTION, small().radius, NAN)
    assert small(rows=19).step == 10
