"""Argument parser of the verbs: one-line errors with "did you mean", exit codes in the help."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import NoReturn

from flight.console.exits import MEANING, Exit, Stop


def suggestion(word: str, known: Sequence[str]) -> str:
    """``; did you mean …?`` for the nearest known word, or nothing."""
    # Imported when something is wrong only: ``--help`` must not pay for the dictionary.
    from flight.dictionary.values import suggestion as nearest

    return nearest(word, known)


class Parser(argparse.ArgumentParser):
    """Parser of one verb. Wrong use raises Stop (2) with one line."""

    def __init__(self, prog: str, description: str) -> None:
        codes = "\n".join(f"  {code:d}  {text}" for code, text in MEANING.items())
        super().__init__(
            prog=prog,
            description=description,
            epilog=f"exit codes:\n{codes}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        # argparse takes -33.9 for a value, but -33.9,18.4 for an option.
        self._negative_number_matcher = re.compile(r"-\.?\d")

    def parse_verb(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse; an unknown option is named before a missing one. Raises Stop (2)."""
        known = [name for name in self._option_string_actions if name.startswith("--")]
        for word in words:
            if word == "--":
                break
            option = word.partition("=")[0]
            if option.startswith("--") and option not in known:
                self.error(f"unknown option {option!r}{suggestion(option, known)}")
        return self.parse_args(words)

    def error(self, message: str) -> NoReturn:
        """Raise Stop (2) instead of printing the whole usage."""
        raise Stop(Exit.USAGE, f"{message} (see {self.prog} --help)")


def seconds(text: str) -> float:
    """Argument type: a time above 0 in s."""
    try:
        value = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds") from error
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"{text} s is not between 0 and 1e6 s")
    return value


def positive(text: str) -> int:
    """Argument type: a whole number above 0."""
    if not text.isdecimal() or not 0 < int(text) < 1 << 31:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


def seed(text: str) -> int:
    """Argument type: a seed of 32 bits."""
    if not text.isdecimal() or int(text) >= 1 << 32:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 to {(1 << 32) - 1}")
    return int(text)


def json_argument(parser: Parser) -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help="print JSON")
