"""``ground export xtce | yamcs``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from flight.console.exits import Exit, Stop
from flight.console.output import print_json
from flight.console.parser import Parser, json_argument, positive

_WEB = 8090


def xtce_arguments(parser: Parser) -> None:
    """Arguments of ``export xtce``."""
    parser.add_argument("file", type=Path, metavar="FILE", help="XTCE database to write")
    _config(parser)
    json_argument(parser)


def xtce(options: argparse.Namespace) -> int:
    """Write the dictionary as XTCE."""
    from ground.export.xtce import database

    data = database(_settings(options))
    try:
        options.file.write_bytes(data)
    except OSError as error:
        raise Stop(Exit.USAGE, f"{options.file}: {error.strerror}") from error
    if options.json:
        print_json({"file": str(options.file), "octets": len(data)})
    else:
        print(f"{options.file}: {len(data)} octets")
    return Exit.OK


def yamcs_arguments(parser: Parser) -> None:
    """Arguments of ``export yamcs``."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder to write")
    _config(parser)
    parser.add_argument("--cltu", action="store_true", help="telecommand frames in CLTUs, BCH")
    parser.add_argument(
        "--keys", type=Path, metavar="DIR", help="keys of the link; EXPOSES them below DIR/keys"
    )
    parser.add_argument(
        "--web", type=positive, default=_WEB, metavar="PORT", help=f"of the web pages ({_WEB})"
    )
    json_argument(parser)


def yamcs(options: argparse.Namespace) -> int:
    """Write a folder from which Yamcs flies the node."""
    from ground.export.yamcs import Setup, write

    settings = _settings(options)
    folder: Path = options.folder
    keys: list[dict[str, Any]] = []
    if options.keys is not None:
        keys = _keys(options.keys, folder / "keys")
    try:
        written = write(Setup(settings, options.web, options.cltu, keys), folder)
    except ValueError as error:
        raise Stop(Exit.USAGE, str(error)) from error
    except OSError as error:
        raise Stop(Exit.USAGE, f"{error.filename}: {error.strerror}") from error
    if options.json:
        print_json({"folder": str(folder), "files": [str(path) for path in written]})
    else:
        print(f"{folder}: {len(written)} files; how to start Yamcs: {folder / 'README'}")
    return Exit.OK


def _keys(folder: Path, out: Path) -> list[dict[str, Any]]:
    """The keys, written below ``out``; their files as Yamcs finds them from its folder."""
    from ground.keys.export import export_yamcs
    from ground.keys.holder import open_ring

    try:
        found = export_yamcs(open_ring(folder), folder, out)
    except FileExistsError as error:
        raise Stop(Exit.REFUSED_ON_GROUND, f"refused: {error.filename} is there") from error
    return [each | {"keyFile": f"keys/{Path(each['keyFile']).name}"} for each in found]


def _config(parser: Parser) -> None:
    parser.add_argument("--config", type=Path, help="the node's node.toml (default: as shipped)")


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    from flight.config import ConfigError, default_path, load

    try:
        return load(options.config or default_path())
    except ConfigError as error:
        raise Stop(Exit.USAGE, str(error)) from error
