"""The audit log: any change to what was written shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from commanding_node import Node
from hypothesis import given, settings
from hypothesis import strategies as st

from flight.dictionary.commands import Ping, Shutdown
from flight.dictionary.operations import AuditStatus
from flight.runtime.audit import NAME, AuditLog, entries, verify
from flight.runtime.journal import segments
from flight.runtime.store import FileStore


def written(folder: Path, count: int = 6) -> dict[int, str]:
    log = AuditLog(folder)
    heads = {}
    for number in range(count):
        log.add(number * 10**9, "accepted", f"command {number}", "operator", "x" * number)
        heads[log.entries] = log.head
    log.close()
    return heads


def segment(folder: Path) -> Path:
    return segments(folder, NAME)[0]


def test_a_log_verifies_also_over_restarts(tmp_path: Path) -> None:
    for _ in range(3):
        heads = written(tmp_path, 4)
    verdict = verify(tmp_path, heads)
    assert (verdict.entries, verdict.first, verdict.faults) == (12, 0, ())
    assert verdict.head == heads[12]


@settings(max_examples=60)
@given(st.data())
def test_every_changed_octet_shows(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("audit")
    heads = written(folder, 3)
    raw = bytearray(segment(folder).read_bytes())
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    segment(folder).write_bytes(raw)
    assert verify(folder, heads).faults


def rewrite(folder: Path, change) -> None:  # type: ignore[no-untyped-def]
    """A forger who makes records whose CRC and sequence are right."""
    from flight.runtime.journal import Journal, read

    records = [(record.payload, record.utc_ns) for record in read(segment(folder))]
    segment(folder).unlink()
    forged = Journal(folder, 1 << 20, 8, NAME)
    forged.append_many(change(records))
    forged.close()


def test_a_forged_entry_shows(tmp_path: Path) -> None:
    written(tmp_path)

    def change(records):  # type: ignore[no-untyped-def]
        payload, utc_ns = records[2]
        return [*records[:2], (payload.replace(b"command 2", b"command 9"), utc_ns), *records[3:]]

    rewrite(tmp_path, change)
    assert verify(tmp_path).faults == ("entry 3 does not follow the one before it",)


def test_a_changed_time_shows(tmp_path: Path) -> None:
    written(tmp_path)
    rewrite(tmp_path, lambda records: [(records[0][0], 5), *records[1:]])
    assert verify(tmp_path).faults


def test_an_entry_taken_out_shows(tmp_path: Path) -> None:
    written(tmp_path)
    rewrite(tmp_path, lambda records: records[:2] + records[3:])
    assert verify(tmp_path).faults


def test_a_cut_tail_and_a_chain_made_anew_show_only_against_what_was_told(tmp_path: Path) -> None:
    heads = written(tmp_path)
    rewrite(tmp_path, lambda records: records[:4])
    assert verify(tmp_path).faults == ()
    assert verify(tmp_path, heads).faults == ("it ends at entry 4, 6 were told of",)
    segment(tmp_path).unlink()
    log = AuditLog(tmp_path)
    for number in range(6):
        log.add(number * 10**9, "accepted", "another command")
    assert verify(tmp_path).faults == ()
    assert "entry 0 is not the one that was told of" in verify(tmp_path, heads).faults


def test_the_ring_gives_up_the_oldest_and_still_verifies(tmp_path: Path) -> None:
    written(tmp_path)
    rest = segment(tmp_path).read_bytes()
    second = rest.index(b"\xb5\x7a\xe4\x13", 1)
    target = segment(tmp_path).with_name(f"{NAME}-{1:020d}.log")
    segment(tmp_path).unlink()
    target.write_bytes(rest[second:])
    verdict = verify(tmp_path)
    assert (verdict.entries, verdict.first, verdict.faults) == (5, 1, ())


def test_the_node_writes_down_what_it_was_told_and_tells_where_it_stands(tmp_path: Path) -> None:
    node = Node(FileStore(tmp_path))
    node.send(Ping())
    node.send(Shutdown())
    kept = list(entries(tmp_path / "audit"))
    assert [(each.entry.what, each.entry.subject) for each in kept] == [
        ("started", "commanding"),
        ("mode", "NOMINAL"),
        ("accepted", "ping"),
        ("completed", "ping"),
        ("refused NOT_ARMED", "node.shutdown"),
    ]
    status = node.heard(AuditStatus)[-1]
    assert verify(tmp_path / "audit", {status.entries: status.head}).faults == ()
