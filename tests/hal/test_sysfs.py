"""Attributes as kernels and faults really write them."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight.dictionary.enums import Quality
from flight.hal import sysfs
from flight.hal.reading import Reading, lost, measured


def _measure(path: Path) -> Reading:
    return sysfs.measure(path, "degC", 1e-3, -55.0, 150.0, "chip")


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"48312\n", 48.312),
        (b"48312\0", 48.312),
        (b"48312\n\0\0", 48.312),
        (b"  -5000 ", -5.0),
        (b"32760 ma\n", 32.76),
        (b"0\n", 0.0),
        (b"48312.5\n", 48.3125),
    ],
)
def test_numbers_are_read(tmp_path: Path, content: bytes, value: float) -> None:
    path = tmp_path / "temp"
    path.write_bytes(content)
    reading = _measure(path)
    assert reading.quality is Quality.GOOD
    assert reading.value == pytest.approx(value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"\0",
        b"nan",
        b"inf",
        b"-nan",
        b"99999999999",
        b"9" * 5000,
        b"1e5",
        b"0x30",
        b"48 312",
        b"48312 48312",
        b"\xff\xfe\x80",
        b"<error>",
        b"-256000",
        b"--5",
        "٤٨٠٠٠".encode(),
    ],
)
def test_everything_else_is_lost(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "temp"
    path.write_bytes(content)
    reading = _measure(path)
    assert reading.quality is Quality.LOST
    assert math.isnan(reading.value)
    assert reading.source.startswith("chip: ")


def test_unreadable_attributes_are_lost_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    missing, folder = _measure(tmp_path / "none"), _measure(tmp_path / "folder")
    assert missing.source == "chip: No such file or directory"
    assert folder.source == "chip: Is a directory"
    assert not missing.known
    assert not folder.known
    assert sysfs.text(tmp_path / "none") == ""
    assert sysfs.text(tmp_path / "folder") == ""
    assert sysfs.entries(tmp_path / "none", "*") == []


def test_a_powered_down_sensor_does_not_block(tmp_path: Path) -> None:
    pipe = tmp_path / "temp"
    os.mkfifo(pipe)
    holder = os.open(pipe, os.O_RDWR)
    try:
        with pytest.raises(BlockingIOError):
            sysfs.number(pipe, 1.0, 0.0, 1.0)
        assert _measure(pipe).quality is Quality.LOST
    finally:
        os.close(holder)


@given(st.binary(max_size=64))
def test_any_content_gives_a_plausible_value_or_lost(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "attribute"
    path.write_bytes(content)
    reading = _measure(path)
    assert reading.known == (reading.quality is Quality.GOOD)
    assert math.isnan(reading.value) or -55.0 <= reading.value <= 150.0


def test_readings_never_carry_a_number_when_lost() -> None:
    assert math.isnan(lost("W", "rail", "gone").value)
    for value in (math.nan, math.inf, -math.inf):
        assert measured(value, "W", "rail").quality is Quality.LOST
    assert not Reading(math.nan, "W", Quality.GOOD, "rail").known
