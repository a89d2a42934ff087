"""The dependency rule of docs/architecture.md, from the imports of every file."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from flight.dictionary.registry import item, items
from flight.runtime.service import Service
from flight.runtime.zygote import resolve
from flight.topology import TABLE

ROOT = Path(__file__).parents[1]
LAYERS = (
    {"dictionary"},
    {"runtime"},
    {"hal", "link", "radiation"},
    {"executor", "inference", "governor", "commanding", "health", "storage"},
    {"topology"},
    {"cli", "__main__"},
)
LEVEL = {name: number for number, layer in enumerate(LAYERS) for name in layer}
SUBSYSTEMS = LAYERS[3]
STDLIB_ONLY = {"console", "config"}  # what the three commands share, and the reading of TOML
SOURCES = sorted(p for top in ("flight", "ground", "hil") for p in (ROOT / top).rglob("*.py"))
ALLOWED_FOR_GROUND = ("flight.dictionary", "flight.link", "flight.console", "flight.config")
PURE_RUNTIME = (
    "flight.runtime.audit",
    "flight.runtime.clock",
    "flight.runtime.counters",
    "flight.runtime.store",
    "flight.runtime.journal",
    "flight.runtime.partial",
)


def imports(path: Path) -> set[str]:
    """Dotted names that a file imports, wherever in it; ``from a import b`` gives a.b."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def part(path: Path) -> str:
    return path.relative_to(ROOT / "flight").parts[0].removesuffix(".py")


def flight_files() -> list[Path]:
    return [path for path in SOURCES if path.is_relative_to(ROOT / "flight")]


def uses(name: str, module: str) -> bool:
    return name == module or name.startswith(module + ".")


@pytest.mark.parametrize("path", flight_files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_flight_imports_go_one_way(path: Path) -> None:
    mine = part(path)
    for name in imports(path):
        assert not name.startswith(("ground", "hil")), name
        if not name.startswith("flight.") or mine == "__init__":
            continue
        other = name.split(".")[1]
        if other in STDLIB_ONLY:
            assert mine in STDLIB_ONLY or mine in ("cli", "__main__"), name
        elif mine == "console":
            assert uses(name, "flight.dictionary.values"), name
        elif mine == "programs":
            task = uses(name, "flight.executor.task")
            assert task or other in ("programs", "dictionary"), name
        elif other == "programs":
            pytest.fail(f"{path.name} imports {name}: programs are bound by name")
        elif mine in LEVEL and other in LEVEL:
            assert LEVEL[other] <= LEVEL[mine], name
            if mine in SUBSYSTEMS and other in SUBSYSTEMS:
                assert mine == other, name


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_privileges_lie_where_the_design_puts_them(path: Path) -> None:
    relative = str(path.relative_to(ROOT))
    names = imports(path)
    if relative.startswith("ground/"):
        for name in (n for n in names if n.startswith("flight.")):
            assert name.startswith(ALLOWED_FOR_GROUND) or name.startswith(PURE_RUNTIME), name
        assert not any(name.startswith("hil") for name in names)
    if not relative.startswith("flight/"):
        return
    owners = {
        "zmq": "flight/runtime/",
        "onnxruntime": "flight/inference/session.py",
        "psutil": "flight/hal/",
        "time": "flight/runtime/clock.py",
    }
    for module, owner in owners.items():
        if any(uses(name, module) for name in names):
            assert relative.startswith(owner), f"{relative} imports {module}"


def test_files_are_small_and_named_for_what_they_do() -> None:
    everything = [*SOURCES, *(ROOT / "tests").rglob("*.py")]
    long = {str(p): n for p in everything if (n := len(p.read_text().splitlines())) > 300}
    assert not long
    vague = {"utils", "util", "common", "helper", "helpers", "manager", "misc"}
    assert not [p for p in everything if p.stem in vague]


def test_a_forbidden_import_is_seen(tmp_path: Path) -> None:
    lazy = tmp_path / "lazy.py"
    lazy.write_text("def f():\n    from flight.executor import run\n    import zmq.asyncio\n")
    assert imports(lazy) == {"flight.executor.run", "zmq.asyncio"}


def test_rows_say_what_their_services_subscribe_to() -> None:
    handled = ["node.safe", "node.shutdown"]  # executed by the executive itself
    for row in TABLE.rows:
        if not row.service:
            continue
        kind: Any = resolve(row.service)
        assert issubclass(kind, Service)
        marks = [getattr(getattr(kind, name), "__dict__", {}) for name in dir(kind)]
        subscribed = {topic for mark in marks for topic in mark.get("_subscribes", ())}
        assert subscribed == set(row.subscribes), row.name
        executed = [item(command) for mark in marks for command in mark.get("_handles", ())]
        assert all(entry.service == row.name for entry in executed)
        handled += [entry.name for entry in executed]
    assert sorted(handled) == sorted(entry.name for entry in items("command"))
