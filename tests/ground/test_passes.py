"""Passes against an independent implementation, and what cannot be computed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skyfield import api

from ground.__main__ import main
from ground.linkfile import LinkFileError, load_link
from ground.passes.geometry import DAY, PassError, Site, Sky
from ground.passes.predict import check_age, passes

FIRST = "1 25544U 98067A   24001.50000000  .00016717  00000-0  10270-3 0  9009"
SECOND = "2 25544  51.6400 208.9163 0006317  69.9862  25.2906 15.49815321    18"
BEGIN = datetime(2024, 1, 1, 12, tzinfo=UTC).timestamp()
DELFT = Site(52.0, 4.36, 20.0)


def test_an_independent_implementation_sees_the_same_passes() -> None:
    scale = api.load.timescale(builtin=True)
    satellite = api.EarthSatellite(FIRST, SECOND, "test", scale)
    place = api.wgs84.latlon(DELFT.latitude, DELFT.longitude, DELFT.height)
    begin = scale.utc(2024, 1, 1, 12)
    times, events = satellite.find_events(place, begin, begin + 2, altitude_degrees=5.0)
    wanted = [(e, t.utc_datetime().timestamp()) for t, e in zip(times, events, strict=True)]
    while wanted[0][0] != 0:  # it begins, and may end, within a pass
        wanted = wanted[1:]
    while wanted[-1][0] != 2:
        wanted = wanted[:-1]
    first, last = wanted[0][1] - 10, wanted[-1][1] + 10
    found = list(passes(Sky(FIRST, SECOND, DELFT), first, last, 5.0))
    mine = [each for p in found for each in ((0, p.aos), (1, p.culmination), (2, p.los))]
    assert [kind for kind, _ in mine] == [kind for kind, _ in wanted]
    assert len(found) >= 10
    for (kind, at), (_, other) in zip(mine, wanted, strict=True):
        assert abs(at - other) < (2.0 if kind == 1 else 0.5)
    difference = satellite - place
    for each in found:
        seen = difference.at(scale.utc(datetime.fromtimestamp(each.culmination, UTC))).altaz()
        look = Sky(FIRST, SECOND, DELFT).look(each.culmination)
        assert abs(look.elevation - seen[0].degrees) < 0.02
        assert abs(look.range - seen[2].km) < 1.0
        for time in (each.aos, each.culmination, each.los):
            rates = difference.at(scale.utc(datetime.fromtimestamp(time, UTC)))
            *_, wanted_rate = rates.frame_latlon_and_rates(place)
            mine_rate = Sky(FIRST, SECOND, DELFT).look(time).range_rate
            assert abs(mine_rate - wanted_rate.km_per_s) < 0.002


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.floats(-80, 80), st.floats(-180, 180), st.floats(0, 30))
def test_a_pass_is_above_the_mask_from_its_beginning_to_its_end(
    latitude: float, longitude: float, mask: float
) -> None:
    sky = Sky(FIRST, SECOND, Site(latitude, longitude))
    for each in passes(sky, BEGIN, BEGIN + DAY, mask):
        assert each.aos < each.culmination < each.los
        assert sky.look(each.aos - 0.1).elevation <= mask < sky.look(each.aos + 0.1).elevation
        assert sky.look(each.los + 0.1).elevation <= mask
        assert each.elevation >= sky.look((each.aos + each.los) / 2).elevation - 1e-4


def test_a_pass_that_is_on_is_given_from_its_own_beginning() -> None:
    sky = Sky(FIRST, SECOND, DELFT)
    first = next(passes(sky, BEGIN, BEGIN + DAY, 5.0))
    again = next(passes(sky, (first.aos + first.los) / 2, BEGIN + DAY, 5.0))
    assert abs(again.aos - first.aos) < 0.01


def test_old_elements_and_no_places_are_refused() -> None:
    sky = Sky(FIRST, SECOND, DELFT)
    check_age(sky, BEGIN + 13 * DAY)
    with pytest.raises(PassError, match="15 days"):
        check_age(sky, BEGIN + 15 * DAY)
    with pytest.raises(PassError, match="no place"):
        Site(91.0, 0.0)
    with pytest.raises(PassError, match="elements"):
        Sky("1 what", "2 is this", DELFT)


def test_the_verbs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "orbit.tle"
    file.write_text(f"TEST\n{FIRST}\n{SECOND}\n")
    where = ["--tle", str(file), "--station", "52,4.36,20"]
    assert main(["pass", "next", *where]) == 3
    assert "--stale" in capsys.readouterr().err
    assert main(["pass", "list", *where, "--stale", "--hours", "24", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    for each in listed:
        times = [each[name] for name in ("aos", "culmination", "los")]
        assert all(text.endswith("Z") for text in times)
        aos, culmination, los = map(datetime.fromisoformat, times)
        assert aos < culmination < los
        assert (los - aos).total_seconds() == pytest.approx(each["duration"], abs=0.002)
    assert main(["pass", "watch", *where, "--stale", "--count", "1"]) == 0
    assert "azimuth" in capsys.readouterr().out
    assert main(["pass", "watch", *where, "--stale", "--count", "1", "--json"]) == 0
    seen = json.loads(capsys.readouterr().out)
    assert datetime.fromisoformat(seen["utc"]).tzinfo is not None
    assert abs(seen["range_rate"]) < 8
    file.write_text("nothing")
    assert main(["pass", "next", *where]) == 2
    assert main(["pass", "next", "--tle", str(file), "--station", "here"]) == 2


@pytest.mark.parametrize("verb", ["next", "list", "watch"])
def test_a_station_in_the_south_and_what_no_pass_is_computed_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    file = tmp_path / "craft.tle"
    file.write_text(f"{FIRST}\n{SECOND}\n")
    words = ["pass", verb, "--tle", str(file), "--stale"]
    south = [*words, "--station", "-33.9,18.4"]
    once = ["--count", "1"] if verb == "watch" else []
    assert main([*south, *once, "--json"]) == 0
    apart = capsys.readouterr().out
    if verb != "watch":  # which is of the moment
        assert main([*words, "--station=-33.9,18.4", "--json"]) == 0
        joined = json.loads(capsys.readouterr().out)
        assert [row["aos"][:18] for row in json.loads(apart)] == [row["aos"][:18] for row in joined]
    assert main([*words, "--station", "-91,18.4"]) == 2
    assert "no place on Earth" in capsys.readouterr().err
    for mask in ("95", "-1", "nan", "steep"):
        assert main([*south, "--mask", mask]) == 2
        assert f"{mask!r} is no elevation from 0 to 90 deg" in capsys.readouterr().err
    file.write_bytes(bytes(range(128, 256)))
    assert main(south) == 2
    assert f"{file}: no two-line elements" in capsys.readouterr().err
    file.write_text(f"SATÉLITE\n{FIRST}\n{SECOND}\n", encoding="latin-1")  # the name only
    assert main([*south, *once]) == 0


TABLE = """
[up]
[down]
[contacts]
tle = "craft.tle"
station = [52.0, 4.36, 20]
mask = 5
begin = 2024-01-01T12:00:00Z
hours = 48
"""


def test_a_link_is_open_during_passes(tmp_path: Path) -> None:
    (tmp_path / "craft.tle").write_text(f"{FIRST}\n{SECOND}\n")
    path = tmp_path / "link.toml"
    path.write_text(TABLE)
    wanted = passes(Sky(FIRST, SECOND, DELFT), BEGIN, BEGIN + 2 * DAY, 5.0)
    expected = [(max(0.0, each.aos - BEGIN), each.los - BEGIN) for each in wanted]
    link = load_link(path)
    assert list(link.contacts) == expected
    assert {begin for begin, _ in expected} < {time for time, _, _ in link.track}
    farthest = max(far for _, far, _ in link.track) / 299_792.458
    assert link.round_trip == pytest.approx(2 * farthest)
    assert 0.005 < farthest < 0.007


def test_elements_of_a_link_that_are_no_text_are_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "craft.tle").write_bytes(bytes(range(128, 256)))
    (tmp_path / "link.toml").write_text(TABLE)
    with pytest.raises(LinkFileError, match=r"tle craft\.tle: no two-line elements"):
        load_link(tmp_path / "link.toml")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("mask = 5", "", "keys"), ("mask = 5", "mask = 89.9", "no pass"),
        ("2024-01-01T12", "2024-03-01T12", "days off"), ("00:00Z", "00:00", "begin"),
        ("[52.0, 4.36, 20]", "3", "contacts"), ("[52.0, 4.36, 20]", "[95, 0]", "no place"),
        ("hours = 48", "hours = 0", "hours"), ('"craft.tle"', '"gone.tle"', "tle gone.tle: No"),
        ('"craft.tle"', '"link.toml"', "tle link.toml: no two-line"),
    ],
)  # fmt: skip
def test_contacts_that_cannot_be_computed_are_refused(tmp_path, old, new, said) -> None:
    (tmp_path / "craft.tle").write_text(f"{FIRST}\n{SECOND}\n")
    path = tmp_path / "link.toml"
    path.write_text(TABLE.replace(old, new))
    with pytest.raises(LinkFileError, match=said) as caught:
        load_link(path)
    assert str(path) in str(caught.value)
