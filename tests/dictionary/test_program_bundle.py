"""Program bundles: what is right is taken, and nothing else, each for its own reason."""

from __future__ import annotations

from typing import Any

import pytest
from bundle_examples import KEY, OTHER, SOURCE, bundle, described, packed, public
from hypothesis import given
from hypothesis import strategies as st

from flight.dictionary.bundle import LARGEST, BundleError, listing, pack_bundle, parse_bundle
from flight.dictionary.content import content_hash
from flight.dictionary.enums import Reason, ResultKind
from flight.dictionary.manifest import Manifest, declaration
from flight.dictionary.programs import parameters_text, parse_parameters
from flight.dictionary.signature import key_id, verify_bundle

GOOD = bundle()
KEYS = [public(OTHER), public()]
THRESHOLD = {"name": "threshold", "type": "u8", "lo": 1, "hi": 9, "default": 3, "unit": "level"}


def refusal(data: bytes, keys: list[bytes] | None = None) -> Reason:
    with pytest.raises(BundleError) as caught:
        verify_bundle(data, KEYS if keys is None else keys)
    assert caught.value.detail
    return caught.value.reason


def test_a_bundle_of_another_packer_is_read() -> None:
    found = verify_bundle(GOOD, KEYS)
    assert (found.manifest.name, found.manifest.version) == ("rows", 1)
    assert found.files == {"rows.py": SOURCE}


names = st.from_regex(r"\A([a-z_][a-z0-9_]{0,5}/)?[a-z_][a-z0-9_]{0,5}\.py\Z")


@given(files=st.dictionaries(names, st.binary(max_size=200), max_size=5), version=st.integers(1, 9))
def test_what_is_packed_is_read_again(files: dict[str, bytes], version: int) -> None:
    files["rows.py"] = SOURCE
    listed, dictionary = listing(files), content_hash().hex()
    manifest = Manifest("rows", version, "rows:Rows", "Rows", "PICTURE", 2, (), dictionary, listed)
    data = pack_bundle(manifest, files, key_id(public()), KEY.sign)
    found = verify_bundle(data, KEYS)
    assert (found.manifest, found.files) == (manifest, files)


def test_every_truncation_is_refused() -> None:
    for size in range(len(GOOD)):
        assert refusal(GOOD[:size]) in (Reason.RANGE, Reason.AUTHENTICATION), size


def test_every_flipped_bit_is_refused() -> None:
    for position in range(len(GOOD)):
        for bit in range(8):
            damaged = bytearray(GOOD)
            damaged[position] ^= 1 << bit
            expected = Reason.FORMAT if position < 5 else Reason.AUTHENTICATION
            assert refusal(bytes(damaged)) is expected, (position, bit)


@given(st.binary(min_size=1, max_size=40))
def test_nothing_may_follow_or_precede(more: bytes) -> None:
    assert refusal(GOOD + more) is Reason.AUTHENTICATION
    assert refusal(more + GOOD) in (Reason.FORMAT, Reason.AUTHENTICATION)


@given(st.binary(max_size=400))
def test_noise_is_refused(noise: bytes) -> None:
    refusal(noise)
    refusal(GOOD[:5] + noise)


def test_a_node_without_keys_refuses_every_bundle() -> None:
    assert refusal(GOOD, []) is Reason.AUTHENTICATION


def test_a_bundle_of_an_unknown_key_is_refused() -> None:
    assert refusal(GOOD, [public(OTHER)]) is Reason.AUTHENTICATION


def test_a_bundle_that_names_a_known_key_but_is_signed_by_another_is_refused() -> None:
    files = {"rows.py": SOURCE}
    forged = packed(described(files), SOURCE, key=OTHER, named=KEY)
    assert refusal(forged) is Reason.AUTHENTICATION
    # Its content is in order: without the signature nothing would be noticed.
    assert parse_bundle(forged).files == files


def test_nothing_of_an_unsigned_bundle_is_interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    def interpreted(*_: object, **__: object) -> None:
        raise AssertionError("read before its signature was checked")

    monkeypatch.setattr("flight.dictionary.signature.parse_bundle", interpreted)
    assert refusal(packed(b"{", b"", key=OTHER, named=KEY)) is Reason.AUTHENTICATION
    with pytest.raises(AssertionError, match="before its signature"):
        verify_bundle(GOOD, KEYS)


