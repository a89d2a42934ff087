"""The radiation service under the simulated hosting: scrubbing, quarantine, storms, the anomaly."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from radiation_node import SIZE, Owner, Rig

from flight.config import default_path
from flight.dictionary.commands import SetOrbit
from flight.dictionary.enums import Environment, Reason
from flight.dictionary.events import MemoryCorrected
from flight.dictionary.radiation import (
    EnvironmentChanged,
    EnvironmentStatus,
    OrbitUnusable,
    RegionQuarantined,
    ScrubCorrected,
    ScrubMap,
    ScrubStatus,
)
from flight.radiation.ecc import Uncorrectable
from flight.radiation.storm import Expected
from flight.radiation.surroundings import Surroundings
from flight.runtime.clock import SimulatedClock
from flight.runtime.onboard import ProcessHost
from flight.runtime.shm import SharedRegion


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def test_a_flip_is_corrected_by_the_next_pass_and_told(rig: Rig) -> None:
    region, data = rig.owner.own("state")
    rig.run(3)
    rig.flip("state", 123_456)
    assert bytes(region.view()) != data, "the flip is there"
    assert rig.run(3, lambda: rig.heard(ScrubCorrected))
    assert bytes(region.view()) == data
    assert rig.newest(ScrubCorrected) == ScrubCorrected("state.ecc", 1)
    rig.run(6)
    status, where = rig.newest(ScrubStatus), rig.newest(ScrubMap)
    assert (status.regions, status.corrected, status.size) == (1, 1, SIZE)
    assert status.passes >= 4
    assert status.oldest < 3
    block = 123_456 // 8 // region.layout.geometry.block_size
    assert where.region == "state.ecc"
    assert [n for n, hits in enumerate(where.hits) if hits != "0"] == [block // where.per_cell]
    assert set(where.ages) <= set("abc")


def test_two_flips_in_a_codeword_quarantine_the_block(rig: Rig) -> None:
    region, _ = rig.owner.own("state")
    width = 8 * region.layout.geometry.width
    rig.run(3)
    rig.flip("state", 5, 5 + width)
    assert rig.run(5, lambda: rig.heard(RegionQuarantined)), "a full pass sees even numbers too"
    with pytest.raises(Uncorrectable):
        region.read()
    rig.run(2)
    assert rig.newest(ScrubStatus).quarantined == 1
    assert len(rig.heard(RegionQuarantined)) == 1


def test_regions_come_and_go_and_what_is_none_is_passed_over(rig: Rig) -> None:
    rig.owner.own("first")
    rubbish = rig.owner.context.region("rubbish.ecc", 9000)
    plain = rig.owner.context.region("plain", 9000)
    rig.run(2.5)
    assert rig.newest(ScrubStatus).regions == 1
    rig.owner.own("second", 5000)
    rig.run(2.5)
    assert rig.newest(ScrubStatus).regions == 2
    rig.node.regions["first.ecc"].close()
    rig.run(2.5)
    assert (rig.newest(ScrubStatus).regions, rig.newest(ScrubStatus).size) == (1, 5000)
    assert not any(rubbish.memory)
    assert not any(plain.memory)


def test_a_region_made_anew_between_two_looks_is_scrubbed(rig: Rig) -> None:
    """As when a task is put aside and goes on at once: its regions have the same names."""
    rig.owner.own("state")
    rig.run(3.1)
    rig.node.regions["state.ecc"].close()
    rig.owner.regions.clear()
    region, data = rig.owner.own("state", 5000)
    rig.run(3)
    rig.flip("state", 77)
    assert rig.run(10, lambda: rig.heard(ScrubCorrected)), "the old memory is scrubbed for ever"
    assert bytes(region.view()) == data
    assert rig.newest(ScrubStatus).size == 5000


def test_a_file_made_anew_has_another_number(tmp_path: Path) -> None:
    host = cast("ProcessHost", SimpleNamespace(run_dir=tmp_path))
    SharedRegion(tmp_path / "state.ecc", 4096, create=True)
    before = ProcessHost.protected(host)
    mapped = ProcessHost.attach(host, "state.ecc")
    SharedRegion(tmp_path / "state.ecc", 4096, create=True)
    after = ProcessHost.protected(host)
    assert list(before) == list(after) == ["state.ecc"]
    assert before != after
    assert len(mapped) == 4096


def test_what_is_being_written_is_left_alone(rig: Rig) -> None:
    region, _ = rig.owner.own("state")
    rig.run(2)
    region.begin()
    rig.flip("state", 7)
    rig.run(4)
    assert rig.newest(ScrubStatus).suspended == 1
    assert rig.newest(ScrubStatus).skipped > 0
    assert not rig.heard(ScrubCorrected)
    region.seal()
    rig.run(4)
    assert not rig.heard(ScrubCorrected), "new data were taken for damage"


def test_in_a_crisis_it_scrubs_less_not_never(rig: Rig) -> None:
    rig.owner.duty = 0.0
    rig.owner.own("state")
    rig.run(3)
    rig.flip("state", 9)
    assert rig.run(20, lambda: rig.heard(ScrubCorrected))


def test_it_scrubs_before_a_budget_was_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Owner, "speak", lambda owner: None)
    rig = Rig(tmp_path)
    rig.owner.own("state")
    rig.run(3)
    rig.flip("state", 9)
    assert rig.run(20, lambda: rig.heard(ScrubCorrected)), "a dead governor ends the scrub"


def burst(rig: Rig, count: int, gap: float) -> None:
    for _ in range(count):
        rig.owner.context.event(MemoryCorrected(1, 1, 0, 1, "scene"))
        rig.run(gap)


def test_corrections_beyond_chance_are_a_storm_and_it_passes(rig: Rig) -> None:
    rig.run(5)
    assert rig.newest(EnvironmentStatus).mode is Environment.QUIET
    burst(rig, 4, 2.0)
    assert rig.run(5, lambda: rig.newest(EnvironmentStatus).mode is Environment.STORM)
    assert rig.newest(EnvironmentStatus).corrections == 4
    assert rig.heard(EnvironmentChanged)[0].mode is Environment.STORM
    assert rig.run(1200, lambda: rig.newest(EnvironmentStatus).mode is Environment.QUIET)


def test_hardware_counters_count_as_deltas_and_take_over(rig: Rig) -> None:
    rig.owner.own("state")
    rig.owner.edac = (True, 1000)
    rig.run(5)
    assert rig.newest(ScrubStatus).hardware
    assert rig.newest(EnvironmentStatus).corrections == 0, "what was before we looked is not ours"
    for count in (1001, 1003, 1004):
        rig.owner.edac = (True, count)
        rig.run(2)
    assert rig.newest(EnvironmentStatus).corrections == 4
    assert rig.newest(EnvironmentStatus).mode is Environment.STORM


def tle(epoch_day: float) -> str:
    """550 km, 97.6 deg, epoch in 2026."""

    def line(text: str) -> str:
        digits = sum(int(c) if c.isdecimal() else c == "-" for c in text)
        return f"{text}{digits % 10}"

    first = line(f"1 99001U 26001A   26{epoch_day:012.8f}  .00000000  00000-0  00000-0 0  999")
    second = line("2 99001  97.6000   0.0000 0001000   0.0000   0.0000 15.05000000    1")
    return f"{first}\n{second}\n"


def orbit(folder: Path, text: str) -> dict[str, str]:
    (folder / "orbit.tle").write_text(text)
    flux = default_path().parent / "environment" / "sso-550.npz"
    return {"tle": str(folder / "orbit.tle"), "flux": str(flux)}


def test_a_day_in_orbit_crosses_the_anomaly_when_it_was_forecast(tmp_path: Path) -> None:
    surroundings = Surroundings(orbit(tmp_path, tle(1.0)), Expected(1e-5, 1e-8))
    modes, errors, due = [], [], -1.0
    for now in range(0, 86400, 30):
        status, found = surroundings.update(now, SimulatedClock.EPOCH_NS / 1e9 + now, 0)
        assert status.valid
        if status.mode is Environment.SAA and modes[-1:] == [Environment.QUIET]:
            assert found.changed
            errors.append(abs(due - now))
        if status.mode is Environment.QUIET:
            assert status.next_saa_in > 0
            due = now + status.next_saa_in
        modes.append(status.mode)
    assert len(errors) >= 5
    assert max(errors) <= 60, "it came at another time than forecast"
    assert 0.03 < modes.count(Environment.SAA) / len(modes) < 0.12


def test_the_node_is_told_when_it_enters(tmp_path: Path) -> None:
    settings = orbit(tmp_path, tle(1.0))
    before, _ = Surroundings(settings, Expected(0, 0)).update(0.0, SimulatedClock.EPOCH_NS / 1e9, 0)
    assert before.mode is Environment.QUIET
    rig = Rig(tmp_path, begin=before.next_saa_in - 20, **settings)
    rig.run(10)
    assert not rig.heard(EnvironmentChanged)
    assert rig.run(20, lambda: rig.heard(EnvironmentChanged))
    assert rig.newest(EnvironmentChanged).mode is Environment.SAA
    assert rig.newest(EnvironmentStatus).flux > 10


def test_elements_that_lead_nowhere_count_as_inside(tmp_path: Path) -> None:
    decayed = tle(1.0).replace("00000-0 0  999", "99999-0 0  999")
    rig = Rig(tmp_path, begin=86400.0 * 300, **orbit(tmp_path, _checked(decayed)))
    rig.run(5)
    status = rig.newest(EnvironmentStatus)
    assert (status.mode, status.valid) == (Environment.SAA, False)


def _checked(text: str) -> str:
    """With the check digits that its lines need."""
    lines = []
    for line in text.splitlines():
        body = line[:68]
        digits = sum(int(c) if c.isdecimal() else c == "-" for c in body)
        lines.append(f"{body}{digits % 10}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("broken", ["no elements", "", None])
def test_an_orbit_file_that_is_none_costs_the_position_not_the_service(
    tmp_path: Path, broken: str | None
) -> None:
    settings = orbit(tmp_path, broken or "")
    if broken is None:
        (tmp_path / "orbit.tle").unlink()
    rig = Rig(tmp_path, **settings)
    rig.run(3)
    assert len(rig.heard(OrbitUnusable)) == 1
    status = rig.newest(EnvironmentStatus)
    assert (status.mode, status.valid) == (Environment.SAA, False)
    first, second = tle(1.0).splitlines()
    assert rig.command(SetOrbit(first, second)).reason is Reason.NONE
    rig.run(3)
    status = rig.newest(EnvironmentStatus)
    assert (status.mode, status.valid) == (Environment.QUIET, True)


def test_elements_from_the_ground_are_checked_and_survive_a_restart(tmp_path: Path) -> None:
    settings = orbit(tmp_path, tle(1.0))
    rig = Rig(tmp_path, **settings)
    first, second = tle(1.0).replace("   0.0000 0001000", "  90.0000 0001000").splitlines()
    refused = rig.command(SetOrbit(first, second))
    assert refused.reason is Reason.RANGE, "the check digit is wrong"
    rig.run(2)
    before = rig.newest(EnvironmentStatus).longitude
    first, second = _checked("\n".join((first, second))).splitlines()
    assert rig.command(SetOrbit(first, second)).reason is Reason.NONE
    rig.run(2)
    moved = (rig.newest(EnvironmentStatus).longitude - before) % 360
    assert 85 < moved < 95
    there = rig.newest(EnvironmentStatus).longitude
    again = Rig(tmp_path, begin=rig.time.clock.now(), store=rig.store, **settings)
    again.run(2)
    assert abs(again.newest(EnvironmentStatus).longitude - there) < 1


def test_on_ground_there_is_no_orbit_to_set(rig: Rig) -> None:
    first, second = tle(1.0).splitlines()
    assert rig.command(SetOrbit(first, second)).reason is Reason.RANGE
