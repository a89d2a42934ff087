"""Published = delivered + the named drops, exactly, over a million messages and under attack."""

from __future__ import annotations

import os
import select
import shutil
import signal
import struct
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import loss_scenario as scenario
import pytest

from flight.dictionary.registry import item
from flight.dictionary.telemetry import ProcessReport
from flight.runtime.ledger import Account, accounts
from flight.runtime.page import Page, Word

TOTAL = 1_000_000
NAMES = ("healthy", "stopped", "slow", "killed")
TOPIC = item(ProcessReport).id


@dataclass
class Outcome:
    """What the scenario left behind."""

    folder: Path
    flipped: int
    published: int

    def page(self, name: str) -> Page:
        return Page.open(self.folder / f"{name}.page")

    def account(self, name: str) -> Account:
        (found,) = [a for a in accounts(self.page(name)) if a.topic == TOPIC]
        return found

    def marked(self, name: str) -> int:
        return scenario.Marks(self.folder / f"{name}.marks", TOTAL).count()

    def newest(self, name: str) -> int:
        """The last counter that the handler was given."""
        return int(struct.unpack("<Q", (self.folder / f"{name}.newest").read_bytes())[0])


class Scenario:
    """Starts the processes, attacks them, waits until the ledgers are at rest."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.board = scenario.Board(folder)
        for name in ("publisher", *NAMES):
            Page.open(folder / f"{name}.page", create=True)
        os.mkfifo(folder / scenario.PACE)
        self.pids: dict[str, int] = {}
        for name in NAMES:
            (folder / f"{name}.newest").write_bytes(bytes(8))
            self.pids[name] = scenario.fork(
                lambda name=name: scenario.subscribe(folder, name, TOTAL)
            )
        self.pids["relay"] = scenario.fork(lambda: scenario.relay(folder, seed=1))
        self.pids["publisher"] = scenario.fork(lambda: scenario.publish(folder, TOTAL, len(NAMES)))

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Look until the condition holds; fails at once when a process ends that should not."""
        end = time.monotonic() + scenario.DEADLINE
        living = {os.pidfd_open(pid): name for name, pid in self.pids.items() if name != "killed"}
        try:
            while not condition():
                assert time.monotonic() < end, "the condition did not come true in time"
                ended = select.select(list(living), [], [], 0.002)[0]
                assert not ended, [living[each] for each in ended]
        finally:
            for each in living:
                os.close(each)

    def at(self, share: float, name: str, number: signal.Signals) -> None:
        self.wait_for(lambda: self.board["progress"] >= share * TOTAL)
        os.kill(self.pids[name], number)

    def run(self) -> Outcome:
        self.at(0.1, "stopped", signal.SIGSTOP)
        self.at(0.3, "stopped", signal.SIGCONT)
        self.at(0.5, "killed", signal.SIGKILL)
        self.at(0.9, "stopped", signal.SIGSTOP)
        self.wait_for(lambda: self.at_rest("healthy"))
        os.kill(self.pids["stopped"], signal.SIGCONT)
        for name in ("stopped", "slow"):
            self.wait_for(lambda name=name: self.at_rest(name))
        self.board["end"] = 1
        for name, pid in self.pids.items():
            status = os.waitpid(pid, 0)[1]
            assert status == (signal.SIGKILL if name == "killed" else 0), (name, status)
        self.pids.clear()
        publisher = Page.open(self.folder / "publisher.page")
        published = publisher.words[publisher.sequence_word(TOPIC)]
        return Outcome(self.folder, self.board["flipped"], published)

    def at_rest(self, name: str) -> bool:
        rows = accounts(Page.open(self.folder / f"{name}.page"))
        row = next((a for a in rows if a.topic == TOPIC), None)
        return row is not None and row.published == TOTAL and row.queued == 0

    def close(self) -> None:
        for pid in self.pids.values():
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


@pytest.fixture(scope="module")
def outcome() -> Iterator[Outcome]:
    folder = Path(tempfile.mkdtemp(prefix="tg-"))  # ipc paths hold 107 octets
    flown = Scenario(folder)
    try:
        yield flown.run()
    finally:
        flown.close()
        shutil.rmtree(folder)


@pytest.mark.parametrize("name", ["healthy", "stopped", "slow"])
def test_every_message_is_delivered_or_in_one_named_counter(outcome: Outcome, name: str) -> None:
    account, marked = outcome.account(name), outcome.marked(name)
    assert outcome.published == account.published == TOTAL, f"n = {TOTAL}"
    assert account.delivered == marked, f"n = {TOTAL}"
    drops = account.overflow + account.superseded + account.undecodable + account.lost
    assert TOTAL - marked == drops + account.queued, f"n = {TOTAL}"
    assert account.duplicate == account.superseded == account.undecodable == 0
    corrupt = outcome.page(name).words[Word.CORRUPT]
    assert account.lost >= min(corrupt, outcome.flipped) > 0 or name != "healthy"


def test_the_healthy_one_lost_what_the_relay_damaged_and_nothing_else(outcome: Outcome) -> None:
    account = outcome.account("healthy")
    assert account.lost == outcome.flipped > TOTAL // scenario.EVERY * 0.9
    assert outcome.page("healthy").words[Word.CORRUPT] >= outcome.flipped


def test_overload_by_two_costs_half_or_more_and_nearly_all_of_it_is_overflow(
    outcome: Outcome,
) -> None:
    account = outcome.account("slow")
    assert 0.4 * TOTAL < account.overflow < TOTAL  # bursts beyond the queue cost more than half
    # Where the machine starves it, it does not drain in time: that is lost at the high-water mark.
    assert outcome.flipped <= account.lost < 0.1 * TOTAL


def test_a_stop_costs_messages_on_the_way_and_at_the_tail(outcome: Outcome) -> None:
    account, newest = outcome.account("stopped"), outcome.newest("stopped")
    assert account.lost > 0.1 * TOTAL
    assert newest < TOTAL, "the tail arrived: the scenario is too gentle"
    # Whoever counts gaps between messages only does not see what was lost behind the last one.
    gaps_only = newest - outcome.marked("stopped")
    assert gaps_only < TOTAL - outcome.marked("stopped") == account.lost + account.overflow


def test_of_the_killed_one_it_is_known_what_died_with_it(outcome: Outcome) -> None:
    account, marked = outcome.account("killed"), outcome.marked("killed")
    died = outcome.published - account.published + account.queued
    drops = account.overflow + account.superseded + account.undecodable + account.lost
    assert outcome.published == account.delivered + drops + died
    assert 0 <= marked - account.delivered <= account.queued
    assert TOTAL * 0.4 < died < TOTAL * 0.6
