"""A program goes up through the command line and runs, with real processes and a noisy link."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flight.config import default_path
from flight.dictionary.product import decode_product
from ground.__main__ import main
from ground.products.unpack import unpack
from hil.bench.local import LocalBench

SOURCE = """
import os

with open({marker!r}, "a") as file:
    file.write(f"{{os.getpid()}}\\n")

class Bright:
    def __init__(self, inputs):
        self.inputs = inputs

    def steps(self):
        return 1

    def start(self):
        return {{"step": 0}}

    def step(self, state):
        bright = self.inputs.scene.max(-1) > self.inputs.parameters.threshold
        return {{"step": 1, "mask": bright.astype("uint8")}}

    def done(self, state):
        return state["step"] == 1

    def result(self, state):
        return state["mask"]
"""
DESCRIPTION = """
name = "bright"
version = {version}
entry = "bright:Bright"
summary = "Pixels above a threshold"
result = "MASK"
[parameters.threshold]
type = "u8"
lo = 0
hi = 255
default = 128
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key, program, scene and configuration."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "payload").mkdir()
    scene = np.random.default_rng(3).integers(1, 255, (40, 40, 3), np.uint8)
    np.savez(folder / "payload" / "hills.npz", rgb=scene)
    assert main(["program", "key", str(folder / "key")]) == 0
    (folder / "node.toml").write_text(
        "seed = 1\n[link]\nspacecraft = 0xA5\n"
        '[link.space]\nlisten = "127.0.0.1:52001"\npeer = "127.0.0.1:52002"\n'
        '[executor]\npayload = "payload"\n'
        '[inference]\nmodels = "models"\nactive = ["absent"]\n'
        f'[governor]\nboard = "{default_path().parent}/boards/simulated.toml"\n'
        f'[storage]\nprogram_keys = ["{(folder / "key.pub").read_text().strip()}"]\n'
    )
    program = folder / "program"
    program.mkdir()
    source = SOURCE.format(marker=str(folder / "imported"))
    (program / "bright.py").write_text(source + "# filler\n" * 3000)
    for version in (1, 2):
        (program / "program.toml").write_text(DESCRIPTION.format(version=version))
        words = [str(program), "--key", str(folder / "key"), "--out", str(folder / f"v{version}")]
        assert main(["program", "pack", *words]) == 0
    return folder


@pytest.fixture(scope="module")
def bench(folder: Path) -> Iterator[LocalBench]:
    with LocalBench(folder / "bench", config=folder / "node.toml") as bench:
        bench.follow(lambda line: line.get("packet") == "node.state", 30, "the node")
        yield bench


class Console:
    """``ground`` in this process: the same code, without the interpreter's start."""

    def __init__(self, bench: LocalBench, capsys: pytest.CaptureFixture[str]) -> None:
        self._bench, self._capsys = bench, capsys

    def __call__(self, *words: str, code: int = 0) -> str:
        station = ["--dir", str(self._bench.station_dir)]
        found = main([*words, *station])
        shown = self._capsys.readouterr()
        assert found == code, shown
        return shown.out if code == 0 else shown.err

    def json(self, *words: str) -> Any:
        return json.loads(self(*words, "--json"))


@pytest.fixture
def ground(bench: LocalBench, capsys: pytest.CaptureFixture[str]) -> Console:
    return Console(bench, capsys)


def listed(ground: Console, bench: LocalBench, expected: list[tuple[int, bool]]) -> None:
    """Wait until the station knows these versions; a report may get lost, and comes again."""
    while [(e["version"], e["active"]) for e in ground.json("program", "list")] != expected:
        bench.follow(lambda line: line.get("packet") == "housekeeping", 30, f"{expected}")


def test_a_program_goes_up_and_runs(ground: Console, bench: LocalBench, folder: Path) -> None:
    ground("program", "push", str(folder / "v1"), "--wait")
    listed(ground, bench, [(1, False)])
    assert "did you mean bright?" in ground("program", "activate", "brihgt", "1", code=4)
    ground("program", "activate", "bright", "1")
    assert not (folder / "imported").exists(), "nothing has imported it yet"
    services = set(bench.node_processes())
    task = ["task", "submit", "bright", "hills", "--set", "threshold=200", "--level", "tmr"]
    done = ground.json(*task, "--wait")
    assert done["product"]["verdict"] == "verified"
    assert done["product"]["product"]["program"] == "bright 1"
    name = done["product"]["name"]
    product = decode_product((bench.station_dir / "inbox" / name).read_bytes())
    with np.load(folder / "payload" / "hills.npz") as scene:
        assert np.array_equal(unpack(product), scene["rgb"].max(-1) > 200)
    importers = [int(line) for line in (folder / "imported").read_text().split()]
    assert len(set(importers)) == 3, "one for each replica"
    assert not services & set(importers), "no service has imported it"


def test_versions_are_listed_turned_and_turned_back(
    ground: Console, bench: LocalBench, folder: Path
) -> None:
    pushed = ground.json("program", "push", str(folder / "v2"), "--wait")
    assert (pushed["program"], pushed["version"]) == ("bright", 2)
    assert pushed["stages"][-1]["stage"] == "COMPLETED"
    ground("program", "activate", "bright", "2")
    assert "bright" in ground("program", "rollback", "bright")
    ground("program", "rollback", "bright", code=4)  # nothing was active before version 1
    listed(ground, bench, [(1, True), (2, False)])
    assert "active" in ground("program", "list")


def test_files_go_up(ground: Console, bench: LocalBench, folder: Path) -> None:
    path = folder / "some.bin"
    path.write_bytes(bytes(range(256)) * 100)
    shown = ground("file", "put", str(path), "--wait")
    assert "some.bin: 25600 octets on board" in shown
    kept = (bench.node_dir / "uplink" / "some.bin").read_bytes()
    assert kept == path.read_bytes()
    assert "no name for a file" in ground("file", "put", str(path), "--name", "../x", code=3)
    assert "No such file" in ground("file", "put", str(folder / "none"), code=2)
    sent = ground.json("file", "put", str(path), "--name", "again")
    assert sent["name"] == "again"
    assert not sent["delivered"]
