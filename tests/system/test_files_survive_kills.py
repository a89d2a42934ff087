"""Files both ways while the link process, the station and the whole node are killed: real ones."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flight.config import default_path
from ground.jsonlines import ControlClient
from hil.bench.local import LocalBench

RATE = 1_000_000  # bit/s, both ways
SIZE = 800_000  # octets: 6.4 s of link time
SEGMENT = 592  # octets of the file in a PDU
# Each kill may cost the progress of 1 s that was not yet saved (flight.link.cfdp.settings), that of
# the node also the last quarter, which leaves before the station notices its silence. To begin
# anew each time would cost 9.6 s.
COST = 5.0 * RATE / 8  # octets
DEADLINE = 60.0
DIRECTION = f"rate = {RATE}\ndelay = 0.02\nber = 1e-6\n"

Line = dict[str, Any]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[LocalBench]:
    link = tmp_path / "link.toml"
    link.write_text(f"[up]\n{DIRECTION}[down]\n{DIRECTION}")
    configs = tmp_path / "configs"
    configs.mkdir()
    for each in default_path().parent.iterdir():
        (configs / each.name).symlink_to(each)
    config = configs / "node.toml"
    text = config.read_text()
    config.unlink()
    config.write_text(f"{text}\n[parameters.link]\ndownlink_rate = {RATE}.0\n")
    with LocalBench(tmp_path / "bench", link=link, config=config) as made:
        yield made


class Operator:
    """Follows the station, also over its death. A context manager."""

    def __init__(self, bench: LocalBench) -> None:
        self.bench = bench
        self.connect()

    def __enter__(self) -> Operator:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def connect(self) -> None:
        self.client = ControlClient(self.bench.station_dir / "control.sock", "station")
        kinds = ["uplink", "progress", "file", "event", "stage", "packet", "link"]
        self.client.request({"verb": "watch", "kinds": kinds})

    def until(self, done: Callable[[Line], bool], what: str) -> Line:
        end = self.bench.clock.now() + DEADLINE
        while (left := end - self.bench.clock.now()) > 0:
            line = self.client.receive(left)
            if line is not None and done(line):
                return line
        raise AssertionError(f"{what}: not within {DEADLINE} s")

    def nominal(self) -> None:
        self.until(
            lambda line: (
                line.get("packet") == "node.state" and line["message"]["mode"] == "NOMINAL"
            ),
            "nominal mode",
        )

    def kill(self, what: str) -> None:
        """SIGKILL, and the restart that its supervisor would make."""
        if what == "link":
            os.kill(self.bench.named("link"), signal.SIGKILL)
            return
        os.kill(self.bench.pid(what), signal.SIGKILL)
        if what == "node":
            self.bench.restart_node()
            return
        self.client.close()
        self.bench.stop("station")
        self.bench.start_station()
        self.connect()

    def frames(self, direction: str) -> int:
        """Frames that were handed to the emulator."""
        with ControlClient(self.bench._sockets / "emulator.sock", "emulator") as client:
            return int(client.request({"counters": True})[direction]["offered"])

    def kill_on_the_way(self, kind: str, field: str) -> None:
        """One after the other, at a quarter, half and three quarters of the file."""
        for quarter, what in enumerate(("link", "station", "node"), 1):

            def so_far(line: Line, least: int = quarter * SIZE // 4) -> bool:
                return bool(line["happening"] == kind and line[field] >= least)

            self.until(so_far, f"{quarter}/4 of the file")
            self.kill(what)


def test_files_go_on_after_every_kill(bench: LocalBench, tmp_path: Path) -> None:
    data = random.Random(1).randbytes(SIZE)
    path = tmp_path / "scene.bin"
    path.write_bytes(data)
    with Operator(bench) as operator:
        operator.nominal()
        before = operator.frames("up")
        operator.client.request({"verb": "put", "path": str(path), "name": "scene.bin"})
        path.unlink()  # what goes up is a copy
        operator.kill_on_the_way("uplink", "sent")
        line = operator.until(
            lambda line: line["happening"] == "uplink" and bool(line["outcome"]), "the end"
        )
        assert line["outcome"] == "NO_ERROR"
        assert (bench.node_dir / "uplink" / "scene.bin").read_bytes() == data
        assert not list((bench.node_dir / "uplink").glob(".part-*"))
        assert not list((bench.station_dir / "outgoing").iterdir())
        again = operator.frames("up") - before - -(-SIZE // SEGMENT)
        assert again * SEGMENT < COST, f"{again} frames again"

        operator.nominal()
        wanted = {"verb": "send", "command": "file.send", "arguments": {"name": "scene.bin"}}
        operator.client.request(wanted)
        operator.kill_on_the_way("progress", "received")
        operator.until(lambda line: line["happening"] == "file", "the file")
        assert (bench.station_dir / "inbox" / "scene.bin").read_bytes() == data
        assert not list((bench.station_dir / "inbox").glob(".part-*"))
        operator.until(lambda line: line.get("text") == "downlink of scene.bin confirmed", "word")
