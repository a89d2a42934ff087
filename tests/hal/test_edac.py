"""EDAC counters on trees shaped like a machine's: deltas, resets, several controllers, damage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from flight.hal.edac import Edac
from flight.hal.reading import NO_EDAC, EdacCounts

Grow = Callable[[dict[str, str | None]], Path]
MC = "sys/devices/system/edac/mc"


def counts(number: int, corrected: int, uncorrected: int = 0) -> dict[str, str | None]:
    return {
        f"{MC}/mc{number}/ce_count": f"{corrected}\n",
        f"{MC}/mc{number}/ue_count": f"{uncorrected}\n",
    }


def test_a_machine_without_ecc(tmp_path: Path) -> None:
    assert Edac(tmp_path).read() == NO_EDAC


def test_what_was_counted_before_we_looked_is_not_ours(grow: Grow) -> None:
    edac = Edac(grow(counts(0, 40, 1)))
    assert edac.read() == EdacCounts(True, 0, 0)
    grow(counts(0, 43, 2))
    assert edac.read() == EdacCounts(True, 3, 1)
    assert edac.read() == EdacCounts(True, 3, 1)


def test_several_controllers_add_up_and_one_may_come_later(grow: Grow) -> None:
    edac = Edac(grow(counts(0, 5)))
    edac.read()
    grow(counts(0, 6) | counts(1, 9))
    assert edac.read() == EdacCounts(True, 1, 0)
    grow(counts(1, 11))
    assert edac.read() == EdacCounts(True, 3, 0)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=20), st.data())
def test_resets_lose_nothing_that_was_seen(steps: list[int], data: st.DataObject) -> None:
    """Against a driver that counts up and is sometimes loaded again."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / MC / "mc0"
        path.mkdir(parents=True)
        (path / "ue_count").write_text("0\n")
        counter = data.draw(st.integers(0, 50))
        (path / "ce_count").write_text(f"{counter}\n")
        edac, total = Edac(Path(folder)), 0
        edac.read()
        for step in steps:
            # A reset shows only when fewer errors followed it than had been counted before.
            if step < counter and data.draw(st.booleans()):
                counter = 0
            counter += step
            total += step
            (path / "ce_count").write_text(f"{counter}\n")
            assert edac.read().corrected == total


def test_rubbish_and_unreadable_counters_add_nothing(grow: Grow) -> None:
    edac = Edac(grow(counts(0, 1) | counts(1, 1)))
    edac.read()
    grow({f"{MC}/mc0/ce_count": "many\n", f"{MC}/mc1/ce_count": None})
    assert edac.read() == EdacCounts(False, 0, 0)
    (grow({}) / f"{MC}/mc1/ce_count").rmdir()
    grow(counts(0, 3) | counts(1, 2))
    assert edac.read() == EdacCounts(True, 3, 0)
