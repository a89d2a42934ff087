"""Files that the node may not read or write: one line at the start, a typed reason later."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from flying_node import CONFIGS, FlyingNode, configuration, flight
from small_scenes import small_scene

from flight.dictionary.commands import SetParameter
from flight.dictionary.enums import Reason, Stage
from flight.dictionary.events import ModelQuarantined, WriteFailed

# Permission bits mean nothing to root unless it gives up the capabilities that override them.
BOUND = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()


@pytest.fixture(autouse=True, scope="module")
def permissions_apply(tmp_path_factory: pytest.TempPathFactory) -> None:
    secret = tmp_path_factory.mktemp("secret") / "file"
    secret.write_text("")
    secret.chmod(0)
    try:
        found = subprocess.run([*BOUND, "cat", str(secret)], capture_output=True, check=False)
    except OSError as error:
        pytest.skip(f"permission bits do not apply to us: {error}")
    if b"Permission denied" not in found.stderr:
        pytest.skip(f"permission bits do not apply to us: {found.stderr!r}")


@pytest.mark.parametrize("closed", ["", "executive"])
def test_a_state_directory_that_may_not_be_written_gets_one_line(
    tmp_path: Path, closed: str
) -> None:
    state = tmp_path / "node"
    (state / "executive").mkdir(parents=True)
    (state / closed).chmod(0o500)
    done = flight("flight", "run", "--insecure-dev", "--dir", str(state), prefix=BOUND)
    assert done.returncode == 1
    assert "Permission denied" in done.stderr
    assert str(state / closed) in done.stderr
    assert done.stderr.count("\n") == 1
    left = {path.relative_to(state).as_posix() for path in state.rglob("*")}
    assert left <= {"lock", "executive"}


@pytest.fixture
def node(tmp_path: Path) -> Iterator[FlyingNode]:
    models = tmp_path / "models"
    shutil.copytree(CONFIGS / "models" / "cloudnet-rgb", models / "cloudnet-rgb")
    shutil.copytree(CONFIGS / "models" / "cloudnet-rgb", models / "sealed")
    (models / "sealed" / "model.onnx").chmod(0)
    for scene in ("open", "sealed"):
        small_scene(tmp_path / f"{scene}.npz")
    (tmp_path / "sealed.npz").chmod(0)
    active = 'cloudnet-rgb", "sealed'  # goes between two quotation marks
    config = configuration(tmp_path, payload=str(tmp_path), models=str(models), active=active)
    with FlyingNode(tmp_path, config, prefix=BOUND) as flying:
        yield flying
    assert flying.leftovers() == []


def test_what_may_not_be_read_or_written_gets_a_typed_reason(node: FlyingNode) -> None:
    node.until(lambda: node.saw(ModelQuarantined), "the model that may not be read")
    (quarantined,) = (e.event for e in node.events if isinstance(e.event, ModelQuarantined))
    assert quarantined.model == "sealed"
    assert quarantined.why.endswith("Permission denied")
    assert node.outcome(node.run_task("sealed"))[0] is Stage.FAILED
    assert node.outcome(node.run_task("sealed"))[1] is Reason.PERMISSION
    assert node.outcome(node.run_task("open")) == (Stage.COMPLETED, Reason.NONE)

    ledger = node.state / "commanding"
    ledger.chmod(0o500)
    assert node.outcome(node.run_task("open")) == (Stage.FAILED, Reason.PERMISSION)
    why = "Permission denied"
    node.until(lambda: node.saw(WriteFailed, name="command ledger", why=why), "the event")
    assert node.answers()
    ledger.chmod(0o700)
    parameters = node.state / "parameters"
    parameters.mkdir(mode=0o500)
    change = SetParameter("executor.redo_limit", 2.0)
    assert node.outcome(node.command(change)) == (Stage.FAILED, Reason.PERMISSION)
    parameters.chmod(0o700)
    assert node.outcome(node.command(change)) == (Stage.COMPLETED, Reason.NONE)
    assert node.outcome(node.run_task("open")) == (Stage.COMPLETED, Reason.NONE)
