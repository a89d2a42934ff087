"""Files through the fountain: whole or not at all, whatever is lost."""

from __future__ import annotations

import random

import pytest
from fountain_ends import Memory, content, packets
from hypothesis import given, settings
from hypothesis import strategies as st

raptorq = pytest.importorskip("raptorq", reason="extra [fec]: wheels for x86-64 only")

from flight.link.fountain.codec import (  # noqa: E402
    Manifest,
    Report,
    Verdict,
    to_send,
)
from flight.link.fountain.receiver import FountainReceiver  # noqa: E402
from flight.link.fountain.sender import FountainSender  # noqa: E402


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 60_000),
    st.sampled_from([8, 64, 200, 1000]),
    st.floats(0, 0.6),
    st.integers(0, 1 << 30),
)
def test_what_is_lost_is_made_up_for(size: int, symbol: int, loss: float, seed: int) -> None:
    """One way only. What is sent covers the expected loss; what more is lost, reports make good."""
    data, source = content(size), random.Random(seed)
    sender, store = FountainSender(7, "a.bin", data, symbol, loss), Memory()
    receiver = FountainReceiver(store, 2)  # type: ignore[arg-type]
    for _ in range(30):
        for packet in packets(sender):
            if source.random() >= loss:
                receiver.receive(packet, 0.0)
        (word,) = receiver.reports(0.0, 1.0) or [Report(7, Verdict.LACKING, 1)]  # all was lost
        if word.verdict is Verdict.DELIVERED:
            break
        sender.lacks(word.lacking)
    assert store.files == {"a.bin": data}
    assert receiver.reports(0.0, 1.0) == []


@pytest.mark.parametrize("size", [100, 3_000, 20_000])
@pytest.mark.parametrize("loss", [0.1, 0.3, 0.5])
def test_one_pass_is_enough_at_the_loss_that_was_expected(size: int, loss: float) -> None:
    delivered = 0
    for seed in range(100):
        source, store = random.Random(seed), Memory()
        receiver = FountainReceiver(store, 2)  # type: ignore[arg-type]
        for packet in packets(FountainSender(1, "f", content(size, seed), 200, loss)):
            if source.random() >= loss:
                receiver.receive(packet, 0.0)
        delivered += bool(store.files)
    assert delivered >= 97  # three standard deviations, and a manifest: 99.8 %


def test_symbols_of_a_second_pour_are_new() -> None:
    """So that a file given up and put again makes use of what the ground has of it."""
    first = FountainSender(1, "f", content(20_000), 200, 0.1)
    before = packets(first)
    again = packets(FountainSender(1, "f", content(20_000), 200, 0.1, first.poured))
    store = Memory()
    receiver = FountainReceiver(store, 2)  # type: ignore[arg-type]
    for packet in before[:60] + again[:60]:
        receiver.receive(packet, 0.0)
    assert store.files == {"f": content(20_000)}
    assert receiver.counters["duplicate"] == 0


def test_a_receiver_without_a_manifest_asks_for_one() -> None:
    sender, store = FountainSender(1, "f", content(3_000), 200, 0.0), Memory()
    receiver = FountainReceiver(store, 2)  # type: ignore[arg-type]
    for packet in packets(sender):
        if packet[0] == 1:
            receiver.receive(packet, 0.0)
    (word,) = receiver.reports(1.0, 2.0)
    assert word == Report(1, Verdict.LACKING, 1)
    sender.lacks(word.lacking)
    for packet in packets(sender):
        receiver.receive(packet, 2.0)
    assert store.files == {"f": content(3_000)}


def test_what_cannot_be_kept_is_told_as_rejected() -> None:
    class Full(Memory):
        def open(self, name: str, size: int, *_: object) -> Memory:
            raise OSError(28, "no space")

    receiver = FountainReceiver(Full(), 2)  # type: ignore[arg-type]
    for packet in packets(FountainSender(1, "f", content(3_000), 200, 0.0)):
        receiver.receive(packet, 0.0)
    assert receiver.reports(1.0, 2.0) == [Report(1, Verdict.REJECTED)]


def test_bad_manifests_open_nothing() -> None:
    receiver = FountainReceiver(Memory(), 2)  # type: ignore[arg-type]
    for packet in packets(FountainSender(1, "f", content(9_000), 200, 0.0))[:20]:
        receiver.receive(packet, 0.0)
    for transfer in range(2, 40):
        receiver.receive(Manifest(transfer, "g", 0, 64, 1, bytes(32)).pack(), 0.0)
    assert [each.name for each in receiver.progress()] == ["f"]
    assert receiver.counters["evicted"] == 0


def test_a_file_begun_anew_takes_the_place_of_the_old_one() -> None:
    receiver = FountainReceiver(Memory(), 2)  # type: ignore[arg-type]
    for transfer in (1, 2):
        for packet in packets(FountainSender(transfer, "f", content(9_000), 200, 0.0))[:9]:
            receiver.receive(packet, 0.0)
    assert len(receiver.progress()) == 1
    assert receiver.counters["renewed"] == 1


def test_the_overhead_is_small() -> None:
    assert to_send(4096, 0.0) <= 4096 + 2
    assert to_send(4096, 0.185) / (4096 / (1 - 0.185)) < 1.03


def test_many_blocks_are_extended_without_repeats() -> None:
    sender = FountainSender(1, "f", content(3 << 20), 64, 0.1)
    first = packets(sender)
    sender.lacks(500)
    more = packets(sender)
    symbols = [p[5:9] for p in first + more if p[0] == 1]
    assert len(symbols) == len(set(symbols))
    assert len(more) >= 500
