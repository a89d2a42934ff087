"""The account of the demonstration on the terminal: bars for a person, plain lines otherwise."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from flight.console.output import terminal
from flight.runtime.clock import Clock

Line = dict[str, Any]
PLAIN_STEPS = 5  # a plain line for every so many tiles


class Account(Protocol):
    """Where the flight tells what happens."""

    def say(self, text: str, kind: str = "info") -> None:
        """One line; ``kind`` is info, attack, masked, good or bad."""

    def bar(self, name: str, done: int, total: int) -> None:
        """Progress of something."""

    def close(self) -> None:
        """Leave the terminal in order."""


_MARK = {"info": " ", "attack": "!", "masked": "+", "good": "=", "bad": "x"}


class PlainAccount:
    """Lines with the time since the start."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._began = clock, clock.now()
        self._shown: dict[str, int] = {}

    def say(self, text: str, kind: str = "info") -> None:
        """Print a line."""
        print(f"{self._clock.now() - self._began:6.2f} s {_MARK[kind]} {text}", flush=True)

    def bar(self, name: str, done: int, total: int) -> None:
        """Print every few steps and the last."""
        step = PLAIN_STEPS if total <= 100 else max(1, total // 4)
        mark = total if done >= total else done - done % step
        if self._shown.get(name) != mark:
            self._shown[name] = mark
            self.say(f"{name} {done}/{total}")

    def close(self) -> None:
        """Nothing to restore."""


class RichAccount:
    """Lines above live progress bars."""

    _STYLE: ClassVar = {"info": "", "attack": "bold red", "masked": "yellow", "good": "bold green"}

    def __init__(self, clock: Clock) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._clock, self._began = clock, clock.now()
        self._progress = Progress(
            TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn()
        )
        self._bars: dict[str, Any] = {}
        self._progress.start()

    def say(self, text: str, kind: str = "info") -> None:
        """Print a line above the bars."""
        from rich.text import Text

        style = self._STYLE.get(kind, "bold red")
        stamp = f"{self._clock.now() - self._began:6.2f} s {_MARK[kind]} "
        self._progress.console.print(Text(stamp, "dim").append(text, style))

    def bar(self, name: str, done: int, total: int) -> None:
        """Move a bar."""
        if name not in self._bars:
            self._bars[name] = self._progress.add_task(name, total=total)
        self._progress.update(self._bars[name], completed=done, total=total)

    def close(self) -> None:
        """Stop drawing."""
        self._progress.stop()


def open_account(clock: Clock) -> Account:
    """Bars when a person watches, lines otherwise."""
    return RichAccount(clock) if terminal() else PlainAccount(clock)
