"""``ground cmd send``, ``status``, ``cancel`` and ``history``."""

from __future__ import annotations

import argparse
from typing import Any

from flight.console.exits import Exit, Stop
from flight.console.output import print_json, print_table, utc
from flight.console.parser import Parser, json_argument, positive, seconds
from flight.dictionary.enums import CommandClass, Stage
from flight.dictionary.fieldspec import FieldSpec, fields
from flight.dictionary.registry import BY_NAME, items
from ground.cli.display import display, stage_text
from ground.cli.follow import Follower, connect
from ground.cli.parameters import ParameterReport
from ground.cli.parser import pair, request_id, station_argument, utc_time
from ground.commanding import build_command

WAITABLE = (Stage.SENT, Stage.ACCEPTED, Stage.STARTED, Stage.COMPLETED)
_MARKS = {
    CommandClass.HAZARDOUS: " [HAZARDOUS: needs --confirm, which arms it]",
    CommandClass.SAFE: " [SAFE: may go with --bypass]",
}


def _known() -> str:
    """Return the list of telecommands for the help text."""
    lines = ["commands:"]
    for item in items("command"):
        if item.linked:
            lines.append(f"  {item.name:<18}{item.summary}{_MARKS.get(item.category, '')}")
            lines += [_argument(spec) for spec in fields(item.type)]
    return "\n".join(lines)


def _argument(spec: FieldSpec) -> str:
    return f"    {spec.name}: {spec.allowed}; {spec.description}"


def _stage(text: str) -> Stage:
    from flight.dictionary.values import suggestion

    names = [stage.name for stage in WAITABLE]
    if text.upper() not in names:
        hint = suggestion(text.upper(), names) or f"; one of {', '.join(names)}"
        raise argparse.ArgumentTypeError(f"no stage {text!r}{hint}")
    return Stage[text.upper()]


def send_arguments(parser: Parser) -> None:
    """Arguments of ``cmd send``."""
    parser.epilog = f"{_known()}\n\n{parser.epilog}"
    parser.add_argument("name", metavar="NAME", help="command, see below")
    parser.add_argument(
        "values", nargs="*", default=[], type=pair, metavar="k=v", help="its arguments"
    )
    parser.add_argument(
        "--wait",
        type=_stage,
        metavar="STAGE",
        help="return when this stage is reached; with --at, COMPLETED: when the node has taken it"
        " into its schedule; of parameter.report, COMPLETED: when all values have come",
    )
    parser.add_argument(
        "--timeout", type=seconds, default=30.0, metavar="S", help="longest wait (30 s)"
    )
    parser.add_argument(
        "--at",
        type=utc_time,
        metavar="UTC",
        help="have the node keep it until then, ISO 8601; the id that it is kept under is printed",
    )
    parser.add_argument(
        "--confirm", metavar="NAME", help="name of a hazardous command, which is then armed first"
    )
    parser.add_argument(
        "--bypass",
        action="store_true",
        help="send it outside the sequence of COP-1, ahead of what waits; safe commands only",
    )
    station_argument(parser)
    json_argument(parser)


def send(options: argparse.Namespace) -> int:
    """Check the command against the dictionary, send it, follow it to a stage."""
    values = dict(options.values)
    build_command(options.name, values)
    report = _report(options, values)
    with connect(options.dir) as client, display(options.json) as shown:
        follower = Follower(client, shown)
        if options.confirm == options.name and options.at is None:
            _arm(follower, options)
        asked = {"confirm": options.confirm, "release": options.at, "bypass": options.bypass}
        follower.send(options.name, values, **asked)
        if not options.json:
            _queued(options, follower)
        try:
            _follow(options, follower, report)
        finally:
            if options.json:
                print_json(_json(options, follower, report))
    if report is not None and not options.json:
        print_table(("parameter", "value", "allowed"), report.rows())
    return Exit.OK


def _report(options: argparse.Namespace, values: dict[str, str]) -> ParameterReport | None:
    """What collects the values that a command has the node tell, if they are waited for."""
    if (options.name, options.wait, options.at) != ("parameter.report", Stage.COMPLETED, None):
        return None
    return ParameterReport(values["name"])


def _follow(
    options: argparse.Namespace, follower: Follower, report: ParameterReport | None
) -> None:
    if report is not None:

        def told(line: dict[str, Any]) -> bool:
            report.take(line)
            return follower.completed and report.whole

        follower.until(told, options.timeout, report.lacks)
    elif options.wait is not None:
        follower.reach(options.wait, options.timeout)


