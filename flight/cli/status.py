"""``flight status``."""

from __future__ import annotations

import argparse
import math
from typing import Any

from flight.cli.run import node_argument
from flight.console.exits import Exit, Stop
from flight.console.parser import Parser, json_argument, seconds


def status_arguments(parser: Parser) -> None:
    """Arguments of ``flight status``."""
    node_argument(parser)
    json_argument(parser)
    parser.add_argument("--timeout", type=seconds, default=5.0, help="s to wait (default 5)")


def status(options: argparse.Namespace) -> int:
    """Print mode, processes, budget and tasks; exit 7 when the node is in safe mode."""
    from flight.dictionary.enums import Mode

    state = _collect(options)
    if options.json:
        from flight.console.output import print_json

        print_json(state)
    else:
        _print(state)
    return Exit.SAFE_MODE if state["node"]["mode"] == Mode.SAFE.name else Exit.OK


def _collect(options: argparse.Namespace) -> dict[str, Any]:
    from flight.dictionary.telemetry import (
        BoardReadings,
        Budget,
        NodeState,
        ProcessReport,
        TaskStatus,
    )

    single: dict[str, Any] = {}
    processes: dict[str, Any] = {}
    tasks: dict[int, Any] = {}
    with open_tool(options) as tool:
        tool.subscribe(NodeState, lambda m: single.update(node=plain(m)))
        tool.subscribe(BoardReadings, lambda m: single.update(board=plain(m)))
        tool.subscribe(Budget, lambda m: single.update(budget=plain(m)))
        tool.subscribe(ProcessReport, lambda m: processes.update({m.process: plain(m)}))
        tool.subscribe(TaskStatus, lambda m: tasks.update({m.task: plain(m)}))
        heard_since = math.inf
        for _ in tool.turns(options.timeout):
            if {"node", "board", "budget"} <= single.keys() and processes:
                # Processes and tasks repeat each second: hear one whole second.
                heard_since = min(heard_since, tool.clock.now())
                if tool.clock.now() > heard_since + 1.1:
                    break
    if "node" not in single:
        raise Stop(Exit.NO_ANSWER, f"the node said nothing for {options.timeout:g} s")
    return single | {"processes": list(processes.values()), "tasks": list(tasks.values())}


def open_tool(options: argparse.Namespace) -> Any:
    """A connection to the node of ``--dir``. Raises Stop (6)."""
    from flight.runtime.tool import NodeDown, Tool

    try:
        return Tool(options.dir)
    except NodeDown as error:
        raise Stop(Exit.DOWN, str(error)) from error


def plain(value: Any) -> Any:
    """A message as JSON carries it: enumerations by name, NaN as null, octets in hexadecimal."""
    import enum

    if hasattr(value, "__struct_fields__"):
        return {field: plain(getattr(value, field)) for field in value.__struct_fields__}
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.hex() if isinstance(value, bytes) else value


def _print(state: dict[str, Any]) -> None:
    from flight.console.output import print_table

    node, budget, board = state["node"], state.get("budget"), state.get("board")
    print(f"mode {node['mode']}, boot {node['boots']}, up {node['uptime']:.0f} s")
    if budget and board:
        print(
            f"budget {budget['level']}: {budget['cores']} cores, duty {budget['duty']:.2f}"
            f" ({budget['reason']}); chip {_number(board['temperature'], '.1f')} degC,"
            f" charge {_number(board['charge'], '.0%')}"
        )
    columns = ("process", "state", "pid", "restarts", "reason")
    print_table(columns, [[str(p[c]) for c in columns] for p in state["processes"]])
    if state["tasks"]:
        shown = ("task", "program", "scene", "level", "state", "step", "steps", "masked")
        print_table(shown, [[str(t[c]) for c in shown] for t in state["tasks"]])


def _number(value: float | None, form: str) -> str:
    return "unknown" if value is None else format(value, form)
