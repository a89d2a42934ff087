"""A reduced upset campaign on a flying node: damage without protection, none with it."""

from __future__ import annotations

from collections import Counter

import pytest

from flight.dictionary.enums import Level
from hil.campaign.results import rows
from hil.campaign.scenes import crops
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
