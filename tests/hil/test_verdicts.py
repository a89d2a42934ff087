"""The judge of a campaign: a wrong product is an SDC, and what was not injected does not count."""

from __future__ import annotations

import hashlib
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight.dictionary.enums import Level
from flight.dictionary.product import Product, Provenance, encode_product
from flight.runtime.store import FileStore
from flight.storage.packing import pack
from hil.bench.local import BenchError
from hil.campaign import results
from hil.campaign.jobs import digest
from hil.campaign.mixed import Sortie, conclude
from hil.campaign.standing import StandingNode
from hil.campaign.statistics import upper_bound
from hil.campaign.trial import Setting, Trial
from hil.campaign.verdict import Evidence, Outcome, judge

MASK = np.random.default_rng(2).integers(0, 2, (40, 30), np.uint8)
SETTING = Setting(Level.DMR, "all", "bit")


def provenance(sha256: str) -> Provenance:
    texts = ("cloud-mask 1", "scene", "", "", "", "")
    return Provenance(1, 1, *texts, Level.DMR, 6, 6, 0, 0, 0, 0, 0, 0, 1.0, 1.0, sha256)


def product(mask: np.ndarray) -> Product:
    """A product as the node would send it, its own digest in its provenance."""
    return pack(mask, provenance(hashlib.sha256(mask.tobytes()).hexdigest()))


class Shelf:
    """The products of a node, without the node."""

    def __init__(self, folder: Path) -> None:
        self.store = FileStore(folder)

    def put(self, data: bytes) -> None:
        self.store.write("products/task-000001.product", data)

    product = StandingNode.product  # type: ignore[assignment]


def evidence(**changes: object) -> Evidence:
    plain = {
        "injected": True, "ended": True, "completed": True, "digest": "good", "golden": "good",
        "lost": False, "repaired": 0,
    }  # fmt: skip
    return Evidence(**(plain | changes))  # type: ignore[arg-type]


def test_one_wrong_pixel_in_a_product_that_verifies_is_an_sdc(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.put(encode_product(product(MASK)))
    golden = digest(shelf, 1)  # type: ignore[arg-type]
    assert judge(evidence(digest=golden, golden=golden)) is Outcome.MASKED
    wrong = MASK.copy()
    wrong[17, 4] ^= 1
    shelf.put(encode_product(product(wrong)))
    found = digest(shelf, 1)  # type: ignore[arg-type]
    assert found
    assert judge(evidence(digest=found, golden=golden)) is Outcome.SDC


def test_a_product_that_does_not_verify_is_no_product(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    assert digest(shelf, 1) == ""  # type: ignore[arg-type]
    true, wrong = product(MASK), product(1 - MASK)
    for data in (
        b"no product",
        encode_product(Product(1, true.provenance, wrong.values, true.shape, wrong.packed[:-1])),
        encode_product(Product(1, true.provenance, (1, 0), true.shape, true.packed)),
    ):
        shelf.put(data)
        assert digest(shelf, 1) == ""  # type: ignore[arg-type]
    assert judge(evidence(digest="")) is Outcome.DETECTED


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, Outcome.MASKED),
        ({"repaired": 1}, Outcome.CORRECTED),
        ({"completed": False, "digest": ""}, Outcome.DETECTED),
        ({"lost": True, "repaired": 1}, Outcome.CRASH),
        ({"lost": True, "completed": False, "digest": ""}, Outcome.CRASH),
        ({"ended": False, "completed": False, "digest": "", "lost": True}, Outcome.HANG),
        ({"injected": False}, Outcome.NOT_INJECTED),
        ({"injected": False, "ended": False, "completed": False}, Outcome.NOT_INJECTED),
    ],
)
def test_outcomes(changes: dict[str, object], outcome: Outcome) -> None:
    assert judge(evidence(**changes)) is outcome


@given(st.booleans(), st.booleans(), st.integers(0, 5))
def test_nothing_that_happened_besides_excuses_a_wrong_product(
    injected: bool, lost: bool, repaired: int
) -> None:
    wrong = evidence(injected=injected, lost=lost, repaired=repaired, digest="bad")
    assert judge(wrong) is Outcome.SDC


def trials(*outcomes: Outcome, region: str = "heap") -> list[Trial]:
    return [
        Trial(seed, SETTING.name, "compress", 0, region=region, outcome=outcome)
        for seed, outcome in enumerate(outcomes)
    ]


