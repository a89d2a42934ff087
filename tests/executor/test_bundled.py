"""Import of programs out of bundles: from their bytes, side by side, shadowing nothing."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest

from flight.dictionary.bundle import listing, pack_bundle
from flight.dictionary.content import content_hash
from flight.dictionary.enums import Reason, ResultKind
from flight.dictionary.manifest import Manifest
from flight.executor.bundled import open_program
from flight.executor.protocol import Assignment
from flight.executor.task import InputError

ENTRY = b"""
from .parts import shared
from .parts.deep import value

class Answer:
    number = value.NUMBER + shared.MORE
"""


def assignment(
    folder: Path, files: dict[str, bytes], version: int = 1, entry: str = "answer:Answer"
) -> Assignment:
    dictionary = content_hash().hex()
    manifest = Manifest(
        "answer", version, entry, "Answers", "CHANGE", 1, (), dictionary, listing(files)
    )
    data = pack_bundle(manifest, files, bytes(8), lambda _: bytes(64))
    path = folder / f"answer-{version}.bundle"
    path.write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    given = ("", "", {}, "", "r0")
    return Assignment(entry, *given, bundle=str(path), bundle_sha256=sha256)


def parts(number: int, **more: bytes) -> dict[str, bytes]:
    return {
        "answer.py": ENTRY,
        "parts/__init__.py": b"",
        "parts/shared.py": b"MORE = 2\n",
        "parts/deep/value.py": f"NUMBER = {number}\n".encode(),
    } | {f"{name}.py": source for name, source in more.items()}


def refusal(given: Assignment) -> InputError:
    with pytest.raises(InputError) as caught:
        open_program(given)
    return caught.value


def test_a_bundle_is_a_package_of_its_own(tmp_path: Path) -> None:
    kind, declared = open_program(assignment(tmp_path, parts(40)))
    assert kind.number == 42
    assert (declared.name, declared.result) == ("answer", ResultKind.CHANGE)
    assert sys.modules[kind.__module__].__name__.startswith("bundle_")
    assert "answer" not in sys.modules


def test_versions_do_not_meet_in_one_process(tmp_path: Path) -> None:
    kinds: list[Any] = [
        open_program(assignment(tmp_path, parts(number), version=number))[0]
        for number in (10, 20, 10)
    ]
    assert [kind.number for kind in kinds] == [12, 22, 12]
    assert kinds[0] is kinds[2]


def test_nothing_of_this_software_or_of_python_can_be_shadowed(tmp_path: Path) -> None:
    files = {
        "answer.py": b"import json, numpy\nfrom flight.dictionary import enums\n"
        b"class Answer:\n    seen = json.__file__, numpy.__file__, enums.Reason.CORRUPT\n",
        "json.py": b"raise RuntimeError('shadowed')\n",
        "numpy.py": b"raise RuntimeError('shadowed')\n",
        "flight/dictionary/enums.py": b"raise RuntimeError('shadowed')\n",
    }
    kind, _ = open_program(assignment(tmp_path, files))
    import json

    import numpy

    assert kind.seen == (json.__file__, numpy.__file__, Reason.CORRUPT)


def test_a_traceback_names_program_and_file(tmp_path: Path) -> None:
    files = {"answer.py": b"class Answer:\n    def step(self):\n        return 1 / 0\n"}
    kind, _ = open_program(assignment(tmp_path, files, version=7))
    with pytest.raises(ZeroDivisionError) as caught:
        kind().step()
    assert "<answer-7>/answer.py" in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "source",
    [
        b"import nothing_of_this_name\n",
        b"from . import missing\n",
        b"from .. import beyond\n",
        b"1 / 0\n",
        b"raise TypeError\n",
        b"del __name__, Answer\n",
    ],
)
def test_code_that_does_not_load_is_the_fault_of_the_program(tmp_path: Path, source: bytes) -> None:
    given = assignment(tmp_path, {"answer.py": b"class Answer:\n    pass\n" + source})
    assert refusal(given).reason is Reason.FORMAT


def test_a_bundle_that_is_not_the_installed_one_is_refused(tmp_path: Path) -> None:
    given = assignment(tmp_path, parts(1))
    path = Path(given.bundle)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert refusal(given).reason is Reason.CORRUPT
    assignment(tmp_path, parts(666))  # in its place, and in order in itself
    assert refusal(given).reason is Reason.CORRUPT
    path.unlink()
    assert refusal(given).reason is Reason.UNKNOWN


def test_looking_up_a_program_does_not_load_its_code() -> None:
    """In a process that has imported the executor, as the service has, and read a shelf."""
    code = (
        "import sys, flight.executor.service, flight.executor.catalogue;"
        "assert not [n for n in sys.modules if n.startswith(('flight.executor.bundled',"
        " 'flight.dictionary.signature', 'cryptography'))]"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True, timeout=60)
