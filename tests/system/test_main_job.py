"""The demonstration and a reduced kill campaign, as a user and as CI run them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from hil.campaign.kills import conclude, trial

ROOT = Path(__file__).parents[2]
KILL_SEEDS = (1, 7, 8, 36)  # early kills of the full campaign; 36 is the executive


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    out = tmp_path_factory.mktemp("demo") / "run"
    done = subprocess.run(
        [sys.executable, "-m", "hil", "demo", "--out", str(out)],
        cwd=ROOT,
        env=os.environ | {"CI": "true"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return done, out


def test_the_masks_are_identical_under_attack(
    demo: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    done, out = demo
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads((out / "summary.json").read_text())
    assert summary["identical"]
    assert summary["digest_undisturbed"] == summary["digest_under_attack"]
    assert summary["upsets"]["injected"]["state_bits"] >= 4
    assert summary["upsets"]["masked"] >= 1
    assert summary["upsets"]["corrected"] >= 1
    assert summary["upsets"]["replicas_replaced"] >= 1
    assert summary["frames"]["down"]["lost_in_outage"] > 0
    assert summary["leftovers"] == []


def test_the_account_is_plain_without_a_terminal(
    demo: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    done, _ = demo
    assert "\x1b" not in done.stdout
    for word in ("COMPLETED", "so far: 1 masked", "flipped", "killed", "cut the link", "identical"):
        assert word in done.stdout


def test_the_picture_is_a_picture(demo: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    with Image.open(demo[1] / "product.png") as picture:
        assert picture.width > 2 * 700
        assert picture.height > 700


@pytest.mark.timeout(300)
def test_the_job_survives_kills_of_node_processes(tmp_path: Path) -> None:
    trials = [trial(seed, tmp_path / str(seed)) for seed in KILL_SEEDS]
    outcome = conclude(trials)
    assert outcome["ok"], outcome
    assert outcome["trials"] >= 2, f"of {len(trials)} jobs too many ended before the kill"
