"""What verbs say of what came, of what did not, and of what nobody knows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from scripted_station import ScriptedStation, link, progress, sent, stage, value

from flight.console.exits import Exit, Stop
from flight.dictionary.parameters import LinkParameters
from flight.link.clcw import Clcw
from flight.link.sdls import Direction, LinkEnd
from flight.link.spacepacket import SpacePacket
from flight.link.tm import TmFramer
from flight.runtime.counters import CounterFiles
from ground.__main__ import main
from ground.keys.holder import KeyHolder, open_ring
from ground.station.archive import RELEASE, Archive
from ground.station.filedesk import FileDesk
from ground.station.session import LinkSession
from ground.station.settings import StationSettings

SPACECRAFT = 0xA5
PING = ("cmd", "send", "ping", "--wait", "COMPLETED", "--timeout", "6")


class Line:
    """The command line, on a station that is scripted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: Any, folder: Path) -> None:
        self._patch, self._capsys, self.folder = monkeypatch, capsys, folder
        monkeypatch.setenv("TARDIGRADE_STATION", str(folder))

    def both(self, station: ScriptedStation, *words: str, code: int = 0) -> tuple[str, str]:
        """What it printed, and how it refused."""
        station.installed(self._patch)
        found = main(list(words))
        captured = self._capsys.readouterr()
        assert found == code, captured
        return captured.out, captured.err

    def __call__(self, station: ScriptedStation, *words: str, code: int = 0) -> str:
        """Its refusal, else what it printed."""
        printed, refusal = self.both(station, *words, code=code)
        return refusal or printed


@pytest.fixture
def line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Line:
    return Line(monkeypatch, capsys, tmp_path)


PUT = ("file", "put", "b1.bin", "--wait")


def test_of_a_file_that_is_not_acknowledged_nobody_knows(line: Line) -> None:
    said = line(ScriptedStation(sent("NO_ERROR")), *PUT, "--class", "1")
    assert "1000 octets sent; nothing is confirmed" in said
    assert "on board" not in said
    told = json.loads(line(ScriptedStation(sent("NO_ERROR")), *PUT, "--class", "1", "--json"))
    assert (told["sent"], told["delivered"]) == (True, None)
    told = json.loads(line(ScriptedStation(sent("NO_ERROR")), *PUT, "--json"))
    assert (told["sent"], told["delivered"]) == (True, True)
    told = json.loads(line(ScriptedStation(), *PUT[:-1], "--json"))
    assert (told["sent"], told["delivered"]) == (False, False)
    assert "1000 octets on board" in line(ScriptedStation(sent("NO_ERROR")), *PUT)
    late = line(ScriptedStation(sent("")), *PUT, "--class", "1", code=5)
    assert "is not all sent after 600 s" in late
    assert "is not on board after 600 s" in line(ScriptedStation(sent("")), *PUT, code=5)


def test_a_telecommand_for_later_is_told_by_its_own_id(line: Line) -> None:
    later = (*PING, "--at", "2999-01-01T00:00:00")
    done = stage("schedule.insert", "COMPLETED")
    said = line(ScriptedStation(done, scheduled=0x1234), *later)
    assert "released on board as request 0x00001234; see ground cmd status 0x00001234" in said
    said = line(ScriptedStation(scheduled=0x1234), *PING[:3], *later[-2:])
    assert "queued as request 0x00000007" in said
    assert "request 0x00001234" in said
    told = json.loads(line(ScriptedStation(done, scheduled=0x1234), *later, "--json"))
    assert told["scheduled"] == 0x1234


class Refusing(ScriptedStation):
    def request(self, request: Any, timeout: float = 5.0) -> Any:
        raise Stop(Exit.REFUSED_ON_GROUND, "refused: it does not wait for the link")


