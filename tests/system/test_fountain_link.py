"""Files through the fountain between real processes, over a link that loses one frame in ten."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ground.__main__ import main
from hil.bench.local import LocalBench

LINK = "[up]\nrate = 4e6\ndelay = 0.05\n[down]\nrate = 1e6\ndelay = 0.05\ngarble = 0.1\n"
OCTETS = 200_000


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[LocalBench]:
    pytest.importorskip("raptorq", reason="extra [fec]: wheels for x86-64 only")
    (tmp_path / "link.toml").write_text(LINK)
    with LocalBench(tmp_path / "bench", link=tmp_path / "link.toml") as made:
        made.nominal()
        yield made


def run(bench: LocalBench, *words: str) -> None:
    assert main([*words, "--dir", str(bench.station_dir)]) == 0


def test_a_file_comes_down_as_symbols(bench: LocalBench, tmp_path: Path) -> None:
    path, copy = tmp_path / "scene.bin", tmp_path / "copy.bin"
    path.write_bytes(random.Random(8).randbytes(OCTETS))
    run(bench, "file", "put", str(path), "--wait")
    run(bench, "cmd", "send", "parameter.set", "name=link.fountain_loss", "value=0.15",
        "--wait", "COMPLETED")  # fmt: skip
    before = bench.station_statistics()["files"]["pdus"]
    run(bench, "file", "get", "scene.bin", "--out", str(copy))
    assert copy.read_bytes() == path.read_bytes()
    statistics = bench.station_statistics()
    assert statistics["fountain"]["delivered"] == 1
    assert statistics["files"]["pdus"] == before  # none of it came by CFDP
    request = bench.send("ping")
    bench.follow(lambda line: line.get("request") == request, 30.0, "what was heard before")
    bench.follow(  # the event may be lost, this comes again and again
        lambda line: line.get("packet") == "housekeeping" and line["message"]["queued_files"] == 0,
        30.0,
        "the node to know that it came",
    )


def test_a_file_that_is_poured_is_held_let_go_and_given_up(
    bench: LocalBench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "large.bin"
    path.write_bytes(random.Random(8).randbytes(3_000_000))
    run(bench, "file", "put", str(path), "--wait")
    run(bench, "cmd", "send", "parameter.set", "name=link.fountain_loss", "value=0.15",
        "--wait", "COMPLETED")  # fmt: skip
    bench.send("file.send", name="large.bin")

    def status() -> list[dict[str, Any]]:
        capsys.readouterr()
        run(bench, "file", "status", "--json")
        return [each for each in json.loads(capsys.readouterr().out) if each["direction"] == "down"]

    def until(condition: Callable[[], Any], what: str) -> None:
        bench.follow(
            lambda line: line.get("packet") == "link.status" and bool(condition()), 30, what
        )

    until(status, "the file in the listing")
    assert [(each["name"], each["class"], each["held"]) for each in status()] == [
        ("large.bin", "fountain", False)
    ]
    run(bench, "file", "pause", "large.bin")
    until(lambda: status()[0]["held"], "a held file")
    assert "held" in table(bench, capsys)
    run(bench, "file", "resume", "large.bin")
    until(lambda: not status()[0]["held"], "an open file")
    run(bench, "file", "cancel", "large.bin")
    before = status()[0]["done"]
    request = bench.send("ping")
    bench.follow(lambda line: line.get("request") == request, 30, "an answer")
    assert status()[0]["done"] - before < 200_000


def table(bench: LocalBench, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    run(bench, "file", "status")
    return capsys.readouterr().out
