"""Power cuts and kills at every write: no counter twice, no replay, always a key in common."""

from __future__ import annotations

import errno
import itertools
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sdls_site import KEK, SPACECRAFT, Disk, PowerCut, boot, fresh_disk, wrapped

from flight.dictionary.enums import Reason
from flight.dictionary.security import KeyState
from flight.link.sdls import Direction, Keyring, KeyringError, LinkEnd, NotProtected, SecurityError
from flight.link.sdls.association import RESERVE
from flight.link.sdls.keyring import MOST_KEYS, NAME
from flight.link.tc import TcFrame

Lives = list[tuple[int, int, bool, bool]]  # frames sent, writes until the cut, torn, orderly end
LIVES = st.lists(
    st.tuples(st.integers(0, 2500), st.integers(-1, 4), st.booleans(), st.booleans()),
    min_size=2,
    max_size=6,
)


@given(LIVES)
def test_no_counter_is_used_twice_whenever_the_sender_dies(lives: Lives) -> None:
    disk, used = fresh_disk(), set[bytes]()
    for frames, cut_in, torn, orderly in lives:
        disk.cut_in, disk.torn = cut_in, torn
        try:
            end = boot(disk, Direction.UP)
            for _ in range(frames):
                iv = end.protect(0, b"", b"", b"x")[2:14]
                assert iv not in used
                used.add(iv)
            if orderly:
                end.close()
        except PowerCut:
            continue


