"""One vote of the replicas: on the octets of their states, then on what they report of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from flight.dictionary.enums import Reason
from flight.executor.protocol import Answer
from flight.radiation.vote import digest, vote


@dataclass(frozen=True, slots=True)
class Ballot:
    """A vote that was won."""

    state: bytes
    digest: str  # SHA-256 of the state
    report: Answer  # of a seat that agrees
    outvoted: tuple[int, ...]  # seats that gave another answer, once for each
    odd: frozenset[int]  # seats whose newest answer is not the winning one
    masked: int  # answers outvoted or missing


def tally(
    reports: Sequence[Answer | None],
    answers: Sequence[bytes | None],
    aside: bytes | None = None,
) -> Ballot | None:
    """Count the votes of all seats, and the answer of seat 0 that was set ``aside`` earlier.

    One seat wins by itself, more need two equal answers. None without a majority.
    """
    seats = len(answers)
    ballots = [*answers, aside]
    verdict = vote(ballots, min(2, seats))
    winner = None if verdict.winner is None else ballots[verdict.winner]
    lost = {seat for seat, answer in enumerate(answers) if answer is None}
    odd = lost | {index for index in verdict.dissent if index < seats}
    report = _agreed([each for seat, each in enumerate(reports) if each and seat not in odd])
    if winner is None or report is None:
        return None
    outvoted = tuple(index if index < seats else 0 for index in verdict.dissent)
    masked = len(outvoted) + len(lost)
    return Ballot(winner, digest(winner), report, outvoted, frozenset(odd), masked)


def _agreed(reports: list[Answer]) -> Answer | None:
    """A report that most of those who agree on the state give, None when there is none."""
    counted = Counter((each.done, each.steps, each.models) for each in reports)
    for most, votes in counted.most_common(1):
        if 2 * votes > len(reports):
            return next(each for each in reports if (each.done, each.steps, each.models) == most)
    return None


def commonest(failures: Sequence[Answer]) -> tuple[Reason, str]:
    """The reason that most replicas gave for their failure, and the detail of one of them."""
    reason, _ = Counter(answer.reason for answer in failures).most_common(1)[0]
    return reason, next(answer.detail for answer in failures if answer.reason is reason)
