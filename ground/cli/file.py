"""``ground file get``."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flight.console.exits import Exit, Stop
from flight.console.output import print_json
from flight.console.parser import Parser, json_argument, seconds
from ground.cli.parser import station_argument

if TYPE_CHECKING:
    from flight.dictionary.product import Provenance


def get_arguments(parser: Parser) -> None:
    """Arguments of ``file get``."""
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="received file, else one that the node sends first"
    )
    parser.add_argument("--node", action="store_true", help="have the node send it, once more")
    parser.add_argument(
        "--timeout", type=seconds, default=600.0, metavar="S", help="longest wait for it (600 s)"
    )
    parser.add_argument("--latest", action="store_true", help="the file received last")
    parser.add_argument("--out", type=Path, metavar="PATH", help="copy it there")
    parser.add_argument("--render", type=Path, metavar="PNG", help="draw it")
    parser.add_argument("--scene", type=Path, metavar="NPZ", help="its scene, for --render")
    station_argument(parser)
    json_argument(parser)


def get(options: argparse.Namespace) -> int:
    """Check a received file against the archive, copy it, draw it."""
    if (options.name is None) != options.latest:
        raise Stop(Exit.USAGE, "name one file, or give --latest")
    if options.scene is not None and options.render is None:
        raise Stop(Exit.USAGE, "--scene needs --render")
    if options.node and options.name is None:
        raise Stop(Exit.USAGE, "--node needs the name of a file")
    record = None if options.node else _find(options)
    if record is None:
        _fetch(options)
        record = _find(options)
    if record is None:
        raise Stop(Exit.CHECK_FAILED, f"file {options.name!r} came, but is not in the archive")
    path = options.dir / "inbox" / record["name"]
    data = _read(path, record)
    try:
        written = _written(options, record, data)
    except OSError as error:
        raise Stop(Exit.USAGE, f"{error.filename}: {error.strerror}") from error
    if options.json:
        print_json(record | {"path": str(path)})
    else:
        print(f"{path}: {record['size']} octets, {record['verdict']}")
        for line in (*written, *_evidence(data)):
            print(line)
    if record["verdict"] not in ("verified", "plain"):
        raise Stop(Exit.CHECK_FAILED, f"{record['name']}: {record['verdict']}")
    return Exit.OK


def _fetch(options: argparse.Namespace) -> None:
    """Have the node send the file. Raises Stop with a hint when it has none of this name."""
    from flight.dictionary.values import suggestion
    from ground.cli.display import display
    from ground.cli.fetching import fetch
    from ground.cli.follow import connect

    try:
        with connect(options.dir) as client, display(options.json) as shown:
            arguments = {"name": options.name}
            fetch(client, shown, "file.send", arguments, options.name, options.timeout)
    except Stop as stop:
        near = suggestion(options.name, [record["name"] for record in _received(options)])
        absent = "" if options.node else f"file {options.name!r} has not been received{near}; "
        raise Stop(stop.code, f"{absent}{stop}") from stop


def _written(options: argparse.Namespace, record: dict[str, Any], data: bytes) -> list[str]:
    """Write the copy and the picture, and say where. Raises Stop, OSError."""
    if options.render is not None and record["verdict"] == "plain":
        raise Stop(Exit.USAGE, f"{record['name']} is no product: there is nothing to draw")
    said = []
    if options.out is not None:
        target = options.out / record["name"] if options.out.is_dir() else options.out
        target.write_bytes(data)
        said.append(f"copied to {target}")
    if options.render is not None:
        options.render.write_bytes(_picture(data, options.scene))
        said.append(f"drawn to {options.render}")
    return said


def _received(options: argparse.Namespace) -> list[dict[str, Any]]:
    from ground.station.records import Records

    with Records(options.dir) as records:
        return records.files()


def _find(options: argparse.Namespace) -> dict[str, Any] | None:
    """The record of a received file, None when it has not been received."""
    files = _received(options)
    if options.latest:
        if not files:
            raise Stop(Exit.CHECK_FAILED, "no file has been received")
        return files[0]
    return next((record for record in files if record["name"] == options.name), None)


def _read(path: Path, record: dict[str, Any]) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Stop(Exit.CHECK_FAILED, f"{path}: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != record["sha256"]:
        raise Stop(Exit.CHECK_FAILED, f"{path} is not what was received: SHA-256 differs")
    return data


def _evidence(data: bytes) -> list[str]:
    """What a product says of a task that was given up; nothing when it is anything else."""
    from flight.dictionary.enums import ResultKind
    from flight.dictionary.product import ProductError, decode_evidence, decode_product
    from ground.products.unpack import unpack

    try:
        product = decode_product(data)
        if product.provenance.kind is not ResultKind.EVIDENCE:
            return []
        found = decode_evidence(unpack(product).tobytes())
    except ProductError:
        return []
    state = f"state after step {found.step}: SHA-256 {found.state_sha256[:16] or 'none'}"
    return [f"given up: {found.why}", *(f"  {each}" for each in found.crashes), f"  {state}"]


def _picture(data: bytes, scene: Path | None) -> bytes:
    from flight.dictionary.enums import ResultKind
    from flight.dictionary.product import ProductError, decode_product
    from ground.products.render import load_scene, render

    try:
        product = decode_product(data)
        if product.provenance.kind is ResultKind.EVIDENCE:
            raise Stop(Exit.USAGE, "the task was given up: there is nothing to draw")
        if scene is None and product.provenance.kind is not ResultKind.PICTURE:
            raise Stop(Exit.USAGE, "this result is drawn over its scene: --render needs --scene")
        pixels = None if scene is None else load_scene(scene)
        if scene is not None:
            _require_same(scene, product.provenance)
        return render(product, len(data), pixels)
    except ProductError as error:
        raise Stop(Exit.CHECK_FAILED, str(error)) from error


def _require_same(scene: Path, proof: Provenance) -> None:
    """Raises ProductError when the file is not the one that the node computed on: a result drawn
    over another picture of the same size would look right."""
    from flight.dictionary.product import ProductError

    found = hashlib.sha256(scene.read_bytes()).hexdigest()
    if found not in (proof.scene_sha256, proof.second_sha256):
        raise ProductError(
            f"scene {scene} is not the {proof.scene} of this product:"
            f" SHA-256 {found[:12]}, not {proof.scene_sha256[:12]}"
        )
