"""A node with coding in its configuration, as a process."""

from __future__ import annotations

from pathlib import Path

import pytest
from flying_node import FlyingNode, configuration

from flight.config import ConfigError, load
from flight.dictionary.commands import SetParameter
from flight.dictionary.enums import Reason, Stage


def coded(folder: Path, coding: str) -> Path:
    path = configuration(folder)
    path.write_text(path.read_text().replace("0xA5", f'0xA5\ncoding = "{coding}"', 1))
    return path


def test_a_frame_length_that_does_not_fit_the_code_does_not_ground_the_node(
    tmp_path: Path,
) -> None:
    coding = "cltu-randomised rs1"  # code blocks of 223 octets of data; frames have 640
    path = coded(tmp_path, coding)
    for _ in range(2):
        with FlyingNode(tmp_path, path, coding=coding, frame_size=223) as node:
            assert node.answers()
            asked = node.command(SetParameter("link.frame_size", 1120.0))
            assert node.outcome(asked) == (Stage.COMPLETED, Reason.NONE)


def test_words_that_are_no_coding_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"link\.coding = 'rs7': words of"):
        load(coded(tmp_path, "rs7"))