@given(LIVES)
def test_no_frame_is_taken_twice_whenever_the_receiver_dies(lives: Lives) -> None:
    ground, disk = boot(fresh_disk(), Direction.UP), fresh_disk()
    heard: list[bytes] = []
    taken: set[bytes] = set()
    for frames, cut_in, torn, orderly in lives:
        disk.cut_in, disk.torn = cut_in, torn
        try:
            node = boot(disk, Direction.DOWN)
            for raw in heard[-100:]:  # an attacker repeats what was sent before the restart
                if _takes(node, raw):
                    assert raw not in taken
                    taken.add(raw)
            for _ in range(frames // 20):
                raw = ground.protect(1, b"", b"", b"x")
                heard.append(raw)
                if _takes(node, raw):
                    taken.add(raw)
            if orderly:
                node.close()
        except PowerCut:
            continue
    disk.cut_in = -1
    node = boot(disk, Direction.DOWN)
    assert not any(_takes(node, raw) for raw in taken)
    ground.skip(1, node.floor(1))  # as the station does when the node reports it
    assert _takes(node, ground.protect(1, b"", b"", b"fresh"))


def _takes(node: LinkEnd, raw: bytes) -> bool:
    try:
        node.verify(raw[1] & 7, b"", b"", raw)
    except SecurityError:
        return False
    return True


def test_without_kept_counters_both_would_happen() -> None:
    """The damage, with the protection off: a disk that forgets."""
    ground = boot(fresh_disk(), Direction.UP)
    raw = ground.protect(0, b"", b"", b"x")
    assert boot(fresh_disk(), Direction.UP).protect(0, b"", b"", b"x")[2:14] == raw[2:14]
    assert _takes(boot(fresh_disk(), Direction.DOWN), raw)
    assert _takes(boot(fresh_disk(), Direction.DOWN), raw)


def test_a_restart_refuses_few_fresh_frames_and_the_floor_ends_that() -> None:
    ground, disk = boot(fresh_disk(), Direction.UP), fresh_disk()
    node = boot(disk, Direction.DOWN)
    for _ in range(5):
        assert _takes(node, ground.protect(0, b"", b"", b"x"))
    node = boot(disk, Direction.DOWN)
    refused = sum(not _takes(node, ground.protect(0, b"", b"", b"x")) for _ in range(100))
    assert 0 < refused <= 16
    node.close()
    node = boot(disk, Direction.DOWN)  # an orderly end costs nothing
    assert _takes(node, ground.protect(0, b"", b"", b"x"))


def test_blocks_follow_the_traffic() -> None:
    ground, disk = boot(fresh_disk(), Direction.UP), fresh_disk()
    node = boot(disk, Direction.DOWN)
    for _ in range(10_000):
        _takes(node, ground.protect(1, b"", b"", b"x"))
    assert disk.writes < 15
    for _ in range(60):
        node.second()
    before = disk.writes
    for _ in range(5000):
        _takes(node, ground.protect(1, b"", b"", b"x"))
    assert disk.counters["0011"] - node.floor(1) < 4200
    assert disk.writes > before


def test_a_disk_that_fails_stops_the_sender_and_not_the_receiver() -> None:
    ground_disk, disk = fresh_disk(), fresh_disk()
    ground, node = boot(ground_disk, Direction.UP), boot(disk, Direction.DOWN)
    ground_disk.error = disk.error = OSError(errno.EROFS, "Read-only file system")
    assert not ground.ready(0)
    with pytest.raises(NotProtected):
        TcFrame(SPACECRAFT, 0, 0, b"x").pack(ground)
    assert "Read-only" in ground.second()
    ground_disk.error = None
    for _ in range(RESERVE):
        assert _takes(node, ground.protect(0, b"", b"", b"x"))
    assert "Read-only" in node.second()


# Rotation.

Step = Callable[[Keyring, Keyring], None]
STEPS: tuple[Step, ...] = (
    lambda ground, node: ground.load(2, wrapped(2)),
    lambda ground, node: node.load(2, ground.wrapped(2)),
    lambda ground, node: node.activate(2),
    lambda ground, node: ground.switch(2),
)


def _talk(ground: LinkEnd, node: LinkEnd) -> None:
    """A telecommand and an answer."""
    ground.skip(0, node.floor(0))
    node.verify(0, b"", b"", ground.protect(0, b"", b"", b"command"))
    data = node.protect(2, b"", b"", b"answer")
    if not _takes(ground, data):  # the floor of a restarted station; telemetry goes on
        fresh = (node.protect(2, b"", b"", b"answer") for _ in range(20))
        assert any(_takes(ground, each) for each in fresh)


def _rotate(disks: tuple[Disk, Disk]) -> Iterator[int]:
    """Begin or go on, from what is on the disks."""
    for number, step in enumerate(STEPS):
        ground, node = boot(disks[0], Direction.UP), boot(disks[1], Direction.DOWN)
        step(ground.ring, node.ring)
        yield number
        _talk(ground, node)


@pytest.mark.parametrize(("cut_in", "torn"), [*itertools.product(range(12), [False, True])])
@pytest.mark.parametrize("side", [0, 1])
def test_rotation_goes_on_after_a_power_cut_at_any_write(
    side: int, cut_in: int, torn: bool
) -> None:
    disks = fresh_disk(), fresh_disk()
    disks[side].cut_in, disks[side].torn = cut_in, torn
    for _ in range(3):
        try:
            for _ in _rotate(disks):
                pass
            break
        except PowerCut:
            # Whatever was cut, both ends come up and still understand each other.
            _talk(boot(disks[0], Direction.UP), boot(disks[1], Direction.DOWN))
    disks[side].cut_in = -1
    ground, node = boot(disks[0], Direction.UP), boot(disks[1], Direction.DOWN)
    assert ground.ring.sending == node.ring.sending == 2
    assert ground.ring.states() == node.ring.states()
    assert node.ring.states() == {1: KeyState.DEACTIVATED, 2: KeyState.ACTIVE}
    _talk(ground, node)


def test_the_old_key_works_until_a_frame_under_the_new_one_came() -> None:
    ground, node = boot(fresh_disk(), Direction.UP), boot(fresh_disk(), Direction.DOWN)
    old = [ground.protect(0, b"", b"", b"old") for _ in range(3)]
    assert _takes(node, old[0])
    for step in STEPS[:3]:
        step(ground.ring, node.ring)
    assert _takes(node, old[1])
    assert node.protect(2, b"", b"", b"x")[:2] == b"\x00\x1a"
    ground.ring.switch(2)
    assert _takes(node, ground.protect(0, b"", b"", b"new"))
    assert not _takes(node, old[2])
    assert node.protect(2, b"", b"", b"x")[:2] == b"\x00\x2a"


def test_a_key_that_is_only_loaded_opens_nothing() -> None:
    ground, node = boot(fresh_disk(), Direction.UP), boot(fresh_disk(), Direction.DOWN)
    ground.ring.load(2, wrapped(2))
    ground.ring.switch(2)
    node.ring.load(2, wrapped(2))
    raw = ground.protect(0, b"", b"", b"x")
    assert not _takes(node, raw)
    node.ring.activate(2)
    assert _takes(node, raw)


def test_refused_changes_change_nothing() -> None:
    disk = fresh_disk()
    ring = Keyring(KEK, disk.files[NAME], disk)
    ring.load(3, wrapped(3))
    before, files = ring.states(), dict(disk.files)

    def refused(change: Callable[[], None]) -> Reason:
        with pytest.raises(KeyringError) as caught:
            change()
        return caught.value.reason

    assert refused(lambda: ring.load(4, wrapped(4, bytes(32)))) is Reason.CORRUPT
    assert refused(lambda: ring.load(4, wrapped(4)[:-8])) is Reason.CORRUPT
    assert refused(lambda: ring.load(4, b"")) is Reason.CORRUPT
    assert refused(lambda: ring.load(3, wrapped(4))) is Reason.RANGE
    assert refused(lambda: ring.load(2, wrapped(2))) is Reason.RANGE
    assert refused(lambda: ring.load(4095, wrapped(2))) is Reason.RANGE
    assert refused(lambda: ring.activate(7)) is Reason.UNKNOWN
    assert refused(lambda: ring.revoke(1)) is Reason.BUSY
    assert (ring.states(), disk.files) == (before, files)


def test_a_revoked_key_is_gone_from_memory_and_disk() -> None:
    disk = fresh_disk()
    ring = Keyring(KEK, disk.files[NAME], disk)
    ring.load(2, wrapped(2))
    secret = ring.wrapped(2)
    assert secret in disk.files[NAME]
    writes = disk.writes
    ring.revoke(2)
    assert secret not in disk.files[NAME]
    assert disk.writes == writes + 2  # the generation before is overwritten too
    assert 2 not in ring.fingerprints()
    with pytest.raises(KeyringError):
        ring.load(2, secret)
    assert Keyring(KEK, disk.files[NAME], disk).states()[2] is KeyState.DESTROYED


def test_the_ring_is_bounded() -> None:
    disk = fresh_disk()
    ring = Keyring(KEK, disk.files[NAME], disk)
    for epoch in range(2, MOST_KEYS + 1):
        ring.load(epoch, wrapped(epoch))
    with pytest.raises(KeyringError) as caught:
        ring.load(99, wrapped(99))
    assert caught.value.reason is Reason.NO_SPACE
    for epoch in range(2, 200):
        ring.load(epoch, wrapped(epoch)) if epoch > ring.newest else None
        ring.revoke(epoch)
    assert len(ring.states()) <= MOST_KEYS


@given(st.binary(max_size=200))
def test_a_damaged_ring_raises_its_error_only(raw: bytes) -> None:
    with pytest.raises(KeyringError):
        Keyring(KEK, raw, fresh_disk())