def test_what_was_not_injected_is_not_counted_as_masked() -> None:
    few = trials(Outcome.MASKED, Outcome.SDC, Outcome.CRASH)
    many = few + trials(*[Outcome.NOT_INJECTED] * 500, region="")
    assert results.rows("arm", many) == results.rows("arm", few)
    row = results.rows("arm", many)[-1]
    assert (row.region, row.trials, row.sdc_rate) == ("all", 3, pytest.approx(1 / 3))
    assert results.rows("arm", trials(Outcome.NOT_INJECTED)) == []


def test_a_campaign_whose_open_arm_took_no_harm_shows_nothing() -> None:
    harmless, harmful = trials(Outcome.MASKED), trials(Outcome.MASKED, Outcome.SDC)
    ok, said = results.verdict(Level.DMR, harmless, harmless)
    assert not ok
    assert "this campaign shows nothing" in said[0]
    assert results.verdict(Level.DMR, harmful, harmless)[0]
    assert not results.verdict(Level.DMR, harmful, harmful)[0]
    assert not results.verdict(Level.DMR, harmful, trials(Outcome.HANG))[0]


def test_verify_answers_for_what_it_checks_and_names_the_rest() -> None:
    harmful = trials(Outcome.SDC)
    ok, said = results.verdict(Level.VERIFY, harmful, trials(Outcome.SDC, region="stack"))
    assert ok
    assert said[-1] == "1 SDC by upsets outside of what verify covers"
    assert not results.verdict(Level.VERIFY, harmful, trials(Outcome.SDC, region="state"))[0]


def test_an_interrupted_campaign_goes_on_where_it_was(tmp_path: Path) -> None:
    log = results.Log(tmp_path, SETTING)
    for trial in trials(Outcome.MASKED, Outcome.SDC, Outcome.CRASH):
        log.add(trial)
    path = tmp_path / f"{SETTING.name}.jsonl"
    path.write_bytes(path.read_bytes()[:-20])  # cut off in the middle of the third
    again = results.Log(tmp_path, SETTING)
    assert sorted(again.trials) == [0, 1]
    again.add(trials(Outcome.MASKED, Outcome.MASKED, Outcome.MASKED)[2])
    last = results.Log(tmp_path, SETTING)
    assert [trial.outcome.value for trial in last.of(range(9))] == ["MASKED", "SDC", "MASKED"]


def test_results_of_other_software_are_refused(tmp_path: Path) -> None:
    results.save_golden(tmp_path, results.Golden({"compress": "ab"}))
    assert results.load_golden(tmp_path).digests == {"compress": "ab"}
    results.save_golden(tmp_path, results.Golden({"compress": "ab"}, "00ff"))
    with pytest.raises(BenchError, match="other software"):
        results.load_golden(tmp_path)


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_bound_is_that_of_clopper_and_pearson(case: tuple[int, int]) -> None:
    count, trials = case
    bound = upper_bound(count, trials)
    if count == trials:
        assert bound == 1.0
        return
    p = Fraction(bound)
    tail = sum(math.comb(trials, k) * p**k * (1 - p) ** (trials - k) for k in range(count + 1))
    assert float(tail) == pytest.approx(0.05, rel=1e-6)
    if count == 0:
        assert bound == pytest.approx(1 - 0.05 ** (1 / trials), rel=1e-9)


def test_the_bound_refuses_what_is_no_count() -> None:
    assert upper_bound(0, 2995) == pytest.approx(0.001, rel=1e-3)
    for count, trials in ((-1, 5), (6, 5)):
        with pytest.raises(ValueError):
            upper_bound(count, trials)


def test_a_kill_campaign_with_one_wrong_node_fails() -> None:
    good = Sortie(0, ["replica killed"] * 5, 6, 6)
    bad = Sortie(1, ["node killed"] * 5, 6, 5, {"NO_MAJORITY": 1}, wrong=["process 7 zombie"])
    assert conclude([good])["ok"]
    found = conclude([good, bad])
    assert not found["ok"]
    assert found["faults"] == {"replica killed": 5, "node killed": 5}
    assert found["failed_for_a_reason"] == {"NO_MAJORITY": 1}
    assert found["harm_below_95"] == pytest.approx(upper_bound(1, 10), abs=1e-4)
    assert not conclude([Sortie(0)])["ok"]  # no faults, nothing shown
