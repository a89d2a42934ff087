"""Both ends of the coded link, and what a node does with a ground that does not use it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight.link.coding.codeblock import DEPTHS, Shape
from flight.link.coding.ends import Coding, GroundCoding, NodeCoding
from ground.station.happenings import StageChanged
from hil.bench.virtual import VirtualBench


@pytest.mark.parametrize(
    ("text", "coding"),
    [
        ("", Coding()),
        ("cltu", Coding(True)),
        ("rs5 cltu-randomised", Coding(True, True, 5)),
        ("rs1", Coding(depth=1)),
    ],
)
def test_words(text: str, coding: Coding) -> None:
    assert Coding.parse(text) == coding


@pytest.mark.parametrize("text", ["rs6", "rs", "CLTU", "cltu,rs5", "turbo"])
def test_words_that_there_are_not(text: str) -> None:
    with pytest.raises(ValueError, match="known"):
        Coding.parse(text)


def test_frames_that_no_code_block_holds_are_refused_at_once() -> None:
    for end in (NodeCoding, GroundCoding):
        with pytest.raises(ValueError, match="code block"):
            end(Coding(depth=1), 640)


@given(st.sampled_from(DEPTHS), st.integers(128, 2048))
def test_a_length_that_fits_is_the_longest_one(depth: int, size: int) -> None:
    found = Coding(depth=depth).fitting(size)
    NodeCoding(Coding(depth=depth), found)
    for longer in range(found + 1, size + 1):
        with pytest.raises(ValueError):
            Shape(longer, depth, True)


@pytest.mark.parametrize("text", ["", "cltu", "cltu-randomised rs5"])
def test_frames_pass_both_ways(text: str) -> None:
    node, ground = (end(Coding.parse(text), 1115) for end in (NodeCoding, GroundCoding))
    down, up = bytes(range(223)) * 5, bytes((0, 0, 0, 19)) + bytes(16)
    assert ground.received(node.sent(down)) == [down]
    assert node.received(ground.sent(up)) == [up]


@pytest.mark.parametrize("same", [True, False])
def test_a_node_is_flown_over_a_coded_link(tmp_path: Path, same: bool) -> None:
    """BER 1e-5; a station without the coding hears nothing that it takes for a frame."""
    coding = "cltu-randomised rs5"
    bench = VirtualBench(tmp_path, 1, coding=coding, station_coding=coding if same else "")
    request = bench.send("ping")

    def done() -> bool:
        stages = [h for h in bench.happenings if isinstance(h, StageChanged)]
        return any(each.request == request and each.stage.final for each in stages)

    assert bench.run(30.0, done) is same
    assert bench.station.link_up is same
