"""Results of upset campaigns: one line per trial as it ends, so that a campaign can be resumed."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import msgspec

import flight
from flight.dictionary.enums import Level
from flight.runtime.store import replace_file
from hil.bench.local import BenchError
from hil.campaign.statistics import upper_bound
from hil.campaign.trial import Setting, Trial
from hil.campaign.verdict import Outcome

NAMES = ("golden.json", "*.jsonl", "*.summary.json", "node", "node.log")
SCOPE = (
    "Bits flipped in resident writable memory of replicas on this host; not in the kernel, caches,"
    " registers, executor or voter. These are not beam results."
)
# What "verify" covers: what is checked after use, and a trial that hit nothing. Redundant replicas
# cover all of a replica.
VERIFIED = frozenset({"state", "slab", "inputs", "shared", "weights", ""})


def software() -> str:
    """SHA-256 of all that flies: trials of different software must not be counted together."""
    whole, root = hashlib.sha256(), Path(flight.__file__).parent
    for path in sorted(root.rglob("*.py")):
        whole.update(f"{path.relative_to(root)} ".encode() + path.read_bytes())
    return whole.hexdigest()


class Golden(msgspec.Struct):
    """The right products, and the software that they belong to."""

    digests: dict[str, str] = {}
    software: str = msgspec.field(default_factory=software)


def load_golden(folder: Path) -> Golden:
    """What an earlier arm has found. Raises BenchError when that was other software."""
    path = folder / "golden.json"
    if not path.exists():
        return Golden()
    golden = msgspec.json.decode(path.read_bytes(), type=Golden)
    if golden.software != software():
        raise BenchError(f"{path} belongs to other software; remove {folder} or name another")
    return golden


def save_golden(folder: Path, golden: Golden) -> None:
    """Keep it for the arms to come."""
    replace_file(folder / "golden.json", msgspec.json.encode(golden))


class Log:
    """The trials of one arm on disk."""

    def __init__(self, folder: Path, setting: Setting) -> None:
        """Take up what is there; a line that an interruption cut off is dropped."""
        self._path = folder / f"{setting.name}.jsonl"
        self.trials: dict[int, Trial] = {}
        data = self._path.read_bytes() if self._path.exists() else b""
        whole = data[: data.rfind(b"\n") + 1]
        for line in whole.splitlines():
            trial = msgspec.json.decode(line, type=Trial)
            self.trials[trial.seed] = trial
        if whole != data:
            replace_file(self._path, whole)

    def add(self, trial: Trial) -> None:
        """Append a trial."""
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(trial) + b"\n")
        self.trials[trial.seed] = trial

    def of(self, seeds: Iterable[int]) -> list[Trial]:
        """The trials of these seeds that are there."""
        return [self.trials[seed] for seed in seeds if seed in self.trials]


class Row(msgspec.Struct):
    """Outcomes in one region. Trials that injected nothing do not count."""

    arm: str
    region: str
    trials: int
    outcomes: dict[str, int]
    sdc_rate: float
    sdc_below: float  # one-sided 95 % bound of Clopper and Pearson

    def line(self) -> tuple[str, ...]:
        """For a table."""
        counts = (str(self.outcomes.get(each, "") or "") for each in Outcome if each in _COUNTED)
        rate, below = f"{100 * self.sdc_rate:.3g} %", f"{100 * self.sdc_below:.2g} %"
        return (self.arm, self.region, str(self.trials), *counts, rate, below)


_COUNTED = [each for each in Outcome if each is not Outcome.NOT_INJECTED]
HEADINGS = ("arm", "region", "n", *_COUNTED, "SDC", "below (95 %)")


def rows(arm: str, trials: Iterable[Trial]) -> list[Row]:
    """One row for each region that was hit, and one for all of them."""
    groups: dict[str, Counter[str]] = defaultdict(Counter)
    for trial in trials:
        if trial.outcome is not Outcome.NOT_INJECTED:
            groups[trial.region or "unknown"][trial.outcome] += 1
    whole: Counter[str] = Counter()
    for group in groups.values():
        whole += group
    if not whole:
        return []
    return [_row(arm, name, groups[name]) for name in sorted(groups)] + [_row(arm, "all", whole)]


def _row(arm: str, region: str, outcomes: Counter[str]) -> Row:
    count, wrong = outcomes.total(), outcomes[Outcome.SDC]
    return Row(arm, region, count, dict(outcomes), wrong / count, upper_bound(wrong, count))


def verdict(level: Level, open_arm: list[Trial], arm: list[Trial]) -> tuple[bool, list[str]]:
    """Whether the campaign bears out what the level claims, and the sentences that say so."""
    wrong = [trial for trial in open_arm if trial.outcome is Outcome.SDC]
    if not wrong:
        return False, ["no SDC in the unprotected arm: this campaign shows nothing"]
    if level is Level.NONE:
        return True, [f"{len(wrong)} SDC without protection"]
    name, covered = level.name.lower(), [trial for trial in arm if _covers(level, trial)]
    broken = [trial for trial in covered if trial.outcome in (Outcome.SDC, Outcome.HANG)]
    said = [
        f"seed {trial.seed}: {trial.outcome} by an upset in {trial.region or 'unknown'},"
        f" which {name} claims to cover"
        for trial in broken
    ]
    if not broken:
        said.append(f"{name} holds: {len(covered)} upsets in what it covers, no SDC, no hang")
    outside = sum(t.outcome is Outcome.SDC for t in arm if not _covers(level, t))
    if outside:
        said.append(f"{outside} SDC by upsets outside of what {name} covers")
    return not broken, said


def _covers(level: Level, trial: Trial) -> bool:
    if trial.outcome is Outcome.HANG:
        return True  # no upset of a replica may keep a task from ending
    injected = trial.outcome is not Outcome.NOT_INJECTED
    return injected and (level in (Level.DMR, Level.TMR) or trial.region in VERIFIED)


def save_summary(
    path: Path, level: Level, table: list[Row], skipped: dict[str, int], ok: bool
) -> None:
    """All of it as JSON; ``skipped`` are the trials that injected nothing, by arm."""
    whole = {
        "level": level.name.lower(),
        "ok": ok,
        "rows": table,
        "not_injected": skipped,
        "scope": SCOPE,
    }
    replace_file(path, msgspec.json.format(msgspec.json.encode(whole)))
