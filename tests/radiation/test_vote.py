"""The voter against an independent oracle, and against a voter that believes what it is told."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight.radiation.vote import BLOCK, Verdict, digest, same, vote

# Few distinct answers, so that equal ones are common; lengths differ, one is empty.
ANSWERS = st.sampled_from([None, b"", b"a", b"b", b"aa", b"\0" * 64, b"\0" * 63 + b"\1"])


def views(answers: list[bytes | None]) -> list[memoryview | None]:
    return [None if each is None else memoryview(each) for each in answers]


def oracle(answers: list[bytes | None], quorum: int) -> bytes | None:
    """The one answer that most gave, if there is one and enough gave it."""
    counts = Counter(each for each in answers if each is not None)
    for answer, votes in counts.items():
        if votes >= quorum and all(votes > counts[other] for other in counts if other != answer):
            return answer
    return None


def check(answers: list[bytes | None], quorum: int) -> None:
    verdict = vote(views(answers), quorum)
    assert verdict == vote(answers, quorum)  # bytes are compared in another way than views
    expected = oracle(answers, quorum)
    if expected is None:
        assert verdict == Verdict(None, ())
        return
    assert verdict.winner is not None
    assert answers[verdict.winner] == expected
    odd = [i for i, each in enumerate(answers) if each is not None and each != expected]
    assert sorted(verdict.dissent) == odd


@given(st.lists(ANSWERS, max_size=5), st.integers(1, 3))
@settings(max_examples=400, deadline=None)
def test_the_verdict_is_that_of_the_oracle(answers: list[bytes | None], quorum: int) -> None:
    check(answers, quorum)


def test_all_votes_of_three_replicas() -> None:
    cases = list(itertools.product([None, b"x", b"y", b"z"], repeat=3))
    for answers in cases:
        check(list(answers), 2)
    assert len(cases) == 64


@given(st.binary(min_size=1, max_size=300), st.data())
@settings(max_examples=200, deadline=None)
def test_a_single_flip_anywhere_is_seen(answer: bytes, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, 8 * len(answer) - 1))
    flipped = bytearray(answer)
    flipped[position // 8] ^= 1 << position % 8
    assert same(memoryview(answer), memoryview(bytes(answer)))
    assert not same(memoryview(answer), memoryview(flipped))
    verdict = vote([memoryview(flipped), memoryview(answer), memoryview(bytes(answer))], 2)
    assert (verdict.winner, verdict.dissent) == (1, (0,))


LONG = np.random.default_rng(0).bytes(2 * BLOCK + 13)
EDGES = (0, 7, BLOCK - 1, BLOCK, 2 * BLOCK - 1, 2 * BLOCK, len(LONG) - 8, len(LONG) - 1)


@pytest.mark.parametrize("octet", EDGES)
@pytest.mark.parametrize("view", [bytes, memoryview])
def test_answers_longer_than_a_block_are_compared_to_the_last_octet(
    octet: int, view: Callable[[bytes], bytes | memoryview]
) -> None:
    damaged = bytearray(LONG)
    damaged[octet] ^= 0x80
    for seat in range(3):
        answers = [view(LONG), view(bytes(bytearray(LONG))), view(LONG)]
        answers[seat] = view(bytes(damaged))
        sound = min({0, 1, 2} - {seat})
        assert vote(answers, 2) == Verdict(sound, (seat,))
    assert vote([view(LONG), view(LONG[:-1]), view(LONG[1:])], 2).winner is None


def test_the_digest_is_that_of_the_octets() -> None:
    assert digest(memoryview(LONG)) == digest(LONG) == hashlib.sha256(LONG).hexdigest()


def test_three_different_answers_are_never_combined() -> None:
    """Bitwise, the majority of these is 0x55: an answer that nobody gave."""
    answers = views([b"\x5f", b"\xf5", b"\x55\x55"])
    assert vote(answers, 2).winner is None
    assert vote(views([b"\x57", b"\x75", b"\x5d"]), 2).winner is None


def test_a_missing_replica_loses_its_vote() -> None:
    assert vote(views([b"a", None, b"a"]), 2) == Verdict(0, ())
    assert vote(views([b"a", None, None]), 2).winner is None
    assert vote(views([None, None, None]), 1).winner is None


def naive(reported: list[str], answers: list[bytes]) -> bytes | None:
    """A voter that compares the digests that the replicas report."""
    digest, votes = Counter(reported).most_common(1)[0]
    return answers[reported.index(digest)] if votes >= 2 else None


@pytest.mark.parametrize("liar", [0, 1, 2])
def test_a_replica_that_reports_the_right_digest_of_wrong_bytes_is_outvoted(liar: int) -> None:
    right, wrong = b"clear sky" * 9, b"clear sky" * 8 + b"clear skj"
    reported = [hashlib.sha256(right).hexdigest()] * 3
    answers = [right, right, right]
    answers[liar] = wrong
    verdict = vote([memoryview(answer) for answer in answers], 2)
    assert verdict.winner is not None
    assert answers[verdict.winner] == right
    assert verdict.dissent == (liar,)
    if liar == 0:  # a voter that believes digests takes the first of the three that "agree"
        assert naive(reported, answers) == wrong
