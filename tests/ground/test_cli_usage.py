"""Wrong use of the command line, and its help."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ground.__main__ import main
from ground.cli import tlm

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("words", "code", "hint"),
    [
        (["cmd", "send", "pong"], 3, "unknown command 'pong'; did you mean ping?"),
        (["cmd", "send", "infer"], 3, "unknown command 'infer'"),
        (["cmd", "send", "task.run", "program=x"], 3, "scene is missing"),
        (["cmd", "send", "task.cancel", "task=-1"], 3, "task=-1: allowed is 0 to 4294967295"),
        (["cmd", "send", "task.cancel", "tsk=1"], 3, "did you mean task?"),
        (["cmd", "send", "task.cancel", "7"], 2, "'7' is no name=value"),
        (["cmd", "send", "ping", "--wait", "completd"], 2, "did you mean COMPLETED?"),
        (["cmd", "send", "ping", "--timeout", "-1"], 2, "not between 0"),
        (["cmd", "send", "ping", "--forced"], 2, "unknown option '--forced'"),
        (["cmd", "send", "ping"], 6, "station is down: nobody listens at "),
        (["task", "submit", "p", "s", "--level", "tmrr"], 3, "did you mean TMR?"),
        (["task", "submit", "p", "s" * 33], 3, "at most 32"),
        (["task", "submit", "p", "s"], 6, "station is down"),
        (["task", "submit", "compress", "s", "--set", "tile=16", "rate=2"], 6, "station is down"),
        (["task", "submit", "compress", "s", "--set", "tile=1"], 3, "tile=1: allowed is 16 to"),
        (["task", "submit", "compress", "s", "--set", "til=16"], 3, "did you mean tile?"),
        (["task", "submit", "compress", "s", "--set", "tile"], 2, "'tile' is no name=value"),
        (["task", "submit", "compress", "s", "--second", "t"], 3, "compress takes one scene"),
        (["task", "submit", "change-detection", "s"], 3, "second is missing"),
        (["task", "submit", "p", "s", "--criticality", "4"], 3, "criticality=4: allowed is 0 to 3"),
        (["task", "submit", "p", "s", "--deadline", "-1"], 3, "deadline=-1: allowed is 0 to"),
        (["task", "submit", "p", "s", "--deadline", "0.5"], 3, "s; a whole number"),
        (["task", "submit", "compress", "s", "--set", "rate=x"], 3, "24 bit/pixel"),
        (["cmd", "send"], 2, "required: NAME (see"),
        (["cmd", "status", "zz"], 2, "'zz' is no request id"),
        (["cmd", "cancel", "-1"], 2, "'-1' is no request id"),
        (["cmd", "status", "0x100000000"], 2, "is no request id"),
        (["cmd", "history", "--limit", "-2"], 2, "'-2' is no whole number above 0"),
        (["tlm", "watch", "--count", "0"], 2, "'0' is no whole number above 0"),
        (["task", "status"], 6, "no station archive in "),
        (["cmd", "history"], 6, "no station archive in "),
        (["tlm", "watch"], 6, "station is down"),
        (["file", "get", "--latest"], 6, "no station archive in "),
        (["file", "put", "x"], 6, "station is down"),
        (["program", "list"], 6, "no station archive in "),
        (["program", "activate", "x", "1"], 6, "station is down"),
        (["program", "activate", "x", "1.5"], 2, "'1.5' is no whole number above 0"),
        (["program", "activate", "x", "70000"], 3, "version=70000: allowed is 1 to 65535"),
        (["program", "activate", "x" * 33, "1"], 3, "at most 32"),
        (["program", "rollback", "x"], 6, "station is down"),
        (["program", "actvate"], 2, "unknown verb 'program actvate'; did you mean activate?"),
        (["program", "pack", "x", "--key", "y"], 2, "--out"),
        (["program", "pack", "x", "--key", "y", "--out", "z"], 2, "y: No such file"),
        (["emu", "outage", "5", "--control", "x"], 6, "emulator is down: nobody listens at x"),
        (["emu", "outage", "0", "--control", "x"], 2, "not between 0"),
        (["file", "get"], 2, "name one file, or give --latest"),
        (["file", "get", "x", "--scene", "y"], 2, "--scene needs --render"),
        (["station", "--listen", "70000", "--node", "1"], 2, "'70000' is no PORT or HOST:PORT"),
        (["station", "--listen", "1", "--node", "2", "--spacecraft", "x"], 2, "10 bits"),
        (["station", "--listen", "1", "--node", "2", "--link", "nix"], 2, "No such file"),
        (["cdm", "send"], 2, "unknown verb 'cdm'; did you mean cmd?"),
        (["cmd", "sned"], 2, "unknown verb 'cmd sned'; did you mean send?"),
        (["cmd"], 2, "cmd needs a verb: send, status, cancel, history"),
    ],
)
def test_wrong_use_is_one_line_that_helps(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    words: list[str],
    code: int,
    hint: str,
) -> None:
    monkeypatch.setenv("TARDIGRADE_STATION", str(tmp_path / "nothing"))
    assert main(words) == code
    captured = capsys.readouterr()
    assert hint in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""
    assert list(tmp_path.iterdir()) == []


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from ground.__main__ import main; main(['--help']);"
        "print(sorted({n.partition('.')[0] for n in sys.modules} & set(sys.argv[1:])))"
    )
    heavy = [
        "numpy",
        "zmq",
        "onnxruntime",
        "msgspec",
        "PIL",
        "rich",
        "sqlite3",
        "asyncio",
    ]
    done = subprocess.run(
        [sys.executable, "-c", code, *heavy], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert "  6  link or station down" in done.stdout


@pytest.mark.parametrize("verb", [("cmd", "send"), ("station",), ("emu", "run"), ("file", "get")])
def test_every_help_lists_the_exit_codes(
    capsys: pytest.CaptureFixture[str], verb: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main([*verb, "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert "  5  no answer in time" in text
    if verb == ("cmd", "send"):
        assert "task.run" in text
        hazardous = [row for row in text.splitlines() if "[HAZARDOUS: needs --confirm" in row]
        assert any(row.startswith("  node.shutdown") for row in hazardous)
        assert not any(row.startswith(("  ping", "  task.run")) for row in hazardous)
        assert "Connection test (PUS 17,1). [SAFE: may go with --bypass]" in text
        assert "file.delivered" not in text


def test_a_unit_that_begins_with_a_digit_stands_apart_from_its_value(
    capsys: pytest.CaptureFixture[str],
) -> None:
    message = {"mode": "QUIET", "flux": 0.0, "latitude": 7.5, "next_saa_in": None}
    tlm.printer()({"happening": "packet", "utc_ns": 0, "packet": "environment", "message": message})
    line = capsys.readouterr().out
    assert line.endswith("mode=QUIET flux=0 1/cm2/s latitude=7.5 deg next_saa_in=-\n")
