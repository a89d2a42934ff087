"""``ground emu run``, ``outage``, ``set``, ``attack``, ``status``, ``replay`` and ``trace``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from flight.console.exits import Exit, Stop
from flight.console.output import print_json, print_table
from flight.console.parser import Parser, json_argument, seconds
from ground.cli.parser import address


def run_arguments(parser: Parser) -> None:
    """Arguments of ``emu run``."""
    parser.add_argument("link", type=Path, metavar="LINK.toml", help="description of the link")
    for name, text in (
        ("--up-listen", "where the station's telecommand frames arrive"),
        ("--up-to", "where the node listens for them"),
        ("--down-listen", "where the node's telemetry frames arrive"),
        ("--down-to", "where the station listens for them"),
    ):
        parser.add_argument(name, type=address, required=True, metavar="[HOST:]PORT", help=text)
    parser.add_argument("--control", type=Path, required=True, metavar="SOCK", help="unix socket")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="seed of all errors")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write final counters as JSON")
    parser.add_argument(
        "--trace", type=Path, metavar="FILE", help="record each frame as JSON lines"
    )


def run(options: argparse.Namespace) -> int:
    """Emulate until SIGTERM or SIGINT."""
    from ground.emulator import udp
    from ground.linkfile import LinkFileError, load_link

    try:
        link = load_link(options.link)
    except LinkFileError as error:
        raise Stop(Exit.USAGE, str(error)) from error
    except OSError as error:
        raise Stop(Exit.USAGE, f"{options.link}: {error.strerror}") from error
    ports = udp.Ports(options.up_listen, options.up_to, options.down_listen, options.down_to)
    try:
        udp.run(link, options.seed, ports, options.control, options.report, options.trace)
    except OSError as error:
        raise Stop(Exit.USAGE, f"{error.filename}: {error.strerror}") from error
    return Exit.OK


def outage_arguments(parser: Parser) -> None:
    """Arguments of ``emu outage``."""
    parser.add_argument("seconds", type=seconds, metavar="SECONDS", help="length of the outage")
    parser.add_argument("--control", type=Path, required=True, metavar="SOCK", help="unix socket")


def outage(options: argparse.Namespace) -> int:
    """Interrupt both directions from now on."""
    from ground.jsonlines import ControlClient

    with ControlClient(options.control, "emulator") as client:
        client.request({"outage": options.seconds})
    print(f"outage of {options.seconds:g} s started")
    return Exit.OK


def change_arguments(parser: Parser) -> None:
    """Arguments of ``emu set``."""
    parser.add_argument("--ber", type=float, metavar="RATE", help="independent bit error rate")
    parser.add_argument("--ebn0", type=float, metavar="DB", help="of a link whose errors follow it")
    parser.add_argument("--rate", type=float, metavar="BITS", help="bit/s; ends steps of the rate")
    parser.add_argument("--delay", type=float, metavar="SECONDS", help="one way")
    parser.add_argument("--way", choices=("up", "down"), help="one direction only (both)")
    parser.add_argument("--control", type=Path, required=True, metavar="SOCK", help="unix socket")


def change(options: argparse.Namespace) -> int:
    """Change settings of both directions, or of one."""
    chosen = {name: getattr(options, name) for name in ("ber", "ebn0", "rate", "delay")}
    wanted = {name: value for name, value in chosen.items() if value is not None}
    if not wanted:
        raise Stop(Exit.USAGE, "nothing to set: give --ber, --ebn0, --rate or --delay")
    return _set(options.control, wanted, options.way)


def attack_arguments(parser: Parser) -> None:
    """Arguments of ``emu attack``."""
    modes = ("inject", "replay", "garble", "send")
    parser.add_argument("mode", choices=modes, help="what is done")
    parser.add_argument(
        "value",
        metavar="N|FILE",
        help="frames per second to inject, chance per frame, or file to send: a frame a line, hex",
    )
    parser.add_argument(
        "--way", choices=("up", "down"), help="one direction only (both; frames to send: up)"
    )
    parser.add_argument("--control", type=Path, required=True, metavar="SOCK", help="unix socket")


def attack(options: argparse.Namespace) -> int:
    """Switch an attacker on, or off with 0, in both directions or one; or send frames in one."""
    if options.mode == "send":
        return _send(options.control, Path(options.value), options.way or "up")
    try:
        value = float(options.value)
    except ValueError as error:
        raise Stop(Exit.USAGE, f"{options.value!r} is no number") from error
    return _set(options.control, {options.mode: value}, options.way)


def _send(control: Path, path: Path, way: str) -> int:
    from ground.emulator.hexframes import HexFrameError, parse_frames
    from ground.jsonlines import ControlClient

    try:
        frames = parse_frames(path.read_text())
    except (HexFrameError, UnicodeDecodeError) as error:
        raise Stop(Exit.USAGE, f"{path}: {error}") from error
    except OSError as error:
        raise Stop(Exit.USAGE, f"{path}: {error.strerror}") from error
    with ControlClient(control, "emulator") as client:
        for frame in frames:
            client.request({"inject": frame.hex(), "way": way})
    print(f"{len(frames)} frames sent {way}")
    return Exit.OK


def _set(control: Path, wanted: dict[str, float], way: str | None) -> int:
    from ground.jsonlines import ControlClient

    chosen = {} if way is None else {"way": way}
    with ControlClient(control, "emulator") as client:
        for name, value in wanted.items():
            client.request({"set": name, "value": value} | chosen)
            print(f"{name} {value:g}")
    return Exit.OK


def status_arguments(parser: Parser) -> None:
    """Arguments of ``emu status``."""
    parser.add_argument("--control", type=Path, required=True, metavar="SOCK", help="unix socket")
    json_argument(parser)


def status(options: argparse.Namespace) -> int:
    """Print the counters of both directions."""
    from ground.jsonlines import ControlClient

    with ControlClient(options.control, "emulator") as client:
        reply = client.request({"counters": True})
    ways = {name: reply[name] for name in ("up", "down")}
    _show(ways, options.json)
    return Exit.OK


def replay_arguments(parser: Parser) -> None:
    """Arguments of ``emu replay``."""
    parser.add_argument("trace", type=Path, metavar="TRACE", help="as ``emu run --trace`` wrote it")


def replay(options: argparse.Namespace) -> int:
    """Do a recorded run again and prove that it comes out bit for bit."""
    from ground.emulator.trace import TraceError
    from ground.emulator.trace import replay as again

    try:
        with options.trace.open() as lines:
            found = again(lines)
    except TraceError as error:
        raise Stop(Exit.CHECK_FAILED, f"{options.trace}: {error}") from error
    except OSError as error:
        raise Stop(Exit.USAGE, f"{options.trace}: {error.strerror}") from error
    print(f"{found.offers} frames came out again, bit for bit")
    _say_cut(found.cut)
    return Exit.OK


def trace_arguments(parser: Parser) -> None:
    """Arguments of ``emu trace``."""
    parser.add_argument("trace", type=Path, metavar="TRACE", help="as ``emu run --trace`` wrote it")
    json_argument(parser)


def trace(options: argparse.Namespace) -> int:
    """Print losses, frame and bit error rates of a recorded run."""
    from ground.emulator.trace import TraceError, summary

    try:
        with options.trace.open() as lines:
            found = summary(lines)
    except TraceError as error:
        raise Stop(Exit.CHECK_FAILED, f"{options.trace}: {error}") from error
    except OSError as error:
        raise Stop(Exit.USAGE, f"{options.trace}: {error.strerror}") from error
    _show(found.ways, options.json)
    _say_cut(found.cut)
    return Exit.OK


def _say_cut(cut: bool) -> None:
    if cut:
        print("the last line was cut, and left out", file=sys.stderr)


def _show(ways: dict[str, dict[str, float]], as_json: bool) -> None:
    if as_json:
        print_json(ways)
        return
    names = list(dict.fromkeys((*ways["up"], *ways["down"])))
    rows = [(n, *(f"{ways[way].get(n, 0):.6g}" for way in ("up", "down"))) for n in names]
    print_table(("counter", "up", "down"), rows)
