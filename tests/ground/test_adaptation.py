"""The station asks for other frames when errors ask for them, and cuts its own."""

from __future__ import annotations

import random
from pathlib import Path

from flight.dictionary.telemetry import LinkStatus
from flight.link.framelength import best
from ground.station.adaptation import Adaptation
from ground.station.filedesk import FileDesk
from ground.station.happenings import PacketReceived
from ground.station.settings import StationSettings
from hil.bench.virtual import VirtualBench


def adaptation(folder: Path, **settings: bool) -> tuple[Adaptation, FileDesk]:
    files = FileDesk(folder, 0.1, 0.0, 1)
    return Adaptation(StationSettings(0xA5, **settings), files, 30), files


def test_it_asks_for_the_length_that_carries_most(tmp_path: Path) -> None:
    adapt, _ = adaptation(tmp_path, adapts=True)
    source, size, good, bad = random.Random(1), 640, 0, 0
    for second in range(60):
        for _ in range(200):
            damaged = source.random() > (1 - 1e-4) ** (8 * size)
            good, bad = good + (not damaged), bad + damaged
        wanted = adapt.wanted({"good": good, "crc": bad}, float(second))
        size = wanted or size
    assert 0.8 < size / best(66, 1e-4, 192, 2048) < 1.25


def test_it_asks_for_nothing_unless_it_is_wanted(tmp_path: Path) -> None:
    adapt, _ = adaptation(tmp_path)
    assert all(adapt.wanted({"good": s, "crc": 9 * s}, float(s)) is None for s in range(2000))


def test_files_go_up_in_frames_that_the_node_can_take(tmp_path: Path) -> None:
    adapt, files = adaptation(tmp_path)

    def told(good: int, bad: int) -> None:
        status = LinkStatus(good, 0, bad, 0, 0, 0, 0, False, 0, 0)
        adapt.hear([PacketReceived("link.status", status, 0)])

    before = files.segment
    told(1000, 500)
    assert files.segment < before
    short = files.segment
    told(0, 0)  # the node has started again
    assert files.segment == short
    for round_ in range(1, 40):
        told(1000 * round_, 0)
    assert short < files.segment <= 1024 - 62


def test_the_node_makes_the_frames_that_it_is_asked_for(tmp_path: Path) -> None:
    bench = VirtualBench(tmp_path, 1)
    assert bench.run(20.0, lambda: bench.station.link_up)
    bench.send("parameter.set", name="link.frame_size", value="300")

    def sizes() -> set[int]:
        now = bench.time.clock.now()
        return {len(raw) for at, way, raw in bench.trace if way == "down" and at > now - 1}

    assert bench.run(20.0, lambda: sizes() == {300})
    assert bench.station.link_up
