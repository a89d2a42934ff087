"""A program from a folder on the ground to its product, over a noisy link, in virtual time."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from flight.config import default_path
from flight.dictionary.enums import Reason, Stage
from flight.dictionary.product import decode_product
from ground.products.unpack import unpack
from ground.programs.keys import SigningKey, make_key
from ground.programs.packing import pack
from ground.station.happenings import (
    EventReceived,
    FileDelivered,
    FileUplink,
    PacketReceived,
    StageChanged,
)
from hil.bench.virtual import VirtualBench

SIDE = 40
FILLER = 100_000  # octets of comment, so that the transfer takes about a second
SOURCE = """
from .rows import bright

class Bright:
    def __init__(self, inputs):
        self.inputs = inputs

    def steps(self):
        return 4

    def start(self):
        return {"step": 0, "rows": [], "mask": self.inputs.scene[:, :, 0] * 0}

    def step(self, state):
        part, mask = state["step"], state["mask"].copy()
        mask[part::4] = bright(self.inputs.scene[part::4], self.inputs.parameters.threshold)
        return {"step": part + 1, "rows": [*state["rows"], part], "mask": mask}

    def done(self, state):
        return state["step"] == 4

    def result(self, state):
        return state["mask"]
"""
DESCRIPTION = """
name = "bright"
version = {version}
entry = "bright:Bright"
summary = "Pixels above a threshold"
result = "MASK"
[parameters.threshold]
type = "u8"
lo = 0
hi = 255
default = 128
unit = "level"
"""


def scene() -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(1, 255, (SIDE, SIDE, 3), np.uint8)


def expected(version: int, threshold: int = 128) -> NDArray[np.uint8]:
    return (scene().max(-1) > threshold).astype(np.uint8) * np.uint8(version)


class Pass:
    """A node that trusts one key, its station, and a folder with the program."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = make_key(folder / "key")
        (folder / "payload").mkdir()
        np.savez(folder / "payload" / "hills.npz", rgb=scene())
        config = folder / "node.toml"
        config.write_text(
            "seed = 1\n[link]\nspacecraft = 0xA5\n"
            '[link.space]\nlisten = "127.0.0.1:52001"\npeer = "127.0.0.1:52002"\n'
            '[executor]\npayload = "payload"\n'
            '[inference]\nmodels = "models"\nactive = ["absent"]\n'
            f'[governor]\nboard = "{default_path().parent}/boards/simulated.toml"\n'
            f'[storage]\nprogram_keys = ["{self.key.public.hex()}"]\n'
        )
        self.bench = VirtualBench(folder / "bench", 5, config=config)
        assert self.bench.run(5.0, lambda: bool(self.of(PacketReceived)))

    def of(self, kind: type) -> list[object]:
        return [each for each in self.bench.happenings if isinstance(each, kind)]

    def packed(self, version: int, key: SigningKey | None = None) -> bytes:
        folder = self.folder / "program"
        folder.mkdir(exist_ok=True)
        (folder / "program.toml").write_text(DESCRIPTION.format(version=version))
        (folder / "bright.py").write_text(SOURCE)
        filler = "".join(f"# {hashlib.sha256(bytes([n % 256])).hexdigest()}\n" for n in range(1500))
        (folder / "rows.py").write_text(
            "import numpy as np\n\n"
            "def bright(rows, threshold):\n"
            f"    return np.uint8({version}) * (rows.max(-1) > threshold)\n{filler[:FILLER]}"
        )
        return pack(folder, key or self.key)[1]

    def uplink(self, name: str, data: bytes) -> str:
        """Send a file up; how that ended."""
        number = self.bench.uplink(name, data)

        def outcomes() -> list[str]:
            found = [each for each in self.of(FileUplink) if isinstance(each, FileUplink)]
            return [each.outcome for each in found if each.outcome and each.transaction == number]

        assert self.bench.run(60.0, lambda: bool(outcomes())), self.bench.happenings[-3:]
        return outcomes()[0]

    def command(self, name: str, /, **arguments: str) -> tuple[Stage, Reason]:
        """Send a telecommand; its last stage."""
        request = self.bench.send(name, **arguments)

        def last() -> StageChanged | None:
            for each in self.of(StageChanged):
                assert isinstance(each, StageChanged)
                if each.request == request and each.stage.final:
                    return each
            return None

        assert self.bench.run(120.0, lambda: last() is not None), self.bench.happenings[-3:]
        found = last()
        assert found is not None
        return found.stage, found.reason

    def result(self, parameters: str = "") -> tuple[str, NDArray[np.uint8]]:
        """Run the program under TMR; name and version from the proof, and the product."""
        before = len(self.of(FileDelivered))
        arguments = {"program": "bright", "scene": "hills", "level": "tmr"}
        done = self.command("task.run", **arguments, parameters=parameters)
        assert done == (Stage.COMPLETED, Reason.NONE)
        assert self.bench.run(60.0, lambda: len(self.of(FileDelivered)) > before)
        delivered = self.of(FileDelivered)[-1]
        assert isinstance(delivered, FileDelivered)
        product = decode_product((self.bench.inbox / delivered.name).read_bytes())
        assert product.provenance.votes == 6  # start, four steps, result
        return product.provenance.program, unpack(product)

    def texts(self) -> list[str]:
        return [each.text for each in self.of(EventReceived) if isinstance(each, EventReceived)]


