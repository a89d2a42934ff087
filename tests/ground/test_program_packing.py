"""Keys and packing on the ground: what is refused, and that nothing of a program is run."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from flight.dictionary.bundle import LARGEST
from flight.dictionary.signature import verify_bundle
from ground.__main__ import main
from ground.programs.keys import load_key

ROOT = Path(__file__).parents[2]
GOOD = {
    "name": '"bright"',
    "version": "1",
    "entry": '"bright:Bright"',
    "summary": '"Pixels above a threshold"',
    "result": '"MASK"',
}
PARAMETER = '[parameters.threshold]\ntype = "u8"\nlo = 0\nhi = 255\ndefault = 128\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A program; running it would be noticed."""
    assert main(["program", "key", str(tmp_path / "key")]) == 0
    program = tmp_path / "program"
    (program / "parts").mkdir(parents=True)
    describe(program)
    (program / "bright.py").write_text("class Bright:\n    pass\nraise SystemExit(77)\n")
    (program / "parts" / "rows.py").write_text("")
    (program / "notes.txt").write_text("not a part of it")
    return program


def describe(program: Path, more: str = "", **changed: str) -> None:
    lines = [f"{name} = {value}" for name, value in (GOOD | changed).items() if value]
    (program / "program.toml").write_text("\n".join(lines) + f"\n{more}")


def pack(folder: Path) -> int:
    bundle, key = folder.parent / "bundle", folder.parent / "key"
    return main(["program", "pack", str(folder), "--key", str(key), "--out", str(bundle)])


def test_a_folder_becomes_a_bundle_that_the_key_has_signed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    describe(folder, PARAMETER)
    assert pack(folder) == 0
    assert "bright 1" in capsys.readouterr().out
    public = bytes.fromhex((folder.parent / "key.pub").read_text())
    found = verify_bundle((folder.parent / "bundle").read_bytes(), [public])
    assert sorted(found.files) == ["bright.py", "parts/rows.py"]
    assert [each.name for each in found.manifest.parameters] == ["threshold"]
    assert load_key(folder.parent / "key").public == public


@pytest.mark.parametrize(
    ("changed", "hint"),
    [
        ({"nam": '"x"'}, "unknown key 'nam'; did you mean name?"),
        ({"name": '"Bright"'}, "$.name"),
        ({"name": '"cloud-mask"'}, "ships with the software"),
        ({"version": "0"}, "$.version"),
        ({"version": ""}, "missing required field `version`"),
        ({"entry": '"bright:Dark"'}, "has no class Dark"),
        ({"entry": '"dark:Bright"'}, "no file dark.py"),
        ({"result": '"SOUND"'}, "no kind of result 'SOUND'"),
        ({"more": PARAMETER.replace("128", "256")}, "default 256 is not 0 to 255"),
        ({"more": PARAMETER.replace("hi = 255", "hi = inf")}, "must be finite"),
        ({"more": PARAMETER.replace("type", "typ")}, "did you mean type?"),
        ({"more": "[parameters]\nthreshold = 1"}, "parameters are tables"),
        ({"summary": '"'}, "program.toml"),
    ],
)
def test_a_description_that_says_nonsense_is_refused_in_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], changed: dict[str, str], hint: str
) -> None:
    describe(folder, **changed)
    capsys.readouterr()
    assert pack(folder) == 3
    errors = capsys.readouterr().err
    assert hint in errors
    assert errors.count("\n") == 1
    assert not (folder.parent / "bundle").exists()


@pytest.mark.parametrize("name", ["Upper.py", "white space.py", "dash-ed.py", "ümlaut.py"])
def test_a_file_whose_name_no_module_can_have_is_refused(folder: Path, name: str) -> None:
    (folder / name).write_text("")
    assert pack(folder) == 3


@pytest.mark.parametrize(
    "source",
    [b"def f(:", b"\xff", b"x = 1\0", b"(" * 5000, b"-" * 100_000 + b"1", b"# coding: none\n"],
)
def test_code_that_does_not_compile_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], source: bytes
) -> None:
    (folder / "parts" / "rows.py").write_bytes(source)
    capsys.readouterr()
    assert pack(folder) == 3
    errors = capsys.readouterr().err
    assert "parts/rows.py does not compile" in errors
    assert errors.count("\n") == 1


def test_too_much_code_is_refused(folder: Path) -> None:
    (folder / "large.py").write_text("#" * LARGEST)
    assert pack(folder) == 3


def test_a_key_is_for_its_owner_and_is_made_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "key"
    assert main(["program", "key", str(path), "--json"]) == 0
    public = json.loads(capsys.readouterr().out)["public"]
    assert (tmp_path / "key.pub").read_text() == public + "\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    assert main(["program", "key", str(path)]) == 2
    assert "File exists" in capsys.readouterr().err
    assert path.read_bytes() == before
    assert load_key(path).public.hex() == public


def test_a_key_that_others_may_read_or_that_is_none_signs_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder.parent / "key"
    path.chmod(0o640)
    assert pack(folder) == 3
    assert "others may read it" in capsys.readouterr().err
    path.chmod(0o600)
    other = generate_private_key(SECP256R1())
    for data in (
        b"",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    ):
        path.write_bytes(data)
        assert pack(folder) == 3
        assert "key" in capsys.readouterr().err
    path.unlink()
    assert pack(folder) == 2


def test_what_is_no_bundle_is_not_sent(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    station = ["--dir", str(folder.parent / "station")]
    (folder / "notes.txt").write_text("no bundle" * 20)
    assert main(["program", "push", str(folder / "notes.txt"), *station]) == 3
    assert "no program bundle" in capsys.readouterr().err
    assert main(["program", "push", str(folder / "nothing"), *station]) == 2
    assert pack(folder) == 0
    assert main(["program", "push", str(folder.parent / "bundle"), *station]) == 6


def test_other_verbs_do_not_load_cryptography() -> None:
    code = (
        "import sys; from ground.__main__ import main; main(['task', 'programs']);"
        "assert not [n for n in sys.modules if n.startswith('cryptography')]"
    )
    command = [sys.executable, "-c", code]
    subprocess.run(command, cwd=ROOT, check=True, timeout=60, capture_output=True)
