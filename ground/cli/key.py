"""``ground key init | list | fingerprint | rotate | revoke | export-yamcs``."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from flight.console.exits import Exit, Stop
from flight.console.output import print_json, print_table
from flight.console.parser import Parser, json_argument, positive, seconds
from flight.dictionary.enums import Stage
from ground.cli.display import Display, display
from ground.cli.follow import Follower, connect
from ground.cli.parser import station_argument
from ground.jsonlines import ControlClient

_VARIABLE = "TARDIGRADE_KEYS"


def keys_argument(parser: Parser) -> None:
    """Add ``--keys``."""
    default = os.environ.get(_VARIABLE)
    parser.add_argument(
        "--keys",
        type=Path,
        default=None if default is None else Path(default),
        metavar="DIR",
        help=f"folder of keys, outside of any repository (default: ${_VARIABLE})",
    )


def _folder(options: argparse.Namespace) -> Path:
    if options.keys is None:
        raise Stop(Exit.USAGE, f"which keys? --keys DIR or ${_VARIABLE}")
    folder: Path = options.keys
    return folder


def init_arguments(parser: Parser) -> None:
    """Arguments of ``key init``."""
    from ground.cli.station import spacecraft_argument

    keys_argument(parser)
    spacecraft_argument(parser)
    parser.add_argument(
        "--authenticate-only",
        action="store_true",
        help="data in clear with HMAC-SHA-256, for bands where encryption is not allowed",
    )
    parser.add_argument(
        "--strict-aad",
        action="store_true",
        help="authenticate the whole frame header; other ground systems do not",
    )
    json_argument(parser)


def init(options: argparse.Namespace) -> int:
    """Make keys; node and station each get a copy of the folder, and nobody else."""
    from ground.keys.make import make

    folder = _folder(options)
    inside = next((each for each in folder.absolute().parents if (each / ".git").exists()), None)
    if inside is not None:
        raise Stop(Exit.REFUSED_ON_GROUND, f"refused: {folder} is inside the repository {inside}")
    try:
        shown = make(
            folder,
            options.spacecraft,
            clear=options.authenticate_only,
            strict=options.strict_aad,
        )
    except FileExistsError as error:
        raise Stop(Exit.REFUSED_ON_GROUND, f"refused: {folder} has keys already") from error
    if options.json:
        print_json({"keys": str(folder), "epoch": 1, "fingerprint": shown})
    else:
        print(f"{folder}: key 1, fingerprint {shown}")
        print("copy the folder to the node over a safe way ([link] keys = ...), mode 0700")
    return Exit.OK


def listing_arguments(parser: Parser) -> None:
    """Arguments of ``key list``."""
    keys_argument(parser)
    json_argument(parser)


def listing(options: argparse.Namespace) -> int:
    """Show master keys by epoch: state and fingerprint, never the keys."""
    from ground.keys.holder import open_ring

    ring = open_ring(_folder(options))
    prints = ring.fingerprints()
    rows = [
        {
            "epoch": epoch,
            "state": state.name,
            "sending": epoch == ring.sending,
            "fingerprint": prints.get(epoch, ""),
        }
        for epoch, state in ring.states().items()
    ]
    if options.json:
        mode = "authenticated" if ring.clear else "encrypted"
        head = {"spacecraft": ring.spacecraft, "mode": mode, "strict_aad": ring.strict}
        print_json(head | {"keys": rows})
    else:
        headings = ("epoch", "state", "in use", "fingerprint")
        print_table(headings, [_row(each) for each in rows])
    return Exit.OK


def _row(key: dict[str, Any]) -> tuple[str, ...]:
    return str(key["epoch"]), key["state"], "sends" if key["sending"] else "", key["fingerprint"]


def fingerprint_arguments(parser: Parser) -> None:
    """Arguments of ``key fingerprint``."""
    keys_argument(parser)
    json_argument(parser)


def fingerprint(options: argparse.Namespace) -> int:
    """Print the fingerprint of the key in use, to be compared with what the node reports."""
    from ground.keys.holder import open_ring

    ring = open_ring(_folder(options))
    shown = ring.fingerprints()[ring.sending]
    if options.json:
        print_json({"epoch": ring.sending, "fingerprint": shown})
    else:
        print(shown)
    return Exit.OK


def rotate_arguments(parser: Parser) -> None:
    """Arguments of ``key rotate``."""
    _timeout(parser)
    station_argument(parser)
    json_argument(parser)


def rotate(options: argparse.Namespace) -> int:
    """Give the node a new master key and change over to it; may be repeated after any failure."""
    with connect(options.dir) as client, display(options.json) as shown:
        new = client.request({"verb": "key", "do": "prepare"})
        epoch, wrapped = new["epoch"], new["wrapped"]
        _complete(client, shown, options, "key.load", {"epoch": str(epoch), "wrapped": wrapped})
        _complete(client, shown, options, "key.activate", {"epoch": str(epoch)})
        client.request({"verb": "key", "do": "switch", "epoch": epoch})
        _complete(client, shown, options, "ping", {})  # goes and is answered under the new key
    result = {"epoch": epoch, "fingerprint": new["fingerprint"]}
    if options.json:
        print_json(result)
    else:
        print(f"key {epoch} in use, fingerprint {new['fingerprint']}; revoke the old one when sure")
    return Exit.OK


def revoke_arguments(parser: Parser) -> None:
    """Arguments of ``key revoke``."""
    parser.add_argument("epoch", type=positive, metavar="EPOCH", help="see: ground key list")
    _timeout(parser)
    station_argument(parser)
    json_argument(parser)


def revoke(options: argparse.Namespace) -> int:
    """Destroy a master key that is not in use, on board and here."""
    with connect(options.dir) as client, display(options.json) as shown:
        states = client.request({"verb": "key", "do": "states"})["states"]
        if str(options.epoch) not in states:
            known = ", ".join(states)
            raise Stop(Exit.REFUSED_ON_GROUND, f"refused: no key {options.epoch}; known: {known}")
        _complete(client, shown, options, "key.revoke", {"epoch": str(options.epoch)}, "UNKNOWN")
        client.request({"verb": "key", "do": "revoke", "epoch": options.epoch})
    if options.json:
        print_json({"epoch": options.epoch, "state": "DESTROYED"})
    else:
        print(f"key {options.epoch} destroyed on board and here")
    return Exit.OK


def export_arguments(parser: Parser) -> None:
    """Arguments of ``key export-yamcs``."""
    parser.description = (
        "Write the keys in use as files for Yamcs. This EXPOSES them: whoever reads the files"
        " commands the node. Station and Yamcs must not send at the same time; rotate afterwards."
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="folder to write, mode 0700")
    keys_argument(parser)
    json_argument(parser)


def export(options: argparse.Namespace) -> int:
    """Write 32 raw octets per security association."""
    from ground.keys.export import export_yamcs
    from ground.keys.holder import open_ring

    folder = _folder(options)
    try:
        found = export_yamcs(open_ring(folder), folder, options.out)
    except FileExistsError as error:
        raise Stop(Exit.REFUSED_ON_GROUND, f"refused: {error.filename} is there") from error
    if options.json:
        print_json(found)
    else:
        headings = ("direction", "vcId", "spi", "keyFile", "initialSeqNum")
        rows = [tuple(str(each.get(name, "")) for name in headings) for each in found]
        print_table(headings, rows)
    return Exit.OK


def _timeout(parser: Parser) -> None:
    parser.add_argument(
        "--timeout", type=seconds, default=60.0, metavar="S", help="longest wait per step (60 s)"
    )


def _complete(
    client: ControlClient,
    shown: Display,
    options: argparse.Namespace,
    command: str,
    values: dict[str, str],
    accepted: str = "",
) -> None:
    """Have a telecommand carried out; failing for the reason ``accepted`` is as good."""
    follower = Follower(client, shown)
    follower.send(command, values)
    try:
        follower.reach(Stage.COMPLETED, options.timeout)
    except Stop:
        if not accepted or follower.stages[-1].get("reason") != accepted:
            raise
