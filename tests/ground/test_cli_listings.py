"""What verbs print of the archive."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from ground.__main__ import main
from ground.station.archive import Archive

NOON = 1_767_268_800_000_000_000  # 2026-01-01T12:00:00Z
COUNTS = dict.fromkeys(("step", "steps", "votes", "masked"), 2)


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("TARDIGRADE_STATION", str(tmp_path))
    return Archive(tmp_path / "archive.sqlite", NOON)


def printed(archive: Archive, capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    archive.commit()
    archive.close()
    assert main(list(words)) == 0
    return capsys.readouterr().out.splitlines()


def test_a_failed_task_says_why(archive: Archive, capsys: pytest.CaptureFixture[str]) -> None:
    task = COUNTS | {"program": "compress", "scene": "hills", "level": "DMR"}
    archive.set_task(1, task | {"task": 1, "state": "COMPLETED", "reason": "NONE"}, NOON)
    archive.set_task(2, task | {"task": 2, "state": "FAILED", "reason": "CANCELLED"}, NOON)
    _, failed, completed = printed(archive, capsys, "task", "status")
    assert "DMR    FAILED (CANCELLED)  2/2" in failed
    assert "DMR    COMPLETED           2/2" in completed


def test_what_is_no_product_is_not_drawn(
    archive: Archive, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    data = b"# no product"
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "README.md").write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    archive.add_file("README.md", len(data), digest, "plain", {}, NOON)
    archive.close()
    picture, copy = tmp_path / "p.png", tmp_path / "copy"
    words = ["file", "get", "README.md", "--render", str(picture), "--out", str(copy)]
    assert main(words) == 2
    assert capsys.readouterr().err == "ground: README.md is no product: there is nothing to draw\n"
    assert not picture.exists()
    assert not copy.exists()


def test_history_leaves_out_arguments_that_are_empty(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    archive.add_command(1, "task.run", {"program": "p", "second": "", "deadline": "0"}, NOON)
    _, line = printed(archive, capsys, "cmd", "history")
    assert "task.run program=p deadline=0" in line


def test_a_map_of_memory_says_when_it_was_drawn(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    status = dict.fromkeys(("size", "passes", "corrected", "uncorrectable", "quarantined"), 0)
    status |= {"regions": 1, "period": 60.0, "oldest": 0.0, "hardware": False}
    drawn = {"region": "t1.ecc", "blocks": 2, "per_cell": 1, "ages": "ab", "hits": "03"}
    archive.add_packet("scrub.map", drawn, NOON, NOON)
    archive.add_packet("environment", {"valid": False, "mode": "QUIET"}, NOON, NOON + 10**9)
    archive.add_packet("scrub.status", status, NOON, NOON + 10**9)
    lines = printed(archive, capsys, "radiation")
    assert "t1.ecc: 2 blocks, 1 per cell; map of 2026-01-01T12:00:00.000Z" in lines
    assert "  hits .3" in lines
