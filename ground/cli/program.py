"""``ground program key | pack | push | list | activate | rollback``."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import Any

from flight.console.exits import Exit, Stop
from flight.console.output import print_json, print_table, utc
from flight.console.parser import Parser, json_argument, positive, seconds
from flight.dictionary.enums import Stage
from ground.cli.display import display
from ground.cli.follow import Follower, connect
from ground.cli.parser import station_argument
from ground.commanding import build_command


def key_arguments(parser: Parser) -> None:
    """Arguments of ``program key``."""
    parser.add_argument("file", type=Path, metavar="FILE", help="private key; FILE.pub the public")
    json_argument(parser)


def key(options: argparse.Namespace) -> int:
    """Make a key pair."""
    from ground.programs.keys import PUBLIC, make_key

    try:
        public = make_key(options.file).public.hex()
    except OSError as error:
        raise Stop(Exit.USAGE, f"{error.filename}: {error.strerror}") from error
    if options.json:
        print_json({"private": str(options.file), "public": public})
    else:
        print(f"{options.file}: private key, keep it; {options.file}{PUBLIC}: public key")
        print(f'in node.toml:\n[storage]\nprogram_keys = ["{public}"]')
    return Exit.OK


def pack_arguments(parser: Parser) -> None:
    """Arguments of ``program pack``."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="program.toml and Python files")
    parser.add_argument("--key", type=Path, required=True, metavar="KEY", help="private key")
    parser.add_argument("--out", type=Path, required=True, metavar="BUNDLE", help="bundle to write")
    json_argument(parser)


def pack(options: argparse.Namespace) -> int:
    """Check a program and sign it; nothing of it is run."""
    from ground.programs import packing
    from ground.programs.keys import KeyFileError, load_key

    try:
        manifest, data = packing.pack(options.folder, load_key(options.key))
        options.out.write_bytes(data)
    except OSError as error:
        raise Stop(Exit.USAGE, f"{error.filename}: {error.strerror}") from error
    except (packing.PackError, KeyFileError) as error:
        raise Stop(Exit.REFUSED_ON_GROUND, f"refused: {error}") from error
    sha256 = hashlib.sha256(data).hexdigest()
    if options.json:
        found = {"program": manifest.name, "version": manifest.version}
        print_json(found | {"path": str(options.out), "size": len(data), "sha256": sha256})
    else:
        what = f"{manifest.name} {manifest.version}, {len(data)} octets"
        print(f"{options.out}: {what}, SHA-256 {sha256[:16]}")
    return Exit.OK


def push_arguments(parser: Parser) -> None:
    """Arguments of ``program push``."""
    parser.add_argument("file", type=Path, metavar="BUNDLE", help="packed program")
    parser.add_argument("--wait", action="store_true", help="return when it is installed")
    _timeout(parser, 600.0)
    station_argument(parser)
    json_argument(parser)


def push(options: argparse.Namespace) -> int:
    """Uplink a bundle, then have it installed."""
    from flight.dictionary.bundle import LARGEST, BundleError, parse_bundle
    from ground.cli.sending import Sending

    try:
        with options.file.open("rb") as file:
            manifest = parse_bundle(file.read(LARGEST + 1)).manifest
    except OSError as error:
        raise Stop(Exit.USAGE, f"{options.file}: {error.strerror}") from error
    except BundleError as error:
        raise Stop(Exit.REFUSED_ON_GROUND, f"refused: {options.file}: {error.detail}") from error
    name = f"{manifest.name}-{manifest.version}.bundle"
    with connect(options.dir) as client, display(options.json) as shown:
        Sending(client, options.file, name).finish(shown, options.timeout)
        follower = Follower(client, shown)
        follower.send("program.install", {"file": name})
        if options.wait:
            follower.reach(Stage.COMPLETED, options.timeout)
    program = {"program": manifest.name, "version": manifest.version}
    _report(options, follower, program, "installed" if options.wait else "uplinked")
    return Exit.OK


def listing_arguments(parser: Parser) -> None:
    """Arguments of ``program list``."""
    station_argument(parser)
    json_argument(parser)


def listing(options: argparse.Namespace) -> int:
    """Print what the node last reported of its uplinked programs."""
    from ground.station.records import Records

    with Records(options.dir) as records:
        programs = records.programs()
    if options.json:
        print_json(programs)
        return Exit.OK
    print_table(
        ("program", "version", "state", "active", "octets", "SHA-256", "heard"),
        [_row(each) for each in programs],
    )
    return Exit.OK


def _row(program: dict[str, Any]) -> tuple[str, ...]:
    active = "active" if program["active"] else ""
    fields = (program["name"], program["version"], program["state"], active, program["size"])
    return *(str(each) for each in fields), program["sha"], utc(program["utc_ns"])


def activate_arguments(parser: Parser) -> None:
    """Arguments of ``program activate``."""
    parser.add_argument("name", metavar="NAME", help="program, see: ground program list")
    parser.add_argument("version", type=positive, metavar="VERSION", help="installed version")
    _timeout(parser, 30.0)
    station_argument(parser)
    json_argument(parser)


def activate(options: argparse.Namespace) -> int:
    """Have new tasks run a version; return when it is done."""
    values = {"name": options.name, "version": str(options.version)}
    program = {"program": options.name, "version": options.version}
    return _turn(options, "program.activate", values, program, "active")


def rollback_arguments(parser: Parser) -> None:
    """Arguments of ``program rollback``."""
    parser.add_argument("name", metavar="NAME", help="program, see: ground program list")
    _timeout(parser, 30.0)
    station_argument(parser)
    json_argument(parser)


def rollback(options: argparse.Namespace) -> int:
    """Have new tasks run the version that was active before; return when it is done."""
    program = {"program": options.name}
    return _turn(options, "program.rollback", {"name": options.name}, program, "rolled back")


def _timeout(parser: Parser, default: float) -> None:
    text = f"longest wait ({default:g} s)"
    parser.add_argument("--timeout", type=seconds, default=default, metavar="S", help=text)


def _turn(
    options: argparse.Namespace,
    command: str,
    values: dict[str, str],
    program: dict[str, Any],
    done: str,
) -> int:
    build_command(command, values)
    with connect(options.dir) as client, display(options.json) as shown:
        follower = Follower(client, shown)
        follower.send(command, values)
        try:
            follower.reach(Stage.COMPLETED, options.timeout)
        except Stop as stop:
            raise Stop(stop.code, f"{stop}{_hint(options)}") from stop
    _report(options, follower, program, done)
    return Exit.OK


def _hint(options: argparse.Namespace) -> str:
    """The nearest program that the node has reported, for a name that it has not."""
    from flight.dictionary.values import suggestion
    from ground.station.records import Records

    with Records(options.dir) as records:
        known = {each["name"] for each in records.programs()}
    return "" if options.name in known else suggestion(options.name, known)


def _report(
    options: argparse.Namespace, follower: Follower, program: dict[str, Any], done: str
) -> None:
    if options.json:
        print_json({**program, "request": follower.request, "stages": follower.stages})
        return
    name, version = program["program"], program.get("version", "")
    print(f"program {name} {version}".rstrip() + f" {done}")
