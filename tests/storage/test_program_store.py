"""Installed programs on real files: what is refused, and what survives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from program_site import KEYS, OTHER, bundle, opened, prepared, put, state

from flight.dictionary.bundle import BundleError
from flight.dictionary.enums import Reason
from flight.dictionary.shelf import KEPT, ShelfError
from flight.runtime.store import FileStore
from flight.storage.programs import ProgramStore


def test_install_activate_and_roll_back_survive_a_restart(tmp_path: Path) -> None:
    store = prepared(tmp_path)
    programs = opened(store)
    assert state(programs) == ([1, 2], 2)
    assert programs.install("up.bundle").version == 3
    assert state(opened(store)) == ([1, 2, 3], 2), "installed is not active"
    assert programs.activate("rows", 3).version == 3
    assert state(opened(FileStore(tmp_path))) == ([1, 2, 3], 3)
    assert programs.roll_back("rows").version == 2
    assert state(opened(FileStore(tmp_path))) == ([1, 2, 3], 2)
    found = programs.shelf.find("rows")
    assert found is not None
    assert store.path(found.file).read_bytes() == bundle(2)


def refusal(act: Callable[..., object], *arguments: object) -> Reason:
    with pytest.raises((BundleError, ShelfError)) as caught:
        act(*arguments)
    return caught.value.reason


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (bundle(3, key=OTHER), Reason.AUTHENTICATION),
        (bundle(3)[:-1], Reason.AUTHENTICATION),
        (b"", Reason.RANGE),
        (bytes(1 << 20), Reason.RANGE),
        (bytes(1000), Reason.FORMAT),
        (bundle(1, note="once more, with other content"), Reason.REPLAY),
        (bundle(2, note="once more, with other content"), Reason.REPLAY),
        (bundle(1, "cloud-mask"), Reason.PERMISSION),
    ],
    ids=lambda each: each.name if isinstance(each, Reason) else "",
)
def test_what_is_refused_leaves_everything_as_it_was(
    tmp_path: Path, data: bytes, reason: Reason
) -> None:
    store = prepared(tmp_path)
    programs = opened(store)
    before = sorted((tmp_path / "programs").iterdir())
    assert refusal(programs.install, put(store, data)) is reason
    assert state(programs) == state(opened(store)) == ([1, 2], 2)
    assert sorted((tmp_path / "programs").iterdir()) == before


def test_a_replay_of_an_older_bundle_changes_nothing(tmp_path: Path) -> None:
    store = prepared(tmp_path)
    programs = opened(store)
    programs.install(put(store, bundle(1)))  # an attacker has recorded it
    assert state(programs) == ([1, 2], 2)
    for version in range(3, 3 + KEPT):  # until the old one has made room
        programs.install(put(store, bundle(version)))
        programs.activate("rows", version)
    assert refusal(programs.install, put(store, bundle(1))) is Reason.REPLAY
    assert state(programs) == ([3, 4, 5, 6], 6)
    bundles = [path.name for path in (tmp_path / "programs").glob("*.bundle")]
    assert sorted(bundles) == [f"rows-{version}.bundle" for version in (3, 4, 5, 6)]


@pytest.mark.parametrize("name", ["nothing", "../secret", "a/b", "", "up.bundle~0"])
def test_a_file_that_was_not_uplinked_is_not_installed(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret~0").write_bytes(bundle(3))
    programs = opened(prepared(tmp_path / "node"))
    assert refusal(programs.install, name) in (Reason.UNKNOWN, Reason.FORMAT)


def test_without_a_key_nothing_is_installed_and_nothing_runs(tmp_path: Path) -> None:
    store = prepared(tmp_path)
    programs = ProgramStore(store, [])
    assert [(each.version, fault) for each, fault in programs.load()] == [
        (version, "this node has no program key") for version in (1, 2)
    ]
    assert refusal(programs.install, "up.bundle") is Reason.AUTHENTICATION
    assert refusal(programs.activate, "rows", 1) is Reason.CORRUPT
    assert state(opened(store)) == ([1, 2], 2), "with the key again all is well again"


def test_a_rotten_bundle_is_found_at_the_start_and_healed_by_another_uplink(tmp_path: Path) -> None:
    store = prepared(tmp_path)
    path = tmp_path / "programs" / "rows-2.bundle"
    data = bytearray(path.read_bytes())
    data[-2] ^= 4
    path.write_bytes(data)
    programs = ProgramStore(store, KEYS)
    assert [(each.version, fault) for each, fault in programs.load()] == [(2, "SHA-256 differs")]
    assert refusal(programs.activate, "rows", 2) is Reason.CORRUPT
    assert programs.roll_back("rows").version == 1
    programs.install(put(store, bundle(2)))
    programs.activate("rows", 2)
    assert state(opened(store)) == ([1, 2], 2)


def test_a_shelf_that_cannot_be_read_costs_no_bundle(tmp_path: Path) -> None:
    store = prepared(tmp_path)
    for path in (tmp_path / "programs").glob("shelf~*"):
        path.write_bytes(b"rotten")
    programs = ProgramStore(store, KEYS)
    assert refusal(programs.load) is Reason.CORRUPT
    assert len(list((tmp_path / "programs").glob("*.bundle"))) == 2
