"""``ground task submit``, ``ground task status`` and ``ground task programs``."""

from __future__ import annotations

import argparse
from typing import Any

from flight.console.exits import Exit, Stop
from flight.console.output import print_json, print_table, utc
from flight.console.parser import Parser, json_argument, seconds
from ground.cli.display import display
from ground.cli.follow import Follower, connect
from ground.cli.parser import pair, station_argument
from ground.commanding import build_command


def submit_arguments(parser: Parser) -> None:
    """Arguments of ``task submit``."""
    parser.add_argument("program", metavar="PROGRAM", help="program, see: ground task programs")
    parser.add_argument("scene", metavar="SCENE", help="scene in the payload store")
    parser.add_argument("--second", default="", metavar="SCENE", help="second scene, to compare")
    parser.add_argument(
        "--set",
        type=pair,
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=VALUE",
        help="parameters of the program",
    )
    parser.add_argument("--level", default="verify", help="none, verify, dmr or tmr (verify)")
    parser.add_argument("--priority", default="5", help="0 to 9, higher runs first (5)")
    parser.add_argument(
        "--criticality", default="1", metavar="N", help="0 to 3, higher is given up later (1)"
    )
    parser.add_argument(
        "--deadline",
        default="0",
        metavar="S",
        help="result wanted within S s of acceptance (0: no deadline)",
    )
    parser.add_argument(
        "--calm",
        action="store_true",
        help="run it only between crossings of the South Atlantic Anomaly, outside storms",
    )
    parser.add_argument(
        "--wait", action="store_true", help="return when the product lies in the inbox, verified"
    )
    parser.add_argument(
        "--timeout", type=seconds, default=600.0, metavar="S", help="longest wait (600 s)"
    )
    station_argument(parser)
    json_argument(parser)


def submit(options: argparse.Namespace) -> int:
    """Send ``task.run``; with ``--wait`` follow the task to its product."""
    values = {
        "program": options.program,
        "scene": options.scene,
        "level": options.level,
        "priority": options.priority,
        "parameters": ",".join(f"{name}={value}" for name, value in options.set),
        "second": options.second,
        "criticality": options.criticality,
        "deadline": options.deadline,
        "calm": str(options.calm).lower(),
    }
    build_command("task.run", values)
    product: dict[str, Any] | None = None
    with connect(options.dir) as client, display(options.json) as shown:
        follower = Follower(client, shown)
        request = follower.send("task.run", values)
        if options.wait:
            product = _product(follower, options.timeout)
    if options.json:
        print_json({"request": request, "stages": follower.stages, "product": product})
    elif product is not None:
        proof = product["product"]
        print(
            f"product {product['name']}: {product['size']} octets, {product['verdict']};"
            f" votes: {proof['votes']}, upsets masked: {proof['masked']}"
        )
    else:
        print(f"task.run queued as request {request:#010x}{follower.waits}")
    if product is not None and product["verdict"] != "verified":
        raise Stop(Exit.CHECK_FAILED, f"{product['name']}: {product['verdict']}")
    return Exit.OK


def _product(follower: Follower, timeout: float) -> dict[str, Any]:
    """Follow the task to its end and to its product; the two may come in either order."""
    found: list[dict[str, Any]] = []

    def seen(line: dict[str, Any]) -> bool:
        if line["happening"] == "file" and line["product"].get("request") == follower.request:
            found.append(line)
        return follower.completed and bool(found)

    late = "the task has ended, its product has not come; see ground file status"
    follower.until(seen, timeout, lambda: late)
    return found[-1]


def status_arguments(parser: Parser) -> None:
    """Arguments of ``task status``."""
    parser.add_argument("task", type=int, nargs="?", metavar="TASK", help="one task (all)")
    station_argument(parser)
    json_argument(parser)


def status(options: argparse.Namespace) -> int:
    """Print what the node last reported of its tasks."""
    from ground.station.records import Records

    with Records(options.dir) as records:
        tasks = records.tasks()
    if options.task is not None:
        tasks = [each for each in tasks if each["task"] == options.task]
        if not tasks:
            raise Stop(Exit.CHECK_FAILED, f"the node has reported no task {options.task}")
    if options.json:
        print_json(tasks)
        return Exit.OK
    headings = ("task", "program", "scene", "level", "state", "steps", "votes", "masked", "heard")
    print_table(headings, [_row(each) for each in tasks])
    return Exit.OK


def _row(task: dict[str, Any]) -> tuple[str, ...]:
    names = ("task", "program", "scene", "level")
    reason = "" if task["reason"] == "NONE" else f" ({task['reason']})"
    steps = f"{task['step']}/{task['steps'] or '?'}"
    counts = (str(task["votes"]), str(task["masked"]))
    words = (str(task[name]) for name in names)
    return *words, task["state"] + reason, steps, *counts, utc(task["utc_ns"])


def programs_arguments(parser: Parser) -> None:
    """Arguments of ``task programs``."""
    json_argument(parser)


def programs(options: argparse.Namespace) -> int:
    """Print the programs that ship, with their parameters; ``program list`` shows the others."""
    from flight.dictionary.fieldspec import fields
    from flight.dictionary.programs import PROGRAMS

    listed = [
        {
            "program": each.name,
            "summary": each.summary,
            "scenes": each.scenes,
            "result": each.result.name,
            "parameters": [
                {
                    "name": spec.name,
                    "type": spec.type_name,
                    "allowed": spec.allowed,
                    "default": spec.default,
                    "description": spec.description,
                }
                for spec in fields(each.parameters)
            ],
        }
        for each in PROGRAMS.values()
    ]
    if options.json:
        print_json(listed)
        return Exit.OK
    for each in listed:
        print(_program_text(each))
    return Exit.OK


def _program_text(program: dict[str, Any]) -> str:
    scenes = "one scene" if program["scenes"] == 1 else f"{program['scenes']} scenes"
    lines = [f"{program['program']}: {program['summary']} ({scenes})"]
    for each in program["parameters"]:
        span = f"{each['type']}, {each['allowed']}, default {each['default']}"
        lines.append(f"  {each['name']:<12}{each['description']} ({span})")
    return "\n".join(lines)
