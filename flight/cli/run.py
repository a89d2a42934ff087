"""``flight run``."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from flight.console.exits import Exit, Stop
from flight.console.parser import Parser, seed


def node_argument(parser: Parser) -> None:
    """Add ``--dir``, the state directory of the node."""
    parser.add_argument(
        "--dir",
        type=Path,
        default=Path(os.environ.get("TARDIGRADE_NODE") or "build/node"),
        help="state directory (default: $TARDIGRADE_NODE, else ./build/node)",
    )


def run_arguments(parser: Parser) -> None:
    """Arguments of ``flight run``."""
    node_argument(parser)
    parser.add_argument("--config", type=Path, help="node.toml (default: the one shipped)")
    parser.add_argument("--listen", type=_endpoint, help="HOST:PORT for telecommand frames")
    parser.add_argument("--peer", type=_endpoint, help="HOST:PORT that telemetry frames go to")
    parser.add_argument("--keys", type=Path, metavar="DIR", help="keys of the link")
    parser.add_argument(
        "--insecure-dev",
        action="store_true",
        help="fly without keys: anybody may command the node; for development only",
    )
    parser.add_argument("--seed", type=seed, help="seed of all randomness on board")
    parser.add_argument(
        "--allow-injection",
        action="store_true",
        help="let processes of this user trace the node, for fault injection",
    )
    parser.add_argument(
        "--allow-slow-crc",
        action="store_true",
        help="start even when a CRC extension is missing (45 times slower)",
    )


def _endpoint(text: str) -> str:
    from flight.runtime.port import parse_endpoint

    try:
        parse_endpoint(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def run(options: argparse.Namespace) -> int:
    """Run a node in the foreground."""
    from flight.runtime import node
    from flight.runtime.directory import DirectoryInUse

    settings = _settings(options)
    _require_keys(options, settings["link"])
    _require_crc(allow_slow=options.allow_slow_crc)
    number = settings.get("seed", 1) if options.seed is None else options.seed
    try:
        return node.run(
            options.dir, settings, "flight.topology:TABLE", number, options.allow_injection
        )
    except (DirectoryInUse, ValueError) as error:
        raise Stop(Exit.CHECK_FAILED, str(error)) from error
    except OSError as error:
        place = error.filename or options.dir
        raise Stop(Exit.CHECK_FAILED, f"{place}: {error.strerror}") from error


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    from flight import config

    try:
        settings = config.load(options.config or config.default_path())
    except config.ConfigError as error:
        raise Stop(Exit.USAGE, str(error)) from error
    for field in ("listen", "peer"):
        settings["link"]["space"][field] = (
            getattr(options, field) or settings["link"]["space"][field]
        )
    return settings


def _require_keys(options: argparse.Namespace, link: dict[str, Any]) -> None:
    from flight.link.security import open_ring
    from flight.runtime.store import FileStore

    if options.insecure_dev:
        if options.keys is not None:
            raise Stop(Exit.USAGE, "--keys and --insecure-dev exclude each other")
        link.pop("keys", None)
        link["insecure"] = True
        return
    if options.keys is not None:
        link["keys"] = str(options.keys.absolute())
    if "keys" not in link:
        hint = "--keys DIR or [link] keys (ground key init makes them), or --insecure-dev"
        raise Stop(Exit.USAGE, f"no keys for the link: {hint}")
    try:
        open_ring(link, FileStore(options.dir))
    except (OSError, ValueError) as error:
        raise Stop(Exit.CHECK_FAILED, f"refused: {error}") from error


def _require_crc(*, allow_slow: bool) -> None:
    from flight.link import fecf
    from flight.runtime import crc

    try:
        fecf.require_acceleration(allow_slow)
    except RuntimeError as error:
        raise Stop(Exit.CHECK_FAILED, str(error)) from error
    if not (crc.accelerated() or allow_slow):
        raise Stop(Exit.CHECK_FAILED, "google-crc32c has no C extension here (--allow-slow-crc)")
