"""A stock Yamcs flies a node with keys: SDLS both ways, forged and replayed frames refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from file_transfers import SIXTY, send_down, send_up
from flight_and_yamcs import FlightAndYamcs, wait_for
from radio import sealed

from flight.link.channels import VirtualChannel

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlightAndYamcs]:
    """A node with keys; Yamcs has copies of them."""
    with FlightAndYamcs(Path(tmp_path_factory.mktemp("keys")), keys=True) as found:
        yield found


def forged(frame: bytes, place: int) -> bytes:
    """The frame with one bit of its tag changed and its CRC made right."""
    damaged = bytearray(frame[:-2])
    damaged[place] ^= 1
    return sealed(bytes(damaged))


def refused(peer: FlightAndYamcs, name: str, frame: bytes) -> None:
    """Send a frame to the node; it is counted there, and nothing else happens."""
    before = peer.value(f"link_security/{name}")
    peer.radio.to_node(frame)
    wait_for(lambda: peer.value(f"link_security/{name}") == before + 1, f"count of {name}")
    peer.complete("ping")


def housekeeping(peer: FlightAndYamcs) -> list[bytes]:
    """Telemetry frames of VC 2 that came down."""
    return [frame for frame in peer.radio.down if frame[1] >> 1 & 7 == 2]


def told(peer: FlightAndYamcs, verdict: str) -> int:
    """How often Yamcs refused a telemetry frame for this reason."""
    return sum(verdict in each.message for each in peer.events())


def test_telemetry_is_decrypted(secured: FlightAndYamcs) -> None:
    wait_for(lambda: secured.value("link_security/secured") is True, "link.security")
    assert secured.value("link_security/epoch") == 1
    assert all(b"simulated" not in frame for frame in secured.radio.down)


def test_telecommands_are_encrypted_and_carried_out(secured: FlightAndYamcs) -> None:
    secured.complete("parameter_set", name="executor.redo_limit", value=4)
    assert all(b"redo_limit" not in frame for frame in secured.radio.up)


def test_forged_telecommand_is_refused_on_board(secured: FlightAndYamcs) -> None:
    secured.complete("ping")
    good = [frame for frame in secured.radio.up if frame[2] >> 2 == 0 and not frame[0] & 0x10]
    # The counter of the next frame, so that the tag alone is wrong.
    number = int.from_bytes(good[-1][8:20], "big") + 1
    fresh = good[-1][:8] + number.to_bytes(12, "big") + good[-1][20:]
    refused(secured, "tag", forged(fresh, -1))


def test_replayed_telecommand_is_refused_on_board(secured: FlightAndYamcs) -> None:
    good = [frame for frame in secured.radio.up if frame[2] >> 2 == 0 and not frame[0] & 0x10]
    refused(secured, "replay", good[-1])


def test_forged_telemetry_is_refused_on_the_ground(secured: FlightAndYamcs) -> None:
    before = told(secured, "MacVerificationFailure")
    frame = housekeeping(secured)[-1]
    secured.radio.to_yamcs(forged(frame, -5))  # in front of the OCF of four octets
    wait_for(lambda: told(secured, "MacVerificationFailure") > before, "refusal")


def test_replayed_telemetry_is_refused_on_the_ground(secured: FlightAndYamcs) -> None:
    before = told(secured, "AntiReplaySequenceNumberFailure")
    secured.radio.to_yamcs(housekeeping(secured)[0])
    wait_for(lambda: told(secured, "AntiReplaySequenceNumberFailure") > before, "refusal")


class Loss:
    """Loses each seventh frame with files."""

    def __init__(self, channel: Callable[[bytes], int]) -> None:
        self._channel, self._count, self.lost = channel, 0, 0

    def __call__(self, frame: bytes) -> bool:
        files = self._channel(frame) == VirtualChannel.FILES
        self._count += files
        lost = files and self._count % 7 == 0
        self.lost += lost
        return lost


def test_file_comes_up_over_a_link_that_loses_frames(secured: FlightAndYamcs) -> None:
    secured.radio.drop_up = loss = Loss(lambda frame: frame[2] >> 2)
    send_up(secured, "sealed.bin")
    assert loss.lost > 5
    assert all(SIXTY[:32] not in frame for frame in secured.radio.up)


def test_file_goes_down_over_a_link_that_loses_frames(secured: FlightAndYamcs) -> None:
    secured.radio.drop_down = loss = Loss(lambda frame: frame[1] >> 1 & 7)
    send_down(secured, "sealed.bin")
    assert loss.lost > 5
    assert all(SIXTY[:32] not in frame for frame in secured.radio.down)
