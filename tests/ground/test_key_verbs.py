"""``ground key``, and what node and station refuse to start on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from flight.__main__ import VERBS as FLIGHT
from flight.config import default_path
from flight.console.verbs import main as dispatch
from flight.link.sdls import Keyring
from flight.link.tc import TcFrame
from ground.__main__ import main
from ground.keys.holder import KeyHolder, open_ring

SPACECRAFT = 0xA5


@pytest.fixture
def keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    folder = tmp_path / "keys"
    assert main(["key", "init", "--keys", str(folder)]) == 0
    capsys.readouterr()
    return folder


def said(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_keys_are_made_once_and_for_their_owner_only(
    keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert keys.stat().st_mode & 0o777 == 0o700
    files = [path for path in keys.iterdir() if path.is_file()]
    assert {path.name for path in files} == {"kek.key", "keyring~0"}
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in files)
    assert (keys / "kek.key").stat().st_size == 32
    before = (keys / "kek.key").read_bytes()
    assert main(["key", "init", "--keys", str(keys)]) == 3
    assert "has keys already" in capsys.readouterr().err
    assert (keys / "kek.key").read_bytes() == before


def test_keys_are_not_made_inside_a_repository(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".git").mkdir()
    assert main(["key", "init", "--keys", str(tmp_path / "a" / "keys")]) == 3
    assert "inside the repository" in capsys.readouterr().err
    assert not (tmp_path / "a").exists()


def test_only_fingerprints_are_shown(keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["key", "fingerprint", "--keys", str(keys), "--json"]) == 0
    shown = said(capsys)
    assert main(["key", "list", "--keys", str(keys), "--json"]) == 0
    text = capsys.readouterr().out
    listed = json.loads(text)
    assert listed["keys"] == [
        {"epoch": 1, "state": "ACTIVE", "sending": True, "fingerprint": shown["fingerprint"]}
    ]
    assert (listed["spacecraft"], listed["mode"], listed["strict_aad"]) == (
        SPACECRAFT,
        "encrypted",
        False,
    )
    ring = open_ring(keys)
    for secret in ((keys / "kek.key").read_bytes(), ring.master(1), ring.wrapped(1)):
        assert secret is not None
        assert secret.hex()[:12] not in text


def test_each_folder_has_its_own_keys(tmp_path: Path, keys: Path) -> None:
    assert main(["key", "init", "--keys", str(tmp_path / "b"), "--authenticate-only"]) == 0
    rings = open_ring(keys), open_ring(tmp_path / "b")
    assert rings[0].fingerprints() != rings[1].fingerprints()
    assert [ring.clear for ring in rings] == [False, True]


def test_yamcs_gets_keys_that_open_our_frames(
    keys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    holder = KeyHolder(keys, SPACECRAFT)
    raw = TcFrame(SPACECRAFT, 0, 0, b"telecommand").pack(holder.end)
    holder.close()
    out = tmp_path / "yamcs"
    assert main(["key", "export-yamcs", str(out), "--keys", str(keys), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    entry = next(each for each in found if each["direction"] == "UP" and each["vcId"] == 0)
    assert int(entry["initialSeqNum"], 16) == 1  # it goes on where the station stopped
    path = Path(entry["keyFile"])
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_size == 32
    spi = entry["spi"].to_bytes(2, "big")
    assert raw[6:8] == spi
    aad = bytes((0, 0, 0, 0, 0, 0xC0)) + spi + bytes(12)
    assert AESGCM(path.read_bytes()).decrypt(raw[8:20], raw[20:-2], aad) == b"telecommand"
    assert main(["key", "export-yamcs", str(out), "--keys", str(keys)]) == 3


def test_yamcs_cannot_have_what_it_does_not_speak(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["key", "init", "--keys", str(tmp_path / "k"), "--strict-aad"]) == 0
    assert main(["key", "export-yamcs", str(tmp_path / "o"), "--keys", str(tmp_path / "k")]) == 3
    assert not (tmp_path / "o").exists()


def test_two_stations_never_send_under_the_same_keys(keys: Path) -> None:
    holder = KeyHolder(keys, SPACECRAFT)
    words = ["station", "--listen", "1", "--node", "2", "--dir", str(keys.parent / "s")]
    assert main([*words, "--keys", str(keys)]) == 6
    holder.close()
    KeyHolder(keys, SPACECRAFT).close()


def flight(*words: str) -> int:
    return dispatch("flight", FLIGHT, ["run", *words])


def start(keys: Path, tmp_path: Path) -> tuple[int, int]:
    """Exit codes of node and station on a folder of keys that they are to refuse."""
    node = flight("--dir", str(tmp_path / "node"), "--keys", str(keys))
    words = ["station", "--listen", "1", "--node", "2", "--dir", str(tmp_path / "station")]
    return node, main([*words, "--keys", str(keys)])


def test_nobody_starts_without_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("TARDIGRADE_KEYS", raising=False)
    assert flight("--dir", str(tmp_path / "node"), "--config", str(default_path())) == 2
    assert main(["station", "--listen", "1", "--node", "2", "--dir", str(tmp_path / "s")]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 2
    assert all("no keys for the link" in line and "--insecure-dev" in line for line in errors)
    assert start(tmp_path / "absent", tmp_path) == (1, 1)


@pytest.mark.parametrize("name", ["", "kek.key", "keyring~0"])
@pytest.mark.parametrize("mode", [0o040, 0o004, 0o020])
def test_keys_that_others_may_use_are_refused(
    keys: Path, tmp_path: Path, name: str, mode: int, capsys: pytest.CaptureFixture[str]
) -> None:
    path = keys / name
    path.chmod(path.stat().st_mode | mode)
    assert start(keys, tmp_path) == (1, 1)
    assert capsys.readouterr().err.count("others may use it") == 2


@pytest.mark.parametrize("name", ["kek.key", "keyring~0"])
def test_damaged_keys_are_refused(keys: Path, tmp_path: Path, name: str) -> None:
    (keys / name).write_bytes(b"\0" * 31)
    words = ["station", "--listen", "1", "--node", "2", "--dir", str(tmp_path / "station")]
    assert main([*words, "--keys", str(keys)]) == 1


def test_keys_of_another_spacecraft_are_refused(keys: Path, tmp_path: Path) -> None:
    words = ["station", "--listen", "1", "--node", "2", "--dir", str(tmp_path / "station")]
    assert main([*words, "--keys", str(keys), "--spacecraft", "7"]) == 1


def test_a_rotation_that_was_begun_goes_on_with_the_same_key(keys: Path) -> None:
    holder = KeyHolder(keys, SPACECRAFT)
    new = holder.prepare()
    assert holder.prepare() == new
    holder.close()
    holder = KeyHolder(keys, SPACECRAFT)
    assert holder.prepare() == new
    holder.switch(new["epoch"])
    assert holder.ring.sending == 2
    assert holder.prepare()["epoch"] == 3
    holder.close()
    ring: Keyring = open_ring(keys)
    assert ring.sending == 2