def test_only_of_what_the_node_keeps_it_is_said_how_to_cancel_it(line: Line) -> None:
    archive = Archive(line.folder / "archive.sqlite", 0)
    for number in (1, 2, 3):
        archive.add_command(number, "ping", {RELEASE: 5} if number > 1 else {}, 0)
        archive.add_stage(number, "SENT", 0, "NONE", "station", 0)
    archive.add_stage(3, "COMPLETED", 0, "NONE", "report", 0)
    archive.close()
    plain, kept, released, unknown = (
        line(Refusing(), "cmd", "cancel", str(number), code=3) for number in (1, 2, 3, 4)
    )
    assert "ground cmd send schedule.delete request=0x00000002" in kept
    for each in (plain, released, unknown):
        assert each == "ground: refused: it does not wait for the link\n"


def test_that_the_link_is_down_is_said_at_once_and_that_it_came(line: Line) -> None:
    task = ("task", "submit", "p", "s", "--wait")
    waiting = ScriptedStation(stage("task.run", "QUEUED"), link=False)
    printed, refusal = line.both(waiting, *task, code=6)
    assert printed.startswith("link down: waiting for acquisition\n")
    assert "the command is at QUEUED" in refusal
    said = line(ScriptedStation(link(True), stage("ping", "COMPLETED"), link=False), *PING)
    assert said.splitlines()[:2] == ["link down: waiting for acquisition", "link up"]
    assert "link" not in line(ScriptedStation(stage("ping", "COMPLETED")), *PING)
    said = line(ScriptedStation(link(True), sent("NO_ERROR"), link=False), *PUT)
    assert said.splitlines()[:2] == ["link down: waiting for acquisition", "link up"]
    json.loads(line(ScriptedStation(sent("NO_ERROR"), link=False), *PUT, "--json"))


def downlink(folder: Path, *seeds: str) -> dict[str, int]:
    """Counters of a station that has one key and hears a node that has another, or the same."""
    for seed in seeds:
        assert main(["key", "init", "--keys", str(folder / seed)]) == 0
    ring, counters = open_ring(folder / seeds[-1]), CounterFiles(folder / "counters")
    framer = TmFramer(SPACECRAFT, 640, security=LinkEnd(ring, Direction.DOWN, counters))
    framer.add(2, SpacePacket(1, False, 0, b"x", secondary=False).pack())
    settings = StationSettings(SPACECRAFT, 1e6, 0.1)
    desk = FileDesk(folder, settings.file_round_trip, 0.0, 1)
    holder = KeyHolder(folder / seeds[0], SPACECRAFT)
    session = LinkSession(settings, desk.engine, iter(range(9)).__next__, holder.end)
    session.on_frame(framer.frame(Clcw(0, 0)), 0.0)
    return session.statistics()["downlink"]


def test_frames_under_other_keys_are_told_of(line: Line, tmp_path: Path) -> None:
    other = {"link": False, "downlink": downlink(tmp_path, "mine", "theirs")}
    hint = "(1 frames refused by the security layer: other keys?)"
    said = line(ScriptedStation(**other), *PING, code=6)
    assert f"link down for 6 s {hint}; the command is at QUEUED" in said
    assert hint in line(ScriptedStation(**other), *PUT, code=6)
    assert f"no answer within 6 s {hint}" in line(
        ScriptedStation(**other | {"link": True}), *PING, code=5
    )
    (tmp_path / "2").mkdir()
    good = {"link": False, "downlink": downlink(tmp_path / "2", "ours")}
    assert good["downlink"]["good"] == 1
    assert "link down for 6 s; the" in line(ScriptedStation(**good), *PING, code=6)


