"""The node's keys: rotation by telecommand, what it reports, upsets in key memory, restarts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sdls_site import SPACECRAFT

from flight.dictionary.enums import Reason
from flight.dictionary.registry import Event
from flight.dictionary.security import (
    ActivateKey,
    KeyChanged,
    KeyState,
    LinkAttacked,
    LinkUnprotected,
    LoadKey,
    RevokeKey,
)
from flight.link import fecf
from flight.link.sdls import LinkEnd
from flight.link.security import RENEWAL, RING, NodeSecurity
from flight.link.tc import TcFrame
from flight.link.uplink import Uplink
from flight.runtime.service import Refused
from flight.runtime.store import FileStore
from ground.keys.holder import KeyHolder
from hil.bench.keys import make_pair


class Site:
    """A station's keys and a node on its own disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        station, self.keys = make_pair(folder / "keys", SPACECRAFT)
        self.holder = KeyHolder(station, SPACECRAFT)
        self.restart()

    @property
    def settings(self) -> dict[str, Any]:
        return {"spacecraft": SPACECRAFT, "keys": str(self.keys)}

    def restart(self) -> None:
        """As after a kill: nothing is closed."""
        self.node = NodeSecurity(self.settings, FileStore(self._folder / "node"))
        self.uplink = Uplink(SPACECRAFT, self.end)

    @property
    def end(self) -> LinkEnd:
        assert self.node.end is not None
        return self.node.end

    def frame(self, sequence: int = 0) -> bytes:
        return TcFrame(SPACECRAFT, 0, sequence, b"x" * 20, bypass=True).pack(self.holder.end)

    def takes(self, raw: bytes) -> bool:
        before = self.uplink.counters["good"]
        self.uplink.feed(raw)
        return self.uplink.counters["good"] > before

    def second(self, now: float) -> list[Event]:
        return self.node.second(self.uplink.counters, now)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_rotation_by_telecommand(site: Site) -> None:
    site.second(0.0)
    new = site.holder.prepare()
    wrapped = site.end.ring.wrapped(1)
    site.node.load(LoadKey(new["epoch"], new["wrapped"]))
    site.node.load(LoadKey(new["epoch"], new["wrapped"]))  # again, the answer was lost
    assert site.second(1.0) == [KeyChanged(2, KeyState.PRE_ACTIVE, new["fingerprint"])]
    site.restart()
    site.node.activate(ActivateKey(2))
    site.restart()
    assert site.node.status({}).epoch == 1
    site.holder.switch(2)
    assert site.takes(site.frame())
    assert [event.state for event in site.second(2.0)] == [KeyState.DEACTIVATED]  # type: ignore[attr-defined]
    status = site.node.status({"tag": 3})
    assert (status.epoch, status.fingerprint, status.tag) == (2, new["fingerprint"], 3)
    site.node.revoke(RevokeKey(1))
    site.restart()
    assert site.node.status({}).epoch == 2
    assert site.end.ring.states()[1] is KeyState.DESTROYED
    for path in site.keys.glob("keyring~?"):  # the folder that was given
        assert wrapped not in path.read_bytes()


def test_a_ring_of_other_keys_in_the_store_does_not_replace_the_given_one(site: Site) -> None:
    """The node got new keys; what its store has of the old ones is left there."""
    new = site.holder.prepare()
    site.node.load(LoadKey(new["epoch"], new["wrapped"]))
    site.node.revoke(RevokeKey(new["epoch"]))
    foreign = Site(site.keys.parent / "other").end.ring.encoded()
    site.node._store.write(RING, foreign)
    site.node._store.write(RING, foreign)
    site.restart()
    site.node.revoke(RevokeKey(new["epoch"]))  # again, the answer was lost
    site.restart()
    assert site.end.ring.states()[1] is KeyState.ACTIVE


