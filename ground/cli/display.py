"""Live display of a telecommand and its task: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

from typing import Any, Protocol, Self

from flight.console.output import terminal, utc

Line = dict[str, Any]


class Display(Protocol):
    """Shows the lines of a watch as they come. A context manager."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(self, *_: object) -> None:
        """End; leave the terminal in order."""

    def stage(self, line: Line) -> None:
        """A verification stage."""

    def task(self, fields: Line) -> None:
        """The status of a task."""

    def file(self, line: Line) -> None:
        """Progress of a file: ``name``, ``received``, ``size``, ``resent``, ``rate``."""

    def link(self, up: bool) -> None:
        """The link has come up, or is down while something waits for it."""


class Silent:
    """Shows nothing, for ``--json``."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def stage(self, line: Line) -> None:
        """Not shown."""

    def task(self, fields: Line) -> None:
        """Not shown."""

    def file(self, line: Line) -> None:
        """Not shown."""

    def link(self, up: bool) -> None:
        """Not shown."""


class Plain(Silent):
    """One line per change; progress in tenths."""

    def __init__(self) -> None:
        self._shown: dict[str, object] = {}

    def _changed(self, key: str, value: object) -> bool:
        changed = self._shown.get(key) != value
        self._shown[key] = value
        return changed

    def stage(self, line: Line) -> None:
        """Time, command, stage, reason; progress is shown by the task's own lines."""
        if line["stage"] != "PROGRESS":
            print(utc(line["utc_ns"]), line["command"], stage_text(line), flush=True)

    def task(self, fields: Line) -> None:
        """State and steps."""
        tenth = 10 * fields["step"] // max(1, fields["steps"])
        if self._changed("task", (fields["state"], tenth)):
            print(f"task {fields['task']}: {task_text(fields)}", flush=True)

    def file(self, line: Line) -> None:
        """Share received."""
        tenth = 10 * line["received"] // max(1, line["size"])
        if self._changed(line["name"], tenth):
            print(f"file {line['name']}: {tenth * 10} % of {file_text(line)}", flush=True)

    def link(self, up: bool) -> None:
        """A line."""
        print(link_text(up), flush=True)


class Rich:
    """Stages as they come, a bar for the task and one for each file."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            TimeElapsedColumn(),
        )
        self._bars: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def stage(self, line: Line) -> None:
        """A coloured line above the bars; progress is shown by the bars."""
        if line["stage"] == "PROGRESS":
            return
        bad = line["stage"] in ("FAILED", "NO_ANSWER")
        colour = "red" if bad else "green" if line["stage"] == "COMPLETED" else "cyan"
        self._progress.console.print(
            f"[dim]{utc(line['utc_ns'])}[/] {line['command']} [{colour}]{stage_text(line)}[/]",
            highlight=False,
        )

    def _bar(self, key: str, done: int, total: int, note: str) -> None:
        if key not in self._bars:
            self._bars[key] = self._progress.add_task(key, total=total or None, note=note)
        self._progress.update(self._bars[key], completed=done, total=total or None, note=note)

    def task(self, fields: Line) -> None:
        """Steps done, and what redundancy had to do."""
        self._bar(f"task {fields['task']}", fields["step"], fields["steps"], task_text(fields))

    def file(self, line: Line) -> None:
        """Octets received."""
        note = f"{line['received']} of {file_text(line)}"
        self._bar(line["name"], line["received"], line["size"], note)

    def link(self, up: bool) -> None:
        """A coloured line above the bars."""
        self._progress.console.print(link_text(up), style="green" if up else "yellow")


def stage_text(line: Line) -> str:
    """Stage, with reason and origin where they matter."""
    text = str(line["stage"]).replace("_", " ")
    if line.get("step"):
        text += f" step {line['step']}"
    if line["reason"] != "NONE":
        text += f" ({line['reason']})"
    if line.get("healed"):
        text += ", from the ledger"
    return text


def link_text(up: bool) -> str:
    """What becomes of that which waits."""
    return "link up" if up else "link down: waiting for acquisition"


def task_text(fields: Line) -> str:
    """State, steps, upsets."""
    text = f"{fields['state']} step {fields['step']} of {fields['steps'] or '?'}"
    for name in ("masked", "corrected", "replaced", "resumes"):
        if fields[name]:
            text += f", {fields[name]} {name}"
    if fields["reason"] != "NONE":
        text += f" ({fields['reason']})"
    return text


def file_text(line: Line) -> str:
    """Size, rate, time that is left, octets that had to be repeated."""
    text = f"{line['size']} octets"
    if line["rate"]:
        left = time_left(line["size"] - line["received"], line)
        text += f", {line['rate']} octets/s, {left} left"
    if line["resent"]:
        text += f", {line['resent']} again"
    return text


def time_left(octets: int, line: Line) -> str:
    """How long ``octets`` take at the rate of a line, in minutes and seconds; ``?`` if unknown."""
    if not line["rate"]:
        return "?"
    minutes, seconds = divmod(round(octets / line["rate"]), 60)
    return f"{minutes}:{seconds:02}"


def display(json_wanted: bool) -> Display:
    """Return the display that fits stdout."""
    if json_wanted:
        return Silent()
    return Rich() if terminal() else Plain()
