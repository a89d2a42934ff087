"""``ground pass watch`` on a terminal and off it, and what it says as time goes on."""

from __future__ import annotations

import fcntl
import itertools
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ground.cli.skyview import countdown, status
from ground.passes.geometry import PassError, Site, Sky
from ground.passes.predict import passes
from ground.passes.sight import AHEAD, Watch

FIRST = "1 25544U 98067A   24001.50000000  .00016717  00000-0  10270-3 0  9009"
SECOND = "2 25544  51.6400 208.9163 0006317  69.9862  25.2906 15.49815321    18"
BEGIN = datetime(2024, 1, 1, 12, 30, tzinfo=UTC).timestamp()
DELFT = Site(52.0, 4.36, 20.0)
DEADLINE = 30.0


def test_it_counts_down_to_each_edge_and_goes_on_to_the_next_pass() -> None:
    sky = Sky(FIRST, SECOND, DELFT)
    first, second = itertools.islice(passes(sky, BEGIN, BEGIN + AHEAD, 5.0), 2)
    watch = Watch(sky, 5.0)
    said = {
        round(utc - first.aos): status(watch.at(utc))
        for utc in (first.aos - 3600, first.aos - 59.5, first.aos + 1, first.los - 0.5)
    }
    assert list(said.values()) == [
        "AOS in 1:00:00", "AOS in 1:00", f"in view, LOS in {countdown(first.duration - 1)}",
        "in view, LOS in 0:01",
    ]  # fmt: skip
    after = watch.at(first.los + 1)
    assert after.coming is not None
    assert not after.in_view
    assert after.coming.aos == pytest.approx(second.aos, abs=0.01)


def test_range_rate_is_the_slope_of_the_range() -> None:
    sky = Sky(FIRST, SECOND, DELFT)
    for minute in range(0, 100, 7):
        utc = BEGIN + 60 * minute
        slope = (sky.look(utc + 0.5).range - sky.look(utc - 0.5).range) / 1.0
        assert sky.look(utc).range_rate == pytest.approx(slope, abs=1e-4)


def test_no_pass_ahead_and_one_without_end_are_said() -> None:
    def line(number: int, body: str) -> str:
        digit = sum(int(c) if c.isdigit() else c == "-" for c in body) % 10
        assert len(body) == 68, number
        return f"{body}{digit}"

    first = line(1, "1 00001U 24001A   24001.50000000  .00000000  00000-0  00000-0 0  000")
    still = line(2, "2 00001   0.0100 100.0000 0001000   0.0000 000.0000  1.00270000    1")
    seen = [
        Watch(Sky(first, still, Site(0.0, float(east))), 5.0).at(BEGIN)
        for east in range(0, 360, 60)
    ]
    said = {status(each) for each in seen}
    assert said == {"in view", "no pass ahead"}


def test_elements_are_the_last_of_a_file_with_the_line_before_as_name() -> None:
    names = {"NODE 1\n": "NODE 1", "0 NODE 1\r\n": "NODE 1", "1KUNS-PF\n": "1KUNS-PF"}
    names |= {"": "25544", f"A\n{FIRST}\n{SECOND}\n": "25544"}
    for title, name in names.items():
        assert Sky.of(f"{title}{FIRST}\n{SECOND}\n", DELFT).name == name
    for text in ("", FIRST, SECOND, f"{SECOND}\n{FIRST}\n", f"{FIRST}\nX\n{SECOND}"):
        with pytest.raises(PassError, match="no two-line"):
            Sky.of(text, DELFT)


COUNTS = [(0, "0:00"), (-3, "0:00"), (0.2, "0:01"), (59.5, "1:00"), (3600, "1:00:00")]


@pytest.mark.parametrize(("seconds", "text"), COUNTS)
def test_a_countdown_ends_at_zero(seconds: float, text: str) -> None:
    assert countdown(seconds) == text


def words(folder: Path, *more: str) -> list[str]:
    file = folder / "orbit.tle"
    file.write_text(f"NODE 1\n{FIRST}\n{SECOND}\n")
    where = ["--tle", str(file), "--station", "52,4.36,20", "--stale"]
    return [sys.executable, "-m", "ground", "pass", "watch", *where, *more]


def test_lines_come_where_nobody_watches(tmp_path: Path) -> None:
    done = subprocess.run(words(tmp_path, "--count", "2"), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert re.match(r"20\d\d-\d\d-\d\dT[\d:.]+Z  azimuth .* elevation .* range .* km/s  ", line)
    assert "\x1b" not in done.stdout


def test_a_terminal_has_one_table_that_changes(tmp_path: Path) -> None:
    try:
        master, slave = pty.openpty()
    except OSError as error:  # a chroot without devpts
        pytest.skip(f"no terminals here: {error}")
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    process = subprocess.Popen(
        words(tmp_path), stdin=slave, stdout=slave, stderr=slave, env=os.environ | {"TERM": "xterm"}
    )
    os.close(slave)
    shown, limit = "", time.monotonic() + DEADLINE
    try:
        while shown.count("range rate") < 3:
            assert time.monotonic() < limit, shown
            if select.select([master], [], [], 1.0)[0]:
                shown += os.read(master, 65536).decode()
        process.send_signal(signal.SIGINT)
        while select.select([master], [], [], DEADLINE)[0]:
            try:
                shown += os.read(master, 65536).decode()
            except OSError:  # the other end is closed
                break
        assert process.wait(DEADLINE) == 130
    finally:
        process.kill()
        process.wait()
        os.close(master)
    assert "NODE 1" in shown
    assert "\x1b[1A" in shown  # the cursor goes back up instead of a new table below
    assert shown.rindex("\x1b[?25h") > shown.index("\x1b[?25l")  # it is shown again at the end
    assert "Traceback" not in shown