@pytest.mark.parametrize(
    ("wrapped", "reason"),
    [("zz", Reason.FORMAT), ("", Reason.CORRUPT), ("00" * 40, Reason.CORRUPT)],
)
def test_bad_keys_are_refused(site: Site, wrapped: str, reason: Reason) -> None:
    with pytest.raises(Refused) as caught:
        site.node.load(LoadKey(2, wrapped))
    assert caught.value.reason is reason
    assert site.end.ring.newest == 1


def test_what_was_taken_before_a_kill_is_not_taken_after_it(site: Site) -> None:
    heard = [site.frame(n) for n in range(40)]
    assert all(site.takes(raw) for raw in heard)
    site.restart()
    assert not any(site.takes(raw) for raw in heard)
    assert site.node.status(site.uplink.counters).stale == 40
    site.holder.end.skip(0, site.node.status({}).commands_floor)
    assert site.takes(site.frame())


def test_a_station_that_has_not_heard_of_a_restart_is_no_attack(site: Site) -> None:
    assert site.takes(site.frame())
    site.restart()
    site.second(0.0)
    late = [site.frame() for _ in range(12)]  # numbered below the floor that was kept ahead
    assert not any(site.takes(raw) for raw in late)
    assert site.second(1.0) == []
    forged = [raw[:40] + bytes((raw[40] ^ 1,)) + raw[41:-2] for raw in late]
    assert not any(site.takes(fecf.append(raw)) for raw in forged)
    assert site.second(12.0) == [LinkAttacked(0, 12, 0, 0)]
    site.holder.end.skip(0, site.node.status({}).commands_floor)
    assert site.takes(site.frame())
    assert not any(site.takes(raw) for raw in late)  # now there is no excuse
    assert site.second(24.0) == [LinkAttacked(0, 0, 12, 0)]


def test_a_node_without_its_store_would_take_it_again(site: Site, tmp_path: Path) -> None:
    """The damage, with the protection off."""
    raw = site.frame()
    assert site.takes(raw)
    forgetful = NodeSecurity(site.settings, FileStore(tmp_path / "other"))
    uplink = Uplink(SPACECRAFT, forgetful.end)
    uplink.feed(raw)
    assert uplink.counters["good"] == 1


def test_an_upset_in_a_key_ends_with_the_next_renewal(site: Site) -> None:
    site.second(0.0)
    assert site.takes(site.frame())
    ring = site.end.ring
    ring._masters[1] = bytes((ring._masters[1][0] ^ 1,)) + ring._masters[1][1:]
    entry = ring._record.entries[0]
    entry.wrapped = bytes((entry.wrapped[0] ^ 1,)) + entry.wrapped[1:]
    for receiver in site.end._receivers.values():
        receiver.renew(site.end._cipher(0x10))  # the upset reaches the cipher in use
    assert not site.takes(site.frame())
    assert site.second(RENEWAL / 2) == []
    assert not site.takes(site.frame())
    assert site.second(RENEWAL) == []
    assert site.takes(site.frame())


def test_keys_that_cannot_be_read_again_stay_in_use(site: Site) -> None:
    site.second(0.0)
    site.keys.chmod(0o755)
    (event,) = site.second(RENEWAL)
    assert "read again" in str(event)
    assert site.takes(site.frame())


def test_many_refusals_raise_an_alarm(site: Site) -> None:
    site.second(0.0)
    raw = site.frame()
    assert site.takes(raw)
    for _ in range(12):
        assert not site.takes(raw)
    assert site.second(1.0) == [LinkAttacked(0, 0, 12, 0)]
    assert site.second(2.0) == []


def test_no_keys_and_not_asked_to_fly_without_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="insecure-dev"):
        NodeSecurity({"spacecraft": SPACECRAFT}, FileStore(tmp_path))
    node = NodeSecurity({"spacecraft": SPACECRAFT, "insecure": True}, FileStore(tmp_path))
    assert node.second({}, 0.0) == [LinkUnprotected()]
    assert node.second({}, 1.0) == []
    assert not node.status({}).secured


def test_keys_of_another_spacecraft_are_refused(site: Site, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="spacecraft"):
        NodeSecurity(site.settings | {"spacecraft": 7}, FileStore(tmp_path / "other"))
