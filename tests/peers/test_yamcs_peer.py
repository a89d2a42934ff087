"""A stock Yamcs flies the node: one check a test, in the order of importance."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from file_transfers import send_down, send_up
from flight_and_yamcs import FlightAndYamcs, wait_for
from radio import sealed

from flight.runtime.audit import entries

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlightAndYamcs]:
    """A node without keys."""
    with FlightAndYamcs(Path(tmp_path_factory.mktemp("clear")), keys=False) as found:
        yield found


def frames_of_kind(peer: FlightAndYamcs, bypass: bool) -> list[bytes]:
    """Telecommand frames of VC 0 that went up, BD or AD."""
    return [f for f in peer.radio.up if f[2] >> 2 == 0 and bool(f[0] & 0x20) is bypass]


def reason(issued: Any) -> str:
    """Why a telecommand failed; it comes behind the failure itself."""
    return str(wait_for(lambda: issued.error, "the reason"))


def test_housekeeping_parameters_with_the_time_on_board(peer: FlightAndYamcs) -> None:
    found = wait_for(lambda: peer.latest("housekeeping/temperature"), "housekeeping")
    assert -60 < found.eng_value < 120
    assert peer.value("housekeeping/mode") == "NOMINAL"
    wait_for(lambda: peer.value("node_state/mode") == "NOMINAL", "state of the node")
    assert peer.value("node_state/boots") == 1
    assert peer.value("board_readings/board") == "simulated"
    age = (datetime.now(UTC) - found.generation_time).total_seconds()
    assert -0.5 < age < 5.0
    on_board = peer.latest("time")
    assert abs((on_board.eng_value - on_board.generation_time).total_seconds()) < 0.002


def test_events_with_their_text(peer: FlightAndYamcs) -> None:
    def started() -> list[Any]:
        return [each for each in peer.events() if each.event_type == "NodeStarted"]

    assert "1" in wait_for(started, "event NodeStarted")[0].message


def test_ping_under_cop1_to_its_completion(peer: FlightAndYamcs) -> None:
    issued = peer.complete("ping")
    for name in ("Acknowledge_Queued", "Acknowledge_Released", "Acknowledge_Sent"):
        assert issued.acknowledgments[name].status == "OK"
    assert frames_of_kind(peer, bypass=False)


def test_parameter_is_set_and_told(peer: FlightAndYamcs) -> None:
    peer.complete("parameter_set", name="executor.redo_limit", value=5)
    peer.complete("parameter_report", name="executor.redo_limit")
    wait_for(lambda: peer.value("parameters_executor/redo_limit") == 5.0, "the parameter")


def test_failure_comes_with_its_reason(peer: FlightAndYamcs) -> None:
    issued = peer.issue("task_cancel", task=4_000_000)
    issued.await_complete(timeout=30)
    assert issued.is_failure()
    assert "UNKNOWN" in reason(issued)


def test_value_out_of_range_is_refused_on_the_ground(peer: FlightAndYamcs) -> None:
    from yamcs.client import YamcsError

    before = len(peer.radio.up)
    with pytest.raises(YamcsError, match="range"):
        peer.issue("task_run", program="cloud-mask", scene="x", level="NONE", priority=10)
    with pytest.raises(YamcsError):
        peer.issue("program_rollback", name="n" * 33)
    assert not [frame for frame in peer.radio.up[before:] if frame[2] >> 2 == 0]


def test_text_of_full_length_arrives_whole(peer: FlightAndYamcs) -> None:
    issued = peer.issue("file_remove", name="n" * 64)
    issued.await_complete(timeout=30)
    assert issued.is_failure()
    assert "UNKNOWN" in reason(issued)


def test_lost_frame_is_repaired_in_order_and_once(peer: FlightAndYamcs) -> None:
    """In the audit log on board the numbers of the telecommands follow one another."""
    lost: list[bytes] = []

    def drop(frame: bytes) -> bool:
        third = frame[2] >> 2 == 0 and not frame[0] & 0x20 and len(seen) == 2
        if frame[2] >> 2 == 0:
            seen.append(frame)
        if third and not lost:
            lost.append(frame)
            return True
        return False

    seen: list[bytes] = []
    peer.radio.drop_up = drop
    try:
        issued = [peer.issue("ping") for _ in range(5)]
        for each in issued:
            each.await_complete(timeout=40)
    finally:
        peer.radio.drop_up = lambda frame: False
    assert lost
    assert seen.count(lost[0]) >= 2
    assert all(each.is_success() for each in issued)
    accepted = [
        int(each.entry.who.split()[1], 16)
        for each in entries(peer.folder / "node" / "audit")
        if each.entry.what == "accepted" and each.entry.subject == "ping"
    ]
    assert accepted[-5:] == list(range(accepted[-1] - 4, accepted[-1] + 1))
    assert len(set(accepted)) == len(accepted)


def test_emergency_command_outside_the_sequence(peer: FlightAndYamcs) -> None:
    before = len(frames_of_kind(peer, bypass=True))
    issued = peer.issue_bypass("ping")
    issued.await_complete(timeout=30)
    assert issued.is_success()
    assert len(frames_of_kind(peer, bypass=True)) == before + 1


def test_limit_alarm(peer: FlightAndYamcs) -> None:
    def raised() -> list[Any]:
        return [a for a in peer.processor.list_alarms() if a.name.endswith("/charge")]

    assert wait_for(raised, "alarm of the charge")


@pytest.mark.parametrize(
    "damage",
    [
        lambda f: f[:-1] + bytes((f[-1] ^ 1,)),
        lambda f: f[:100],
        lambda f: b"\x55",
        lambda f: bytes(range(256)) * 2,
        lambda f: sealed(bytes((f[0] ^ 0x01,)) + f[1:-2]),
    ],
    ids=["bit", "cut", "octet", "noise", "spacecraft"],
)
def test_damaged_telemetry_is_ignored(peer: FlightAndYamcs, damage: Any) -> None:
    before = peer.latest("housekeeping/sequence")
    peer.radio.to_yamcs(damage(peer.radio.down[-1]))
    wait_for(
        lambda: peer.latest("housekeeping/sequence").generation_time > before.generation_time,
        "telemetry after it",
    )
    assert peer.value("node_state/mode") == "NOMINAL"


@pytest.mark.parametrize("kind", ["bit", "cut", "noise", "spacecraft"])
def test_damaged_telecommands_are_counted_on_board(peer: FlightAndYamcs, kind: str) -> None:
    frame = frames_of_kind(peer, bypass=False)[-1]
    damaged = {
        "bit": frame[:-1] + bytes((frame[-1] ^ 1,)),
        "cut": frame[:9],
        "noise": bytes(range(200)),
        "spacecraft": sealed(bytes((frame[0], frame[1] ^ 1)) + frame[2:-2]),
    }[kind]
    names = ("tc_garbage", "tc_crc", "tc_spacecraft")

    def counted() -> int:
        return sum(peer.value(f"link_status/{name}") or 0 for name in names)

    before = counted()
    peer.radio.to_node(damaged)
    wait_for(lambda: counted() == before + 1, "the counter")


def test_lockout_and_recovery(peer: FlightAndYamcs) -> None:
    good = frames_of_kind(peer, bypass=False)[-1]
    number = (good[4] + 100) % 256  # far outside the window: FARM-1 locks out
    peer.radio.to_node(sealed(good[:4] + bytes((number,)) + good[5:-2]))
    link = peer.client.get_link("tardigrade", "tc.vc0")
    wait_for(lambda: link.get_cop1_status().state != "ACTIVE", "FOP that saw the lockout")
    link.initialize_cop1("UNLOCK", clcw_wait_timeout=10)
    wait_for(lambda: link.get_cop1_status().state == "ACTIVE", "FOP that is active again")
    peer.complete("ping")


def test_archive_has_parameters_and_commands(peer: FlightAndYamcs) -> None:
    # Stop short: housekeeping goes on for ever.
    values = list(
        peer.archive.list_parameter_values(
            "/tardigrade/housekeeping/sequence", descending=True, parameter_cache="realtime"
        )
    )
    numbers = [each.eng_value for each in values]
    assert len(numbers) > 3
    assert numbers == sorted(numbers, reverse=True)
    commands = [each.name for each in peer.archive.list_command_history()]
    assert commands.count("/tardigrade/ping") >= 7


def test_file_comes_up(peer: FlightAndYamcs) -> None:
    send_up(peer, "sixty.bin")


def test_file_goes_down(peer: FlightAndYamcs) -> None:
    send_down(peer, "sixty.bin")
