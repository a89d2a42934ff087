"""Files through the fountain between real processes, over a link that loses one frame in ten."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from ground.__main__ import main
from hil.bench.local import LocalBench

LINK = "[up]\nrate = 4e6\ndelay = 0.05\n[down]\nrate = 4e6\ndelay = 0.05\ngarble = 0.1\n"
OCTETS = 200_000


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[LocalBench]:
    pytest.importorskip("raptorq")
    (tmp_path / "link.toml").write_text(LINK)
    with LocalBench(tmp_path / "bench", link=tmp_path / "link.toml") as made:
        made.follow(
            lambda line: (
                line.get("packet") == "node.state" and line["message"]["mode"] == "NOMINAL"
            ),
            60.0,
            "nominal mode",
        )
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