def test_a_file_that_still_comes_is_not_called_no_answer(line: Line) -> None:
    Archive(line.folder / "archive.sqlite", 0).close()
    get = ("file", "get", "a.bin", "--timeout", "2")
    done = stage("file.send", "COMPLETED")
    coming = [progress("b.bin", 1, 2), progress("a.bin", 120, 1000)]
    said = line(ScriptedStation(done, *coming), *get, code=5)
    assert "waited 2 s: a.bin has not come whole; 120 of 1000 octets are here, and" in said
    assert "no answer" not in said
    said = line(ScriptedStation(done, *coming, link(False)), *get, code=6)
    assert "link down for 2 s; a.bin has not come whole; 120 of 1000 octets" in said
    said = line(ScriptedStation(*coming), *get, code=5)
    assert "no answer within 2 s; the command is at QUEUED" in said
    task = ("task", "submit", "p", "s", "--wait")
    said = line(ScriptedStation(stage("task.run", "COMPLETED")), *task, code=5)
    assert "waited 600 s: the task has ended, its product has not come" in said


@pytest.mark.parametrize(
    ("name", "reason", "hint"),
    [
        ("executor.redo_limit", "RANGE", ": RANGE: executor.redo_limit may be 1 to 9"),
        ("executor.redo_limit", "RANGE", ", a whole number\n"),
        ("link.round_trip", "RANGE", " s\n"),
        ("link.nothing", "UNKNOWN", ": UNKNOWN: the node knows no such"),
    ],
)
def test_a_refused_parameter_is_told_what_it_may_be(
    line: Line, name: str, reason: str, hint: str
) -> None:
    failed = ScriptedStation(stage("parameter.set", "FAILED", reason))
    words = ("cmd", "send", "parameter.set", f"name={name}", "value=1e9", "--wait", "COMPLETED")
    assert hint in line(failed, *words, code=4)


def test_a_report_of_parameters_is_printed_when_it_is_whole(line: Line) -> None:
    def report(name: str) -> tuple[str, ...]:
        return ("cmd", "send", "parameter.report", f"name={name}", "--wait", "COMPLETED")

    names = [f"link.{name}" for name in LinkParameters.__struct_fields__]
    values = [value(name, 0.5) for name in names]
    done = stage("parameter.report", "COMPLETED")
    other = value("executor.redo_limit", 2.0)
    said = line(ScriptedStation(*values[:3], done, other, *values[3:]), *report("link"))
    rows = said.splitlines()[-len(names) :]
    assert [row.split()[0] for row in rows] == names
    assert all(row.split()[1] == "0.5" for row in rows)
    assert "executor" not in said
    said = line(ScriptedStation(*values[1:], done), *report("link"), code=5)
    assert f"1 of {len(names)} values have not come" in said
    one = ScriptedStation(values[0], done)
    told = json.loads(line(one, *report(names[0]), "--json"))
    assert told["values"] == {names[0]: 0.5}
    failed = ScriptedStation(stage("parameter.report", "FAILED", "UNKNOWN"))
    assert "UNKNOWN" in line(failed, *report("nothing"), code=4)


def moving(*ways: str, **more: Any) -> dict[str, Any]:
    counts = dict.fromkeys(("size", "done", "resent", "rate", "priority"), 9)
    row = {"name": "a.bin", "held": False, "class": 2, "transaction": 1} | counts | more
    return {"transfers": [row | {"direction": way} for way in ways]}


@pytest.mark.parametrize(
    ("verb", "here", "on_board"),
    [("pause", "hold", "suspend"), ("resume", "go", "resume"), ("cancel", "cancel", "cancel")],
)
def test_all_transfers_of_a_name_are_changed(
    line: Line, verb: str, here: str, on_board: str
) -> None:
    change = {"verb": here, "name": "a.bin"}
    for ways in (("up",), ("down",), ("up", "down"), ()):
        station = ScriptedStation(stage(f"file.{on_board}", "COMPLETED"), **moving(*ways))
        line(station, "file", verb, "a.bin")
        sent_down = [each["command"] for each in station.asked if each["verb"] == "send"]
        assert (change in station.asked) == ("up" in ways), ways
        assert (sent_down == [f"file.{on_board}"]) == (ways != ("up",)), ways


def test_a_file_through_the_fountain_is_listed(line: Line) -> None:
    said = line(ScriptedStation(**moving("down", **{"class": "fountain"})), "file", "status")
    assert "a.bin  down  fountain" in said