@pytest.fixture
def flown(tmp_path: Path) -> Pass:
    return Pass(tmp_path)


DONE = (Stage.COMPLETED, Reason.NONE)


def test_a_program_goes_up_runs_is_replaced_and_comes_back(flown: Pass) -> None:
    bench, first = flown.bench, flown.packed(1)
    assert 90_000 < len(first) < 130_000

    def cut() -> None:
        for channel in (bench.up, bench.down):
            channel.outage(bench.time.clock.now(), 3.0)

    bench.time.timers.add(bench.time.clock.now() + 0.4, None, cut)
    assert flown.uplink("bright-1.bundle", first) == "NO_ERROR"
    assert bench.up.counters["flipped_frames"] > 0
    assert bench.up.counters["dropped_outage"] > 0
    assert flown.command("program.install", file="bright-1.bundle") == DONE
    assert flown.command("program.activate", name="bright", version="1") == DONE
    name, mask = flown.result("threshold=200")
    assert name == "bright 1"
    assert np.array_equal(mask, expected(1, 200))

    assert flown.uplink("bright-2.bundle", flown.packed(2)) == "NO_ERROR"
    assert flown.command("program.install", file="bright-2.bundle") == DONE
    assert flown.result()[0] == "bright 1", "installed is not active"
    assert flown.command("program.activate", name="bright", version="2") == DONE
    name, mask = flown.result()
    assert name == "bright 2"
    assert np.array_equal(mask, expected(2))

    assert flown.command("program.rollback", name="bright") == DONE
    name, mask = flown.result()
    assert name == "bright 1"
    assert np.array_equal(mask, expected(1))
    told = [each for each in flown.of(PacketReceived) if each.packet == "program.status"]
    newest = {each.message.version: each.message.active for each in told}
    assert newest == {1: True, 2: False}
    for text in ("bright 1 installed", "bright 2 active", "bright-2.bundle complete"):
        assert any(text in each for each in flown.texts()), text


def test_a_forged_an_older_and_a_damaged_bundle_are_refused_on_board(
    flown: Pass, tmp_path: Path
) -> None:
    forged = flown.packed(1, make_key(tmp_path / "other"))
    good, newer = flown.packed(1), flown.packed(2)
    damaged = bytearray(good)
    damaged[-1] ^= 1
    refused = (Stage.FAILED, Reason.AUTHENTICATION)
    for data in (forged, bytes(damaged)):
        assert flown.uplink("up", data) == "NO_ERROR", "the link does not judge"
        assert flown.command("program.install", file="up") == refused
    assert flown.command("task.run", program="bright", scene="hills")[1] is Reason.UNKNOWN
    assert flown.uplink("up", newer) == "NO_ERROR"
    assert flown.command("program.install", file="up") == DONE
    assert flown.uplink("up", good) == "NO_ERROR"
    assert flown.command("program.install", file="up") == (Stage.FAILED, Reason.REPLAY)
    assert sum("refused: AUTHENTICATION" in text for text in flown.texts()) >= 2
