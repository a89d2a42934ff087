"""``ground environment build``: wrong use, the missing extra, the grid; AP8 itself where it is."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from flight.dictionary.fluxtable import decode_table, encode_table
from flight.dictionary.orbit import Elements, parse_tle
from flight.radiation.fluxmap import FluxMap
from ground.__main__ import main
from ground.environment import ap8
from ground.environment.build import STEPS, build, radius_profile

SHIPPED = Path(__file__).parents[2] / "configs" / "environment" / "sso-550.npz"
TLE = (
    "ISS (ZARYA)\n"
    "1 25544U 98067A   19343.69339541  .00001764  00000-0  38792-4 0  9991\n"
    "2 25544  51.6439 211.2001 0007417  17.6667  85.6398 15.50103472202482\n"
)
SSO = Elements.circular(550, 97.6, 1_767_225_600.0)


@pytest.mark.parametrize(
    ("words", "code", "hint"),
    [
        (["--orbit", "550,97.6"], 2, "--out"),
        (["--out", "x"], 2, "--tle --orbit"),
        (["--orbit", "550", "--out", "x"], 2, "'550' is no ALT_KM,INC_DEG"),
        (["--orbit", "a,b", "--out", "x"], 2, "'a,b' is no ALT_KM,INC_DEG"),
        (["--orbit", "550,190", "--out", "x"], 2, "inclination = 190.0: 0 to 180 is allowed"),
        (["--orbit=-1,97", "--out", "x"], 2, "altitude = -1"),
        (["--orbit", "nan,97", "--out", "x"], 2, "altitude = nan"),
        (["--orbit", "550,97", "--tle", "y", "--out", "x"], 2, "not allowed with"),
        (["--orbit", "550,97", "--out", "x", "--step", "7"], 2, "step = 7: one of 1, 2, 2.5"),
        (["--orbit", "550,97", "--out", "x", "--step", "q"], 2, "'q' is no number"),
        (["--tle", "nothing.tle", "--out", "x"], 2, "nothing.tle: No such file"),
        (["--tle", "bad.tle", "--out", "x"], 2, "bad.tle: line 2 of the TLE is there 0 times"),
    ],
)
def test_wrong_use_is_one_line_and_writes_nothing(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    words: list[str],
    code: int,
    hint: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.tle").write_text(TLE.splitlines()[1] + "\n\xff")
    assert main(["environment", "build", *words]) == code
    captured = capsys.readouterr()
    assert hint in captured.err
    assert captured.err.count("\n") == 1
    assert not Path("x").exists()


def test_without_the_extra_one_line_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "aep8", None)
    out = tmp_path / "x.npz"
    assert main(["environment", "build", "--orbit", "550,97.6", "--out", str(out)]) == 1
    captured = capsys.readouterr()
    assert "pip install -e '.[environment]'" in captured.err
    assert captured.err.count("\n") == 1
    assert not out.exists()


def plane(
    latitude: np.ndarray, longitude: np.ndarray, radius: np.ndarray, energy: float
) -> np.ndarray:
    """A stand-in for AP8 from which place and radius can be read back."""
    del energy
    assert radius.shape == (latitude.shape[0], 1)
    return 200 + latitude + longitude / 1000 + 0 * radius


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ap8, "flux", plane)
    monkeypatch.setattr(ap8, "load", lambda: None)
    monkeypatch.setattr("importlib.metadata.version", lambda name: f"of {name}")


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("step", STEPS)
def test_the_cells_are_where_the_node_looks_for_them(step: float) -> None:
    table = build(SSO, 30, step)
    assert table.step == step
    assert decode_table(encode_table(table)).description == table.description
    north, east = np.array([-90, -33.3, 0, 71.1, 90]), np.array([-180, -60, 0.5, 10, 100])
    found = FluxMap(table, 0).flux(north, east)
    assert found == pytest.approx(200 + north + east / 1000, abs=1e-4)


@pytest.mark.usefixtures("fake")
def test_the_verb_writes_a_table_and_says_so(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "iss.tle").write_text(TLE)
    out = tmp_path / "iss.npz"
    words = ["environment", "build", "--tle", str(tmp_path / "iss.tle"), "--out", str(out)]
    assert main([*words, "--energy", "50", "--step", "5", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    table = decode_table(out.read_bytes())
    assert said["octets"] == len(out.read_bytes())
    assert (said["rows"], said["columns"]) == table.flux.shape == (37, 72)
    assert table.description.elements == parse_tle(TLE)
    assert table.description.energy == said["energy_mev"] == 50
    assert table.description.altitude == pytest.approx(said["altitude_km"])
    assert 410 < table.description.altitude < 425
    assert main(words) == 0
    assert "91 x 180 cells" in capsys.readouterr().out


def test_the_radius_follows_the_orbit() -> None:
    """The theory of J2 and J3 says how far a circle of mean elements is off (Brouwer 1959)."""
    latitudes = np.arange(-90, 91, 5.0)
    circle = radius_profile(SSO, latitudes)
    j2, j3, equator, axis = 1.082616e-3, -2.53881e-6, 6378.135, 6928.135
    south_to_north = 2 * -j3 / (2 * j2) * equator * np.sin(np.radians(97.6)) ** 2
    assert circle[0] - circle[-1] == pytest.approx(south_to_north, abs=0.3)
    flattening = 2 * j2 * equator**2 / (4 * axis) * np.sin(np.radians(97.6)) ** 2
    assert circle[18] - (circle[0] + circle[-1]) / 2 == pytest.approx(flattening, abs=0.3)
    values = {name: getattr(SSO, name) for name in SSO.__struct_fields__}
    ellipse = radius_profile(
        Elements(**(values | {"eccentricity": 0.02, "perigee": 270.0})), latitudes
    )
    assert ellipse[-1] - ellipse[0] == pytest.approx(2 * 0.02 * axis - south_to_north, rel=0.03)
    low = radius_profile(Elements.circular(420, 51.6, SSO.epoch), latitudes)
    assert len(set(low[:7].tolist())) == 1  # beyond 51.6 deg: the southernmost that it reaches


@pytest.mark.parametrize("energy", [0.05, 300.1, 400.0, -1.0, float("nan")])
def test_an_energy_outside_the_model_is_refused(energy: float) -> None:
    with pytest.raises(ValueError, match=r"energy = .*0.1 to 300 MeV"):
        ap8.flux(0, 0, 6928, energy)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -1.0])
def test_what_is_no_number_is_never_a_flux(wrong: float) -> None:
    with pytest.raises(ValueError, match="no number at 1 of 3 places"):
        ap8.checked(np.array([0.0, wrong, 2.0]))
    assert ap8.checked(np.zeros(3)).sum() == 0


def test_the_shipped_table_is_built_again_from_what_it_says() -> None:
    pytest.importorskip("aep8", reason="aep8 comes with the extra [environment] only")
    shipped = decode_table(SHIPPED.read_bytes())
    coarse = build(shipped.description.elements, shipped.description.energy, 10.0)
    assert coarse.flux == pytest.approx(shipped.flux[::5, ::5], rel=0.02, abs=0.1)
    every = np.arange(-90, 91, 2.0)[:, None], np.arange(-180, 180, 2.0), shipped.radius[:, None]
    some = np.s_[22:36:3], np.s_[60:110:7]
    exact = ap8.flux(every[0][some[0]], every[1][some[1]], every[2][some[0]], 30)
    assert exact.max() > 1000
    assert exact == pytest.approx(shipped.flux[some], rel=1e-4, abs=1e-4)


def test_ap8_is_asked_at_the_right_place() -> None:
    """The package's own answers at geodetic places, given to us as latitude, longitude, radius."""
    aep8 = pytest.importorskip("aep8", reason="aep8 comes with the extra [environment] only")
    from astropy import units
    from astropy.coordinates import EarthLocation
    from astropy.time import Time

    place = EarthLocation.from_geodetic([15, -40] * units.deg, [-45, -25] * units.deg, 600e3)
    model = aep8.model(particle="p", solar="min")
    expected = model.integral_flux(place, Time("1964-01-01"), 10 * units.MeV)
    sphere = place.itrs.spherical
    found = ap8.flux(sphere.lat.deg, sphere.lon.deg, sphere.distance.to_value("km"), 10)
    assert expected.to_value(1 / units.cm**2 / units.s) == pytest.approx(found, rel=1e-9)
    assert found.min() > 10
