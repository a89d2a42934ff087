"""Change detection against a plain count over pixels, and on the demonstration scene."""

from __future__ import annotations

import statistics

import numpy as np
import pytest
from given import Given, Pixels, later_scene, run
from hypothesis import given, settings
from hypothesis import strategies as st

from flight.dictionary.enums import Reason
from flight.dictionary.programs import ChangeParameters
from flight.executor.task import InputError
from flight.programs.change_detection import (
    BRIGHTER,
    DARKER,
    FLOOR,
    SAME,
    TEXTURE,
    ChangeDetection,
)

NODATA = 255
Values = list[list[int]]  # by band


def detect(first: Pixels, second: Pixels, **parameters: float) -> Pixels:
    return run(ChangeDetection(Given(first, ChangeParameters(**parameters), second)))


def tile_values(first: Pixels, second: Pixels) -> tuple[Values, Values, bool]:
    """Values of the pixels of one tile that count, and whether there are enough."""
    before: Values = [[], [], []]
    after: Values = [[], [], []]
    area = 0
    for a, b in zip(first.reshape(-1, 3).tolist(), second.reshape(-1, 3).tolist(), strict=True):
        area += 1
        saturated = any(x == y == 255 for x, y in zip(a, b, strict=True))
        if any(a) and any(b) and not saturated:
            for band in range(3):
                before[band].append(a[band])
                after[band].append(b[band])
    return before, after, 4 * len(before[0]) >= area


def plain(first: Pixels, second: Pixels, p: ChangeParameters) -> list[list[int]]:
    """The map, pixel by pixel, with the standard library's statistics."""
    height, width = first.shape[:2]
    rows, columns = range(0, height, p.tile), range(0, width, p.tile)
    found = {}
    for row in rows:
        for column in columns:
            window = np.s_[row : row + p.tile, column : column + p.tile]
            before, after, enough = tile_values(first[window], second[window])
            if enough:
                found[row, column] = before, after
    mean = statistics.fmean
    light = [
        statistics.median(mean(after[n]) - mean(before[n]) for before, after in found.values())
        for n in range(3)
        if found
    ]
    return [[decide(found.get((row, column)), light, p) for column in columns] for row in rows]


def decide(tile: tuple[Values, Values] | None, light: list[float], p: ChangeParameters) -> int:
    if tile is None:
        return NODATA
    strongest, ratio = 0.0, 1.0
    for before, after, offset in zip(*tile, light, strict=True):
        spreads = [max(statistics.pvariance(values), FLOOR) for values in (before, after)]
        change = statistics.fmean(after) - statistics.fmean(before) - offset
        difference = change / (sum(spreads) / 2) ** 0.5
        strongest = max(strongest, difference, key=abs)
        ratio = max(ratio, spreads[0] / spreads[1], spreads[1] / spreads[0])
    if abs(strongest) > p.threshold:
        return BRIGHTER if strongest > 0 else DARKER
    return TEXTURE if ratio > p.texture else SAME


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(8, 20),
    st.sampled_from([1, 20, 120, 255]),
    st.integers(0, 10_000),
)
def test_the_map_is_that_of_a_plain_count(
    height: int, width: int, tile: int, spread: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    first = rng.integers(256 - spread, 256, (height, width, 3)).astype(np.uint8)
    second = np.clip(first + rng.integers(-spread, spread, first.shape), 0, 255).astype(np.uint8)
    for scene in (first, second):
        scene[rng.random((height, width)) < rng.random()] = 0
        scene[rng.random((height, width)) < 0.2] = 255
    parameters = ChangeParameters(tile, threshold=0.517, texture=2.03)  # no tile lies on them
    found = run(ChangeDetection(Given(first, parameters, second)))
    assert found.tolist() == plain(first, second, parameters)


@pytest.mark.parametrize("shift", [-4.0, 0.0, 12.0])
def test_other_light_alone_is_no_change(scene: Pixels, shift: float) -> None:
    later, changed = later_scene(scene, shift)
    later[changed] = np.clip(scene[changed] + shift, 1, 255).astype(np.uint8)
    assert set(np.unique(detect(scene, later)).tolist()) == {SAME, NODATA}


@pytest.mark.parametrize("shift", [-4.0, 0.0, 12.0])
def test_planted_changes_are_found_and_nothing_else(scene: Pixels, shift: float) -> None:
    later, changed = later_scene(scene, shift)
    found = detect(scene, later, threshold=1.0)
    planted = changed[:704, :784].reshape(44, 16, 49, 16).any((1, 3))
    hits = np.isin(found, (BRIGHTER, DARKER, TEXTURE))
    assert (found[25:27, 30:32] == DARKER).all()
    assert (found[20:23, 20:23] == BRIGHTER).all()
    assert np.isin(found[15:17, 25:27], (DARKER, BRIGHTER, TEXTURE)).all()
    assert hits[:44, :49][planted].all()
    assert not hits[:44, :49][~planted].any()


def test_without_the_median_light_would_be_change(
    scene: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    later, changed = later_scene(scene, 12.0)
    later[changed] = np.clip(scene[changed] + 12.0, 1, 255).astype(np.uint8)
    monkeypatch.setattr("numpy.median", lambda *_, **__: np.zeros(3))
    assert (detect(scene, later) == BRIGHTER).sum() > 100


def test_scenes_of_different_size_are_refused() -> None:
    with pytest.raises(InputError, match=r"\[9, 9, 3\] and \[9, 8, 3\]") as caught:
        detect(np.ones((9, 9, 3), np.uint8), np.ones((9, 8, 3), np.uint8))
    assert caught.value.reason is Reason.FORMAT


def test_scenes_without_data_give_a_map_without_data() -> None:
    black = np.zeros((20, 30, 3), np.uint8)
    assert detect(black, black, tile=8).tolist() == [[NODATA] * 4] * 3
