"""The wheel works from another directory, in an environment that does not have the checkout."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=60,
    )
    (built,) = out.glob("*.whl")
    return built


def test_the_wheel_holds_configs_and_ledger_but_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "flight/configs/node.toml" in names
    assert "flight/configs/models/cloudnet-rgb/model.onnx" in names
    assert "flight/dictionary/ledger.json" in names
    assert not [name for name in names if name.startswith(("tests/", "docs/", "configs/"))]


def test_flight_doctor_runs_from_another_directory(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=False)
    (site,) = (tmp_path / "env").glob("lib/python*/site-packages")
    zipfile.ZipFile(wheel).extractall(site)
    # The dependencies are those of the development environment; a .pth file inside such a folder is
    # not read, so that the project itself comes from the wheel.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = subprocess.run(
        [tmp_path / "env" / "bin" / "python", "-m", "flight", "doctor"],
        cwd=elsewhere,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert str(site / "flight" / "configs" / "node.toml") in done.stdout
    assert "FAIL" not in done.stdout
