"""Voting on whole answers: at least two replicas must have given the same bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Octets = bytes | memoryview  # of single octets

BLOCK = 512 << 10  # octets: stay in the second-level cache while all answers are compared


@dataclass(frozen=True, slots=True)
class Verdict:
    """Outcome of a vote. ``winner`` is an index into the answers, None without a majority."""

    winner: int | None
    dissent: tuple[int, ...]


def vote(answers: Sequence[Octets | None], quorum: int) -> Verdict:
    """Compare answers byte by byte; the largest group of equal ones wins if it has ``quorum``.

    The bytes themselves are compared: no digest that a replica reports is believed. Three
    different answers have no majority; a bitwise one would be an answer that nobody computed.
    None stands for a missing or late replica, which loses its vote.
    """
    given = {index: answer for index, answer in enumerate(answers) if answer is not None}
    groups = [list(given)] if _unanimous(list(given.values())) else _groups(given)
    best = max(groups, key=len, default=[])
    tied = sum(len(group) == len(best) for group in groups) > 1
    if not best or len(best) < quorum or tied:
        return Verdict(None, ())
    dissent = tuple(index for group in groups if group is not best for index in group)
    return Verdict(best[0], dissent)


def digest(answer: Octets) -> str:
    """SHA-256 of an answer, which costs more than the vote."""
    return hashlib.sha256(answer).hexdigest()


def same(left: Octets, right: Octets) -> bool:
    """True when two buffers hold the same octets."""
    return len(left) == len(right) and _equal(left, right, 0, len(left))


def _groups(given: dict[int, Octets]) -> list[list[int]]:
    """Indices of equal answers."""
    groups: list[list[int]] = []
    for index, answer in given.items():
        for group in groups:
            if same(answer, given[group[0]]):
                group.append(index)
                break
        else:
            groups.append([index])
    return groups


def _unanimous(answers: list[Octets]) -> bool:
    """True when all are equal: the usual case, for which each answer is read once."""
    if len({len(answer) for answer in answers}) > 1:
        return False
    return all(
        _equal(answers[0], other, start, start + BLOCK)
        for start in range(0, len(answers[0]) if answers else 0, BLOCK)
        for other in answers[1:]
    )


def _equal(left: Octets, right: Octets, start: int, stop: int) -> bool:
    if isinstance(left, bytes):  # compares at the speed of memcmp and copies nothing
        return left.startswith(memoryview(right)[start:stop], start)
    ours, theirs = memoryview(left)[start:stop], memoryview(right)[start:stop]
    words = len(ours) // 8
    return ours[8 * words :] == theirs[8 * words :] and np.array_equal(
        np.frombuffer(ours, np.uint64, words), np.frombuffer(theirs, np.uint64, words)
    )
