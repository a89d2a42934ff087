"""A reduced upset campaign on a flying node: damage without protection, none with it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from flight.dictionary.enums import Level
from hil.campaign.results import rows
from hil.campaign.scenes import crops, scenes_for
from hil.campaign.standing import StandingNode
from hil.campaign.trial import Setting, Trial
from hil.campaign.upsets import PARAMETERS, Arm
from hil.campaign.verdict import Outcome
from hil.inject.memory import InjectionRefused

SEEDS = range(25)
PROGRAM = "compress"  # half of the upsets of its state reach the product, were they not masked


def fly(node: StandingNode, level: Level, golden: dict[str, str]) -> list[Trial]:
    setting = Setting(level, "state", "bit", PROGRAM)
    return [*Arm(node, setting, crops(), golden).run(SEEDS)]


@pytest.fixture(scope="module")
def arms(tmp_path_factory: pytest.TempPathFactory) -> dict[Level, list[Trial]]:
    golden: dict[str, str] = {}
    folder = tmp_path_factory.mktemp("upsets")
    with StandingNode(folder, crops(), 1, PARAMETERS) as node:
        try:
            found = {level: fly(node, level, golden) for level in (Level.NONE, Level.DMR)}
        except InjectionRefused as refused:
            pytest.skip(str(refused))
    assert node.leftovers() == []
    assert node.restarts == 0
    return found


def test_without_protection_upsets_of_the_state_reach_the_product(
    arms: dict[Level, list[Trial]],
) -> None:
    outcomes = Counter(trial.outcome for trial in arms[Level.NONE])
    assert outcomes[Outcome.SDC] >= 1, outcomes
    assert all(trial.masked == 0 for trial in arms[Level.NONE])


def test_two_replicas_mask_the_same_upsets(arms: dict[Level, list[Trial]]) -> None:
    outcomes = Counter(trial.outcome for trial in arms[Level.DMR])
    assert outcomes[Outcome.SDC] == outcomes[Outcome.HANG] == 0, outcomes
    assert outcomes[Outcome.CORRECTED] >= 1, outcomes


def test_most_upsets_hit_a_running_replica_in_its_state(arms: dict[Level, list[Trial]]) -> None:
    for level, trials in arms.items():
        hits = [trial for trial in trials if trial.outcome is not Outcome.NOT_INJECTED]
        assert 2 * len(hits) > len(SEEDS), trials
        assert {trial.region for trial in hits} == {"state"}
        assert all(bytes.fromhex(trial.mask).count(0) == 0 for trial in hits)
        assert len({trial.task for trial in trials}) == len(SEEDS)
        assert rows(level.name, trials)[-1].trials == len(hits)


def test_an_upset_of_a_scene_that_replicas_share_is_corrected(tmp_path: Path) -> None:
    """The damage without protection needs more trials: ``hil campaign upsets --target shared``."""
    scenes, setting = scenes_for("shared"), Setting(Level.VERIFY, "shared", "bit")
    with StandingNode(tmp_path, scenes, 1, PARAMETERS) as node:
        try:
            trials = [*Arm(node, setting, scenes, {}).run(range(3))]
        except InjectionRefused as refused:
            pytest.skip(str(refused))
    outcomes = Counter(trial.outcome for trial in trials)
    assert outcomes[Outcome.SDC] == outcomes[Outcome.HANG] == 0, outcomes
    assert outcomes[Outcome.CORRECTED] >= 1, outcomes
    assert {t.region for t in trials if t.outcome is not Outcome.NOT_INJECTED} == {"shared"}
    assert node.leftovers() == []