def test_a_bundle_that_is_too_large_is_refused_before_it_is_hashed() -> None:
    files = {"rows.py": SOURCE + b"#" * LARGEST}
    assert refusal(bundle(files)) is Reason.RANGE


@pytest.mark.parametrize(
    "name",
    [
        *("../rows.py", "/rows.py", "a/../rows.py", "./rows.py", "a//rows.py", "rows.py\n"),
        *("rows.py/", "a\\rows.py", "rows.so", "Rows.py", "rows.py\0", "rows", ".py", "ä.py"),
        *("..", "", "rows/.py", "~/rows.py", "a" * 100 + ".py", "con:rows.py"),
    ],
)
def test_names_that_could_lead_elsewhere_are_refused(name: str) -> None:
    files = {"rows.py": SOURCE, name: b""}
    assert refusal(bundle(files)) is Reason.FORMAT


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "../x"},
        {"name": ""},
        {"name": "x" * 33},
        {"version": 0},
        {"version": 65536},
        {"version": 1.5},
        {"version": "1"},
        {"entry": "rows"},
        {"entry": "os:system"},
        {"entry": "rows:Rows()"},
        {"entry": "rows:__import__('os')"},
        {"result": "BOMB"},
        {"scenes": 3},
        {"summary": "two\nlines"},
        {"more": 1},
        {"dictionary": "00"},
        {"parameters": [THRESHOLD] * 2},
        {"parameters": [THRESHOLD | {"hi": 300}]},
        {"parameters": [THRESHOLD | {"default": 10}]},
        {"parameters": [THRESHOLD | {"default": 2.5}]},
        {"parameters": [THRESHOLD | {"type": "text"}]},
        {"parameters": [THRESHOLD | {"name": "a=b"}]},
        {"parameters": [THRESHOLD | {"lo": 9, "hi": 1}]},
        {"parameters": [THRESHOLD | {"name": f"p{n}"} for n in range(17)]},
        {"files": []},
    ],
)
def test_a_manifest_that_says_nonsense_is_refused(changed: dict[str, Any]) -> None:
    assert refusal(bundle(**changed)) is Reason.FORMAT


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"{", b"\xff", b"null", b'{"name":'])
def test_a_manifest_that_is_none_is_refused(text: bytes) -> None:
    assert refusal(packed(text, SOURCE)) is Reason.FORMAT


def test_a_signed_bundle_whose_files_are_not_those_of_its_manifest_is_refused() -> None:
    manifest = described({"rows.py": SOURCE})
    assert refusal(packed(manifest, SOURCE[:-1])) is Reason.CORRUPT
    assert refusal(packed(manifest, SOURCE.replace(b"pass", b"exit"))) is Reason.CORRUPT
    assert refusal(packed(manifest, SOURCE + b"\n")) is Reason.FORMAT
    assert refusal(packed(manifest, b"")) is Reason.CORRUPT


def test_a_bundle_for_another_dictionary_is_refused() -> None:
    assert refusal(bundle(dictionary="0" * 64)) is Reason.FORMAT


@pytest.mark.parametrize(
    "source",
    [
        b"",
        b"Rows = 1",
        b"def Rows(): pass",
        b"class Rowsy: pass",
        b"if True:\n    class Rows: pass",
        b"# class Rows: pass",
        b"\xff\xfe\0" * 1000,
    ],
)
def test_an_entry_that_is_not_there_is_refused(source: bytes) -> None:
    assert refusal(bundle({"rows.py": source})) is Reason.UNKNOWN


def test_the_declaration_of_a_manifest_is_that_of_a_program() -> None:
    mean = {"name": "mean", "type": "f64", "lo": 0, "hi": 1, "default": 0.5}
    found = declaration(verify_bundle(bundle(parameters=[THRESHOLD, mean]), KEYS).manifest)
    assert (found.name, found.result, found.scenes) == ("rows", ResultKind.MASK, 1)
    assert parameters_text(parse_parameters(found, "")) == "threshold=3,mean=0.5"
    assert parameters_text(parse_parameters(found, "mean=1")) == "threshold=3,mean=1.0"
    for text, reason in (
        ("threshold=10", Reason.RANGE),
        ("treshold=2", Reason.UNKNOWN),
        ("threshold=x", Reason.FORMAT),
    ):
        with pytest.raises(ValueError) as caught:
            parse_parameters(found, text)
        assert caught.value.reason is reason  # type: ignore[attr-defined]
