"""``flight dictionary``."""

from __future__ import annotations

import argparse

from flight.console.exits import Exit
from flight.console.parser import Parser


def dictionary_arguments(parser: Parser) -> None:
    """Arguments of ``flight dictionary``."""
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="machine-readable")
    form.add_argument("--markdown", action="store_true", help="reference page (default)")
    form.add_argument("--hash", action="store_true", help="only the content hash")


def dictionary(options: argparse.Namespace) -> int:
    """Print the dictionary."""
    from flight.dictionary import content

    if options.hash:
        print(content.content_hash().hex())
    else:
        print(content.to_json() if options.json else content.to_markdown())
    return Exit.OK
