"""Parameters in memory: three copies, voted and mended when they are read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight.dictionary.parameters import ExecutorParameters, GovernorParameters
from flight.runtime.parameters import Parameters


def damaged(octets: bytes, *bits: int) -> bytes:
    changed = bytearray(octets)
    for bit in bits:
        changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@given(st.data())
def test_flips_at_different_places_of_all_copies_are_mended(data: st.DataObject) -> None:
    parameters = Parameters({"executor": {"redo_limit": 5}})
    before = parameters.get(ExecutorParameters)
    copies = parameters._copies[ExecutorParameters]
    places = st.integers(0, 8 * len(copies[0]) - 1)
    bits = data.draw(st.lists(places, min_size=1, max_size=3, unique=True))
    for index, bit in enumerate(bits):
        copies[index] = damaged(copies[index], bit)
    assert parameters.get(ExecutorParameters) == before
    assert len(set(parameters._copies[ExecutorParameters])) == 1
    assert parameters.get(GovernorParameters) == GovernorParameters()


def test_without_the_vote_a_flip_changes_a_parameter_or_breaks_it() -> None:
    parameters = Parameters({})
    good = parameters.get(ExecutorParameters)
    (octets, *_) = parameters._copies[ExecutorParameters]
    wrong = 0
    for bit in range(8 * len(octets)):
        parameters._copies[ExecutorParameters] = [damaged(octets, bit)] * 3
        try:
            wrong += parameters.get(ExecutorParameters) != good
        except ValueError:
            wrong += 1
    assert wrong > 7.9 * len(octets)  # a zero may become minus zero


def test_the_copies_are_different_memory() -> None:
    parameters = Parameters({})
    assert len({id(copy) for copy in parameters._copies[ExecutorParameters]}) == 3
    copies = parameters._copies[ExecutorParameters]
    copies[1] = damaged(copies[1], 9)
    parameters.get(ExecutorParameters)
    assert len({id(copy) for copy in parameters._copies[ExecutorParameters]}) == 3


def test_a_change_is_in_force_at_once() -> None:
    parameters = Parameters({})
    parameters.adopt(parameters.changed("executor.redo_limit", 7))
    assert parameters.get(ExecutorParameters).redo_limit == 7
    with pytest.raises(ValueError):
        parameters.changed("executor.redo_limit", 99)
