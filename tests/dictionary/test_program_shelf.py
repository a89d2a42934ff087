"""The shelf of programs against a model of it, under any sequence of changes."""

from __future__ import annotations

import msgspec
import pytest
from bundle_examples import SOURCE, described
from hypothesis import given
from hypothesis import strategies as st

from flight.dictionary.enums import Reason
from flight.dictionary.manifest import Manifest
from flight.dictionary.shelf import (
    KEPT,
    MOST,
    Installed,
    Shelf,
    ShelfError,
    decode_shelf,
    encode_shelf,
)


def installed(name: str, version: int, sha256: str = "") -> Installed:
    manifest = msgspec.convert(described({"rows.py": SOURCE}, name=name, version=version), Manifest)
    return Installed(manifest, 100, sha256 or f"{name} {version}")


def shelf_of(*versions: int) -> Shelf:
    shelf = Shelf()
    for version in versions:
        shelf = shelf.with_installed(installed("a", version))
    return shelf


acts = st.tuples(st.sampled_from(["install", "activate", "rollback"]), st.integers(1, 9))


@given(st.lists(acts, max_size=40))
def test_any_sequence_of_changes(sequence: list[tuple[str, int]]) -> None:
    shelf, newest, history = Shelf(), 0, list[int]()
    for act, version in sequence:
        known = {each.version for each, _ in shelf.installed()}
        try:
            if act == "install":
                shelf = shelf.with_installed(installed("a", version))
                assert version > newest or version in known
                newest = max(newest, version)
            elif act == "activate":
                shelf = shelf.with_active("a", version)
                assert version in known
                history = [each for each in history if each != version] + [version]
            else:
                shelf = shelf.rolled_back("a")
                history.pop()
        except ShelfError:
            foreseen = {
                "install": version <= newest and version not in known,
                "activate": version not in known,
                "rollback": len([each for each in history if each in known]) < 2,
            }
            if not foreseen[act]:
                raise
        kept = [each.version for each, _ in shelf.installed()]
        history = [each for each in history if each in kept]
        assert kept == sorted(set(kept))
        assert len(kept) <= KEPT
        assert [v.version for v, active in shelf.installed() if active] == history[-1:]
        assert shelf.active("a") == (history[-1] if history else 0)
        assert newest in kept or not newest, "the newest must stay: nothing older may come back"
        assert decode_shelf([encode_shelf(shelf)]) == shelf


def refusal(change: object, *arguments: object) -> Reason:
    with pytest.raises(ShelfError) as caught:
        change(*arguments)  # type: ignore[operator]
    return caught.value.reason


def test_an_older_version_does_not_come_back_by_itself() -> None:
    shelf = shelf_of(1, 3).with_active("a", 3)
    assert refusal(shelf.with_installed, installed("a", 2)) is Reason.REPLAY
    assert shelf.with_installed(installed("a", 1)) == shelf, "it is there already"
    assert shelf.active("a") == 3
    assert shelf.with_active("a", 1).active("a") == 1


def test_a_version_says_once_what_it_is() -> None:
    shelf = shelf_of(1)
    assert refusal(shelf.with_installed, installed("a", 1, "other")) is Reason.REPLAY


def test_what_is_active_and_what_was_before_do_not_make_room() -> None:
    shelf = shelf_of(1, 2).with_active("a", 1).with_active("a", 2)
    for version in range(3, 12):
        shelf = shelf.with_installed(installed("a", version))
    assert [each.version for each, _ in shelf.installed()] == [1, 2, 10, 11]
    assert shelf.rolled_back("a").active("a") == 1


def test_a_faulty_version_is_not_activated_until_it_is_healed() -> None:
    shelf = shelf_of(1, 2).with_active("a", 1).with_active("a", 2).with_fault("a", 1, "rotten")
    assert refusal(shelf.with_active, "a", 1) is Reason.CORRUPT
    assert refusal(shelf.rolled_back, "a") is Reason.CORRUPT
    assert shelf.with_installed(installed("a", 1)).rolled_back("a").active("a") == 1


def test_programs_are_bounded_and_do_not_touch_each_other() -> None:
    shelf = Shelf()
    for number in range(MOST):
        shelf = shelf.with_installed(installed(f"p{number}", 1))
    assert refusal(shelf.with_installed, installed("more", 1)) is Reason.NO_SPACE
    turned = shelf.with_installed(installed("p0", 2)).with_active("p0", 2)
    assert [turned.active(f"p{number}") for number in range(MOST)] == [2] + [0] * (MOST - 1)


@pytest.mark.parametrize("act", ["with_active", "rolled_back"])
def test_what_is_not_installed_is_unknown(act: str) -> None:
    arguments = {"with_active": ("b", 1), "rolled_back": ("b",)}
    assert refusal(getattr(shelf_of(1), act), *arguments[act]) is Reason.UNKNOWN
    assert refusal(shelf_of(1).with_active, "a", 0) is Reason.UNKNOWN


def test_the_newest_generation_that_reads_counts() -> None:
    good = encode_shelf(shelf_of(1))
    assert decode_shelf([good[:-1], b"\xc1", good]) == shelf_of(1)
    assert decode_shelf([b"", b"\xff" * 9]) is None
