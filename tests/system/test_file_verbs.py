"""The file verbs of ``ground`` against a real node, over a real link."""

from __future__ import annotations

import contextlib
import io
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ground.__main__ import main
from hil.bench.local import LocalBench

LINK = "[up]\nrate = 4e6\ndelay = 0.01\nber = 1e-6\n[down]\nrate = 4e6\ndelay = 0.01\nber = 1e-6\n"


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBench]:
    folder = tmp_path_factory.mktemp("verbs")
    (folder / "link.toml").write_text(LINK)
    with LocalBench(folder / "bench", link=folder / "link.toml") as made:
        made.nominal()
        yield made


def run(bench: LocalBench, *words: str, code: int = 0) -> str:
    """What a verb printed, refusals included."""
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        found = main([*words, "--dir", str(bench.station_dir)])
    assert found == code, (words, found, out.getvalue(), errors.getvalue())
    return out.getvalue() + errors.getvalue()


def made(folder: Path, name: str, octets: int) -> Path:
    path = folder / name
    path.write_bytes(random.Random(name).randbytes(octets))
    return path


def transfers(bench: LocalBench) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in json.loads(run(bench, "file", "status", "--json"))}


def test_up_listed_down_and_removed(bench: LocalBench, tmp_path: Path) -> None:
    path = made(tmp_path, "scene.bin", 100_000)
    assert "100000 octets on board" in run(bench, "file", "put", str(path), "--wait")
    listed = json.loads(run(bench, "file", "ls", "--node", "--json"))
    row = {"name": "scene.bin", "kind": "uplinked", "octets": 100_000}
    assert row in listed
    assert "scene.bin" not in run(bench, "file", "ls")
    copy = tmp_path / "copy.bin"
    run(bench, "file", "get", "scene.bin", "--out", str(copy))
    assert copy.read_bytes() == path.read_bytes()
    assert "scene.bin" in run(bench, "file", "ls")
    run(bench, "file", "rm", "scene.bin")
    assert "UNKNOWN" in run(bench, "file", "rm", "scene.bin", code=4)
    run(bench, "file", "get", "scene.bin")  # what was received is still here
    said = run(bench, "file", "get", "scene.bim", code=4)
    assert "has not been received; did you mean scene.bin?" in said
    assert row not in json.loads(run(bench, "file", "ls", "--node", "--json"))


def test_transfers_are_held_and_given_up(bench: LocalBench, tmp_path: Path) -> None:
    for name, more in (("slow.bin", ()), ("first.bin", ("--priority", "9"))):
        run(bench, "file", "put", str(made(tmp_path, name, 3_000_000)), *more)
    assert list(transfers(bench)) == ["first.bin", "slow.bin"]
    run(bench, "file", "pause", "first.bin")
    assert transfers(bench)["first.bin"]["held"]
    table = run(bench, "file", "status")
    assert "held" in table
    assert "octets/s" in table
    run(bench, "file", "cancel", "slow.bin")
    run(bench, "file", "resume", "first.bin")
    bench.follow(
        lambda line: (
            line["happening"] == "event"
            and line["text"] == "uplink of first.bin complete, 3000000 octets"
        ),
        30.0,
        "the file",
    )
    assert not (bench.node_dir / "uplink" / "slow.bin").exists()
    run(bench, "cmd", "send", "file.send", "name=first.bin", "--wait", "COMPLETED")
    run(bench, "file", "pause", "first.bin")
    bench.follow(
        lambda line: (
            line.get("packet") == "file.transfer"
            and line["message"]["name"] == "first.bin"
            and line["message"]["suspended"]
        ),
        10.0,
        "word of the held file",
    )
    run(bench, "file", "cancel", "first.bin")  # no word of it would leave, were it still held
    bench.follow(
        lambda line: line["happening"] == "event" and line["event"] == "downlinkended",
        10.0,
        "its end",
    )
    assert "UNKNOWN" in run(bench, "file", "resume", "first.bin", code=4)


def test_class_1_takes_what_comes(bench: LocalBench, tmp_path: Path) -> None:
    path = made(tmp_path, "once.bin", 20_000)
    run(bench, "file", "put", str(path), "--class", "1")
    bench.follow(
        lambda line: line["happening"] == "event" and "once.bin" in line["text"],
        30.0,
        "word of the file",
    )


def test_the_ground_refuses_what_no_node_takes(bench: LocalBench, tmp_path: Path) -> None:
    path = made(tmp_path, "a", 1)
    for name in ("../a", ".a", "a b", "x" * 65):
        assert "no name" in run(bench, "file", "put", str(path), "--name", name, code=3)
    assert "No such file" in run(bench, "file", "put", str(tmp_path / "none"), code=2)
    assert "not between" not in run(bench, "file", "put", str(path), "--class", "3", code=2)
