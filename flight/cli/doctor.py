"""``flight doctor``: can this machine and installation fly?"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

from flight.cli.run import node_argument
from flight.console.exits import Exit
from flight.console.parser import Parser, json_argument

LEAST_SHARED = 256 << 20  # octets of free shared memory for three replicas of a large scene
LEAST_DISK = 512 << 20
PYTHON = (3, 11)


class Unfit(Exception):
    """A check failed; the message says what to do."""


def doctor_arguments(parser: Parser) -> None:
    """Arguments of ``flight doctor``."""
    node_argument(parser)
    json_argument(parser)
    parser.add_argument("--config", type=Path, help="node.toml (default: the one shipped)")


def doctor(options: argparse.Namespace) -> int:
    """Run all checks; exit 1 when one fails."""
    from flight.console.output import print_json

    rows = [(name, *_outcome(check)) for name, check in _checks(options)]
    if options.json:
        print_json([{"check": n, "ok": ok, "detail": detail} for n, ok, detail in rows])
    else:
        for name, ok, detail in rows:
            print(f"{'ok  ' if ok else 'FAIL'} {name}: {detail}")
    return Exit.OK if all(ok for _, ok, _ in rows) else Exit.CHECK_FAILED


def _outcome(check: Callable[[], str]) -> tuple[bool, str]:
    try:
        return True, check()
    except Exception as error:
        return False, str(error) or type(error).__name__


def _checks(options: argparse.Namespace) -> Iterator[tuple[str, Callable[[], str]]]:
    yield "python", _python
    yield "kernel", _kernel
    yield "isolation", _isolation
    yield "crc", _crc
    yield "onnxruntime", _onnxruntime
    yield "shared memory", _shared_memory
    yield "state directory", lambda: _state(options.dir)
    yield "configuration", lambda: _configuration(options.config)
    yield "dictionary", _dictionary
    yield "models", lambda: _models(options.config)
    yield "scenes", lambda: _payload(options.config)
    yield "orbit", lambda: _orbit(options.config)


def _python() -> str:
    import platform
    import sys

    if sys.version_info < PYTHON:
        raise Unfit(f"Python {platform.python_version()}, 3.11 or later is needed")
    return f"{platform.python_version()} on {platform.machine()}"


def _kernel() -> str:
    import os
    import platform

    if not hasattr(os, "pidfd_open"):
        raise Unfit("no pidfd_open: Linux 5.4 or later is needed")
    os.close(os.pidfd_open(os.getpid()))
    return platform.release()


def _isolation() -> str:
    import os

    from flight.runtime import kernel

    child = os.fork()
    if child == 0:
        os._exit(0 if kernel.leave_network() else 1)
    alone = os.waitpid(child, 0)[1] == 0
    return "task processes have no network" if alone else "task processes keep the network"


def _crc() -> str:
    from flight.link import fecf
    from flight.runtime import crc

    slow = [
        name
        for name, fast in (("crcmod", fecf.accelerated()), ("google-crc32c", crc.accelerated()))
        if not fast
    ]
    if slow:
        raise Unfit(f"{' and '.join(slow)} without C extension; flight run needs --allow-slow-crc")
    return "C extensions of crcmod and google-crc32c"


def _onnxruntime() -> str:
    from flight.inference.session import version

    return version()


def _shared_memory() -> str:
    import shutil

    from flight.runtime.directory import run_dir

    base = run_dir(Path()).parent
    free = shutil.disk_usage(base).free
    if free < LEAST_SHARED:
        raise Unfit(f"{base} has {free >> 20} MiB free, {LEAST_SHARED >> 20} are needed")
    return f"{base}, {free >> 20} MiB free"


def _state(folder: Path) -> str:
    import os
    import shutil

    from flight.runtime.directory import in_use

    near = folder
    while not near.exists():
        near = near.parent if near != near.parent else Path("/")
    if not near.is_dir():
        raise Unfit(f"{near} is not a directory")
    if not os.access(near, os.W_OK):
        raise Unfit(f"{near} is not writable")
    free = shutil.disk_usage(near).free
    if free < LEAST_DISK:
        raise Unfit(f"{near} has {free >> 20} MiB free, {LEAST_DISK >> 20} are needed")
    return f"{folder}, {'a node runs on it' if in_use(folder) else 'free'}"


def _configuration(path: Path | None) -> str:
    from flight import config

    chosen = path or config.default_path()
    config.load(chosen)
    return str(chosen)


def _dictionary() -> str:
    from flight.dictionary import content, ledger
    from flight.dictionary.registry import ITEMS

    violations = ledger.check(ledger.load(), ITEMS.values())
    if violations:
        raise Unfit(violations[0])
    return f"{len(ITEMS)} items, hash {content.content_hash().hex()[:16]}"


def _models(path: Path | None) -> str:
    from flight import config
    from flight.inference.manifest import load_model

    settings = config.load(path or config.default_path())["inference"]
    names = []
    for name in settings["active"]:
        manifest, _ = load_model(Path(settings["models"]) / name)
        names.append(f"{manifest.name} {manifest.version} {manifest.sha256[:16]}")
    return ", ".join(names) or "none"


def _payload(path: Path | None) -> str:
    from flight import config
    from flight.executor.scene import parse_scene

    folder = Path(config.load(path or config.default_path())["executor"]["payload"])
    scenes = sorted(folder.glob("*.npz"))
    if not scenes:
        raise Unfit(f"no scene (*.npz) in {folder}")
    for scene in scenes:
        parse_scene(scene.stem, scene.read_bytes())
    return f"{len(scenes)} scenes in {folder}"


def _orbit(path: Path | None) -> str:
    from flight import config
    from flight.dictionary.fluxtable import decode_table
    from flight.dictionary.orbit import parse_tle

    files = config.load(path or config.default_path())["radiation"]
    if not files:
        return "none configured; the node takes itself to be on ground"
    try:
        elements = parse_tle(Path(files["tle"]).read_text("ascii"))
        decode_table(Path(files["flux"]).read_bytes())
    except OSError as error:
        raise Unfit(f"{error.filename}: {error.strerror}") from error
    return f"{elements.altitude:.0f} km, {elements.inclination:g} deg, {files['tle']}"
