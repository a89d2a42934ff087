"""Where uplinked files lie on board: bounded, refused with a reason, never outside the folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flight.dictionary.enums import Reason
from flight.dictionary.parameters import LinkParameters
from flight.link.cfdp import TransactionId
from flight.link.staging import Limits, Staging
from flight.runtime.store import MemoryStore

LIMITS = Limits.of(LinkParameters())


@pytest.mark.parametrize(
    ("name", "size", "reason"),
    [
        ("x" * 65, 1, Reason.FORMAT),
        ("white space", 1, Reason.FORMAT),
        ("a~0", 1, Reason.FORMAT),
        ("näme", 1, Reason.FORMAT),
        ("huge", LIMITS.largest + 1, Reason.RANGE),
    ],
)
def test_the_node_itself_refuses_names_and_sizes(
    tmp_path: Path, name: str, size: int, reason: Reason
) -> None:
    """What a station lets through that does not check."""
    staging = Staging(MemoryStore(tmp_path))
    with pytest.raises(OSError):
        staging.open(name, size, TransactionId(1, 1))
    assert [(each.name, each.reason) for each in staging.refusals] == [(name, reason)]
    assert staging.names() == []


def test_the_oldest_files_make_room(tmp_path: Path) -> None:
    staging = Staging(MemoryStore(tmp_path), Limits(largest=10_000, quota=10_000, kept=32))
    for number in range(40):
        sink = staging.open(f"f{number:02}", 100, TransactionId(1, number))
        sink.write(0, bytes(100))
        sink.commit()
        os.utime(tmp_path / "uplink" / f"f{number:02}", (number, number))
    assert [name for name, _ in staging.names()] == [f"f{n:02}" for n in range(8, 40)]
    whole = staging.open("big", 8_000, TransactionId(1, 99))
    assert len(staging.names()) == 20
    with pytest.raises(OSError, match="quota"):
        staging.open("more", 3_000, TransactionId(1, 100))
    assert len(staging.names()) == 20, "what is refused costs no file"
    whole.discard()


def test_what_the_medium_refuses_costs_no_file(tmp_path: Path) -> None:
    staging = Staging(MemoryStore(tmp_path), Limits(largest=1 << 61, quota=1 << 61, kept=32))
    sink = staging.open("kept", 3, TransactionId(1, 1))
    sink.write(0, b"abc")
    sink.commit()
    with pytest.raises(OSError):
        staging.open("huge", 1 << 60, TransactionId(1, 2))
    assert [(each.name, each.reason) for each in staging.refusals] == [("huge", Reason.NO_SPACE)]
    assert staging.names() == [("kept", 3)]


def test_a_link_in_the_staging_place_is_no_file(tmp_path: Path) -> None:
    staging = Staging(MemoryStore(tmp_path))
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (tmp_path / "uplink" / "a").symlink_to(secret)
    assert staging.names() == []
    sink = staging.open("a", 3, TransactionId(1, 1))
    sink.write(0, b"new")
    sink.commit()
    assert secret.read_text() == "secret"
    assert (tmp_path / "uplink" / "a").read_text() == "new"
