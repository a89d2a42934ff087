"""Voting on whole answers: at least two replicas must have given the same bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Octets = bytes | memoryview  # of single octets


@dataclass(frozen=True, slots=True)
class Verdict:
    """Outcome of a vote. ``winner`` is an index into the answers, None without a majority."""

    winner: int | None
    dissent: tuple[int, ...]
    digest: str


def vote(answers: Sequence[Octets | None], quorum: int) -> Verdict:
    """Compare answers byte by byte; the largest group of equal ones wins if it has ``quorum``.

    The bytes are compared and hashed here: no digest that a replica reports is believed. Three
    different answers have no majority; a bitwise one would be an answer that nobody computed.
    None stands for a missing or late replica, which loses its vote.
    """
    groups: list[list[int]] = []
    for index, answer in enumerate(answers):
        if answer is None:
            continue
        for group in groups:
            first = answers[group[0]]
            if first is not None and same(answer, first):
                group.append(index)
                break
        else:
            groups.append([index])
    best = max(groups, key=len, default=[])
    tied = sum(len(group) == len(best) for group in groups) > 1
    if len(best) < quorum or tied:
        return Verdict(None, (), "")
    dissent = tuple(index for group in groups if group is not best for index in group)
    return Verdict(best[0], dissent, hashlib.sha256(answers[best[0]] or b"").hexdigest())


def same(left: Octets, right: Octets) -> bool:
    """True when two buffers hold the same octets."""
    if len(left) != len(right):
        return False
    return bool(np.array_equal(np.frombuffer(left, np.uint8), np.frombuffer(right, np.uint8)))
