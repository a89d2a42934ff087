"""What comes instead of the packets of a fountain: no damage, no memory, no wrong file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from fountain_ends import Memory, content, packets
from hypothesis import given, settings
from hypothesis import strategies as st

raptorq = pytest.importorskip("raptorq", reason="extra [fec]: wheels for x86-64 only")

from flight.link.errors import LinkError  # noqa: E402
from flight.link.fountain.codec import (  # noqa: E402
    LARGEST,
    Manifest,
    source_blocks,
)
from flight.link.fountain.receiver import OPEN, FountainReceiver  # noqa: E402
from flight.link.fountain.sender import FountainSender  # noqa: E402


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_no_octets_hurt_the_receiver(data: st.DataObject) -> None:
    sender, store = FountainSender(3, "f", content(3_000), 64, 0.5), Memory()
    receiver = FountainReceiver(store, 2)  # type: ignore[arg-type]
    for packet in packets(sender):
        kind = data.draw(st.sampled_from(["good", "flip", "cut", "random", "glue"]), label="kind")
        if kind == "flip":
            octets = bytearray(packet)
            octets[data.draw(st.integers(0, 8))] ^= data.draw(st.integers(1, 255))
            packet = bytes(octets)
        elif kind == "cut":
            packet = packet[: data.draw(st.integers(0, len(packet) - 1))]
        elif kind == "random":
            packet = data.draw(st.binary(max_size=80))
        elif kind == "glue":
            packet += b"x"
        receiver.receive(packet, 0.0)
    assert set(store.files.values()) <= {content(3_000)}


def test_damaged_symbols_never_make_a_file() -> None:
    """Whatever the frames let through, SHA-256 does not."""
    sender, store = FountainSender(3, "f", content(5_000), 64, 0.0), Memory()
    receiver = FountainReceiver(store, 2)  # type: ignore[arg-type]
    for number, packet in enumerate(packets(sender)):
        octets = bytearray(packet)
        if number == 5:
            octets[40] ^= 1
        receiver.receive(bytes(octets), 0.0)
    assert store.files == {}
    assert receiver.counters["damaged"] == 1


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", ".hidden", "a\0b", ""])
def test_no_name_leaves_the_inbox(name: str) -> None:
    store = Memory()
    receiver = FountainReceiver(store, 2)  # type: ignore[arg-type]
    sender = FountainSender(3, name, content(500), 64, 0.0)
    for packet in packets(sender):
        receiver.receive(packet, 0.0)
    assert store.files == {}


def test_memory_is_bounded() -> None:
    receiver = FountainReceiver(Memory(), 2)  # type: ignore[arg-type]
    for transfer in range(100):
        for packet in packets(FountainSender(transfer, "f", content(40_000), 64, 0.0))[:300]:
            if packet[0] == 1:
                receiver.receive(packet, 0.0)
    assert receiver.counters["evicted"] == 100 - OPEN
    assert receiver.counters["early_dropped"] > 0


def test_a_manifest_of_nonsense_is_refused() -> None:
    for bad in (
        Manifest(1, "f", 0, 64, 1, bytes(32)),
        Manifest(1, "f", LARGEST + 1, 64, 2, bytes(32)),
        Manifest(1, "f", 100, 63, 1, bytes(32)),
        Manifest(1, "f", 100, 64, 0, bytes(32)),
        Manifest(1, "f", 100, 64, 2, bytes(32)),
        Manifest(1, "f", 500_000, 8, 1, bytes(32)),
        Manifest(1, "f", 500_000, 8, 255, bytes(32)),
    ):
        with pytest.raises(LinkError):
            Manifest.unpack(bad.pack())


@pytest.mark.parametrize(
    ("size", "symbol"),
    [(1, 8), (1, 65528), (60_000, 8), (451_224, 8), (451_232, 8), (500_000, 8), (1 << 20, 8)],
)
def test_the_partition_is_that_of_the_library(size: int, symbol: int) -> None:
    encoder = raptorq.Encoder.with_defaults(bytes(size), symbol)
    blocks = 1 + max(packet[0] for packet in encoder.get_encoded_packets(0))
    assert Manifest(1, "f", size, symbol, blocks, bytes(32)).blocks == source_blocks(size, symbol)


def test_a_manifest_that_claims_blocks_that_there_are_not_ends_in_no_panic(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The library prints its panics, and one of them ends the transfer of a genuine sender."""
    sender, store = FountainSender(3, "f", content(3_000), 64, 0.5), Memory()
    receiver = FountainReceiver(store, 2)  # type: ignore[arg-type]
    good = packets(sender)
    receiver.receive(Manifest(3, "f", 3_000, 64, 9, bytes(32)).pack(), 0.0)
    for number, packet in enumerate(good):
        if packet[0] == 1:
            receiver.receive(packet[:5] + bytes((1 + number % 8,)) + packet[6:], 0.0)
            receiver.receive(packet[:5] + b"\0\xff\xff\xff" + packet[9:], 0.0)
    assert receiver.counters["bad"] >= 1
    for packet in packets(FountainSender(4, "g", content(3_000), 64, 0.5)):
        receiver.receive(packet, 0.0)
    assert store.files == {"g": content(3_000)}
    assert "panicked" not in capfd.readouterr().err


# In a process of its own: this one has freed memory that would be used first.
ALLOCATIONS = """
from pathlib import Path
from types import SimpleNamespace
import raptorq
from flight.link.fountain.codec import LARGEST, Manifest, source_blocks
from flight.link.fountain.receiver import FountainReceiver

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

claim = Manifest(3, "f", LARGEST, 8, source_blocks(LARGEST, 8), bytes(32))
receiver, before = FountainReceiver(SimpleNamespace(open=lambda *_: None), 2), resident()
receiver.receive(claim.pack(), 0.0)
receiver.receive(b"\\1\\0\\0\\0\\3" + bytes(12), 0.0)
print(receiver.counters["bad"], resident() - before)
decoder = raptorq.Decoder.with_defaults(claim.size, claim.symbol)
print(resident() - before)
"""


def test_nothing_is_allocated_because_a_manifest_says_so() -> None:
    run = subprocess.run(
        [sys.executable, "-c", ALLOCATIONS], capture_output=True, text=True, timeout=60, check=True
    )
    bad, claimed, damage = map(int, run.stdout.split())
    assert bad == 0
    assert claimed < LARGEST / 4
    assert damage > LARGEST, "the damage"


def test_the_store_is_where_files_go(tmp_path: Path) -> None:
    from ground.station.inbox import Inbox

    receiver = FountainReceiver(Inbox(tmp_path), 2)  # type: ignore[arg-type]
    for packet in packets(FountainSender(3, "f.bin", content(900), 64, 0.0)):
        receiver.receive(packet, 0.0)
    assert (tmp_path / "f.bin").read_bytes() == content(900)