def _arm(follower: Follower, options: argparse.Namespace) -> None:
    """Arm a hazardous telecommand, so that the node carries out the next one."""
    entry = BY_NAME["command", options.name]
    if entry.category is CommandClass.HAZARDOUS:
        follower.send("command.arm", {"opcode": str(entry.id)})
        follower.reach(Stage.COMPLETED, options.timeout)


def _queued(options: argparse.Namespace, follower: Follower) -> None:
    if options.wait is None:
        print(f"{options.name} queued as request {follower.request:#010x}{follower.waits}")
    if follower.scheduled:
        kept = f"{follower.scheduled:#010x}"
        print(f"to be released on board as request {kept}; see ground cmd status {kept}")


def _json(
    options: argparse.Namespace, follower: Follower, report: ParameterReport | None
) -> dict[str, Any]:
    found = {
        "request": follower.request,
        "command": options.name,
        "link": follower.link,
        "scheduled": follower.scheduled,
        "stage": follower.stages[-1]["stage"] if follower.stages else "QUEUED",
        "stages": follower.stages,
    }
    return found if report is None else found | {"values": report.values}


def history_arguments(parser: Parser) -> None:
    """Arguments of ``cmd history``."""
    parser.add_argument("--limit", type=positive, default=20, metavar="N", help="newest N (20)")
    station_argument(parser)
    json_argument(parser)


def history(options: argparse.Namespace) -> int:
    """Print telecommands, newest first."""
    from ground.station.records import Records

    with Records(options.dir) as records:
        commands = records.commands(options.limit)
    if options.json:
        print_json(commands)
    else:
        headings = ("time", "request", "command", "last stage", "stages")
        print_table(headings, [_row(command) for command in commands])
    return Exit.OK


def status_arguments(parser: Parser) -> None:
    """Arguments of ``cmd status``."""
    _request_argument(parser)


def status(options: argparse.Namespace) -> int:
    """Print where one telecommand stands; exit 4 when it failed, 5 when nothing was heard."""
    from ground.station.records import Records

    with Records(options.dir) as records:
        command = records.command(options.request)
    if command is None:
        raise Stop(Exit.CHECK_FAILED, f"no telecommand {options.request:#010x} has been sent")
    if options.json:
        print_json(command)
    else:
        print_table(("time", "request", "command", "last stage", "stages"), [_row(command)])
    last = command["stages"][-1]["stage"] if command["stages"] else ""
    return {"FAILED": Exit.REFUSED_ON_BOARD, "NO_ANSWER": Exit.NO_ANSWER}.get(last, Exit.OK)


def cancel_arguments(parser: Parser) -> None:
    """Arguments of ``cmd cancel``."""
    _request_argument(parser)


def cancel(options: argparse.Namespace) -> int:
    """Withdraw a telecommand that still waits for the link."""
    with connect(options.dir) as client:
        try:
            client.request({"verb": "withdraw", "request": options.request})
        except Stop as stop:
            raise Stop(stop.code, f"{stop}{_kept(options)}") from stop
    if options.json:
        print_json({"request": options.request, "withdrawn": True})
    else:
        print(f"{options.request:#010x} withdrawn")
    return Exit.OK


def _kept(options: argparse.Namespace) -> str:
    """How to give up a telecommand that the node keeps until its time; nothing for others."""
    from ground.station.archive import RELEASE
    from ground.station.records import Records

    with Records(options.dir) as records:
        command = records.command(options.request)
    if command is None or RELEASE not in command["arguments"]:
        return ""
    if command["stages"] and command["stages"][-1]["stage"] != "SENT":
        return ""  # released meanwhile, or given up
    hint = f"ground cmd send schedule.delete request={options.request:#010x}"
    return f"; the node keeps it until its time: {hint}"


def _request_argument(parser: Parser) -> None:
    parser.add_argument("request", type=request_id, metavar="REQUEST", help="request id, 0x…")
    station_argument(parser)
    json_argument(parser)


def _row(command: dict[str, Any]) -> tuple[str, ...]:
    stages = command["stages"]
    typed = " ".join(f"{name}={value}" for name, value in command["arguments"].items() if value)
    return (
        utc(command["utc_ns"]),
        f"{command['request']:#010x}",
        f"{command['name']} {typed}".rstrip(),
        stage_text(stages[-1]) if stages else "",
        " ".join(
            f"{stage['stage']}+{(stage['utc_ns'] - command['utc_ns']) / 1e9:.2f}s"
            for stage in stages
            if stage["stage"] != "PROGRESS"
        ),
    )
