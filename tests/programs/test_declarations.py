"""Programs and their declarations agree, and the text of parameters is checked and comes back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight.dictionary.commands import RunTask
from flight.dictionary.enums import Reason
from flight.dictionary.fieldspec import fields
from flight.dictionary.programs import (
    CHANGE_DETECTION,
    CLOUD_MASK,
    COMPRESS,
    PROGRAMS,
    ChangeParameters,
    CompressParameters,
    Declaration,
    ProgramParameters,
    check_scenes,
    parameters_text,
    parse_parameters,
)
from flight.dictionary.values import LayoutError
from flight.runtime.zygote import resolve
from flight.topology import PROGRAMS as BOUND


def test_every_program_on_board_is_declared_and_the_other_way_round() -> None:
    assert set(BOUND) == set(PROGRAMS)
    for name, entry in BOUND.items():
        program: Any = resolve(entry)
        assert program.name == name == PROGRAMS[name].name
        assert program.declaration is PROGRAMS[name]


def test_every_parameter_has_a_range_and_a_default() -> None:
    for declaration in PROGRAMS.values():
        for spec in fields(declaration.parameters):
            assert spec.ranged, spec.name
            assert not spec.required, spec.name
            assert spec.description, spec.name


def test_a_program_name_fits_the_telecommand() -> None:
    size = next(spec.size for spec in fields(RunTask) if spec.name == "program")
    assert all(len(name) <= size for name in PROGRAMS)


@given(
    st.builds(ChangeParameters, st.integers(8, 256), st.floats(0.1, 100), st.floats(1.5, 1000)).map(
        lambda parameters: (CHANGE_DETECTION, parameters)
    )
    | st.builds(CompressParameters, st.integers(0, 63), st.floats(0, 24), st.integers(16, 256)).map(
        lambda parameters: (COMPRESS, parameters)
    )
)
def test_the_text_of_parameters_comes_back(case: tuple[Declaration, ProgramParameters]) -> None:
    declaration, parameters = case
    assert parse_parameters(declaration, parameters_text(parameters)) == parameters


def test_what_is_not_named_keeps_its_default() -> None:
    assert parse_parameters(COMPRESS, "") == CompressParameters()
    assert parse_parameters(COMPRESS, "rate=2") == CompressParameters(rate=2.0)
    assert parse_parameters(CLOUD_MASK, "") == ProgramParameters()


@pytest.mark.parametrize(
    ("declaration", "text", "reason", "detail"),
    [
        (COMPRESS, "tile=15", Reason.RANGE, "tile=15: allowed is 16 to 256 pixel"),
        (COMPRESS, "max_error=64", Reason.RANGE, "allowed is 0 to 63"),
        (COMPRESS, "rate=nan", Reason.RANGE, "rate=nan"),
        (COMPRESS, "rate=1e999", Reason.RANGE, "rate=1e999"),
        (COMPRESS, "tile=many", Reason.FORMAT, "tile=many: allowed is 16"),
        (COMPRESS, "tile=16.5", Reason.FORMAT, "tile=16.5"),
        (COMPRESS, "til=16", Reason.UNKNOWN, "no parameter 'til'; did you mean tile?"),
        (CLOUD_MASK, "tile=16", Reason.UNKNOWN, "no parameter 'tile' (it takes: none)"),
        (COMPRESS, "tile", Reason.FORMAT, "'tile' is no name=value"),
        (COMPRESS, "tile=16,", Reason.FORMAT, "'' is no name=value"),
        (COMPRESS, "tile=16,tile=16", Reason.FORMAT, "'tile=16' is given twice"),
        (COMPRESS, "tile=16=16", Reason.FORMAT, "tile=16=16"),
    ],
)
def test_what_is_wrong_is_named(
    declaration: Declaration, text: str, reason: Reason, detail: str
) -> None:
    with pytest.raises(LayoutError) as caught:
        parse_parameters(declaration, text)
    assert caught.value.reason is reason
    assert detail in caught.value.detail
    assert "\n" not in caught.value.detail


@given(st.sampled_from(list(PROGRAMS.values())), st.text(st.characters(codec="ascii"), max_size=40))
def test_any_text_is_parameters_or_a_reason(declaration: Declaration, text: str) -> None:
    try:
        parameters = parse_parameters(declaration, text)
    except LayoutError:
        return
    assert parse_parameters(declaration, parameters_text(parameters)) == parameters


@pytest.mark.parametrize(
    ("declaration", "second", "good"),
    [
        (COMPRESS, "", True),
        (COMPRESS, "later", False),
        (CHANGE_DETECTION, "later", True),
        (CHANGE_DETECTION, "", False),
    ],
)
def test_scenes_are_as_many_as_declared(declaration: Declaration, second: str, good: bool) -> None:
    if good:
        check_scenes(declaration, second)
        return
    with pytest.raises(LayoutError, match="takes") as caught:
        check_scenes(declaration, second)
    assert caught.value.reason is Reason.FORMAT
