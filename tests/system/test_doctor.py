"""``flight doctor`` reads the files of the orbit that a node would stand on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from flying_node import CONFIGS, flight
from sgp4.api import WGS72, Satrec
from sgp4.exporter import export_tle


def elements() -> str:
    """A circle of 550 km, written by sgp4's own exporter."""
    satellite = Satrec()
    satellite.sgp4init(WGS72, "i", 5, 27759.0, 0.0, 0.0, 0.0, 0.001, 0.0, 1.7, 0.0, 0.0657, 0.0)
    satellite.classification, satellite.intldesg = "U", "26001A"
    satellite.ephtype = satellite.elnum = satellite.revnum = 0
    return "\n".join(export_tle(satellite)) + "\n"


@pytest.fixture
def node_toml(tmp_path: Path) -> Path:
    shutil.copytree(CONFIGS, tmp_path / "configs")
    path = tmp_path / "configs" / "node.toml"
    for name in ("[radiation]", "tle =", "flux ="):
        path.write_text(path.read_text().replace(f"# {name}", name))
    return path


def orbit(node_toml: Path) -> tuple[bool, str]:
    """What is said of the orbit; everything else is fit."""
    done = flight("flight", "doctor", "--json", "--config", str(node_toml))
    *others, row = json.loads(done.stdout)
    assert row["check"] == "orbit"
    assert all(other["ok"] for other in others)
    assert done.returncode == (0 if row["ok"] else 1)
    return row["ok"], row["detail"]


def test_files_of_the_orbit_are_read(node_toml: Path) -> None:
    tle = node_toml.parent / "environment" / "orbit.tle"
    assert orbit(node_toml) == (False, f"{tle}: No such file or directory")
    tle.write_text(elements())
    ok, said = orbit(node_toml)
    assert ok, said
    assert "97.4" in said
    tle.write_text(elements().replace("97.4", "97.5", 1))
    assert orbit(node_toml)[0] is False, "the checksum of the line is wrong"
    tle.write_text(elements())
    flux = node_toml.parent / "environment" / "sso-550.npz"
    flux.write_bytes(flux.read_bytes()[:-1])
    assert orbit(node_toml)[0] is False


def test_a_node_on_ground_needs_none() -> None:
    assert orbit(CONFIGS / "node.toml") == (
        True,
        "none configured; the node takes itself to be on ground",
    )
