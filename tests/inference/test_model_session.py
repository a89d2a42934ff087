"""Sessions on our own memory against stock sessions, and what they refuse."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from flight.dictionary.enums import Reason
from flight.inference.errors import Fault, InferenceError, InputRefused
from flight.inference.install import Installed
from flight.inference.manifest import InputSpec, Manifest, OutputSpec
from flight.inference.pool import WeightPool
from flight.inference.session import Session, open_on_pool, open_stock
from flight.inference.tensors import accept_mask, accept_tiles


@pytest.fixture(scope="module")
def pool(installed: Installed) -> WeightPool:
    return WeightPool("session-test", installed.compiled.pool)


@pytest.fixture(scope="module")
def session(installed: Installed, pool: WeightPool) -> Session:
    return open_on_pool(installed.compiled, pool)


def test_own_memory_equals_a_stock_session_to_the_bit(
    session: Session, shipped: tuple[Manifest, bytes], scene: NDArray[np.uint8]
) -> None:
    manifest, data = shipped
    stock = open_stock(data, manifest.input, manifest.output)
    for row, column in [(0, 0), (200, 180), (300, 400), (462, 535), (100, 535)]:
        tiles = scene[None, row : row + 256, column : column + 256]
        assert np.array_equal(session.run(tiles), stock.run(tiles)), (row, column)


def test_batches_equal_single_tiles_to_the_bit(session: Session, scene: NDArray[np.uint8]) -> None:
    tiles = np.stack([scene[y : y + 256, 200:456] for y in (0, 150, 300, 460)])
    single = np.concatenate([session.run(t[None]) for t in tiles])
    assert np.array_equal(session.run(tiles), single)


def test_a_weight_written_in_the_pool_is_used_by_the_next_run(
    session: Session, pool: WeightPool, installed: Installed, tile: NDArray[np.uint8]
) -> None:
    first = session.run(tile)
    weights = pool.view(installed.compiled.tensors[-1])
    kept = weights.copy()
    weights[...] = 0
    assert not np.array_equal(session.run(tile), first)
    weights[...] = kept
    assert np.array_equal(session.run(tile), first)


def test_strided_tiles_are_copied_and_give_the_same_mask(
    session: Session, tile: NDArray[np.uint8]
) -> None:
    wide = np.zeros((1, 512, 512, 3), np.uint8)
    wide[:, ::2, ::2] = tile
    assert np.array_equal(session.run(wide[:, ::2, ::2]), session.run(tile))
    assert np.array_equal(session.run(np.asfortranarray(tile)), session.run(tile))


REFUSED: list[tuple[Any, Fault]] = [
    (np.zeros((1, 256, 256, 3), np.float32), Fault.INPUT_DTYPE),
    (np.zeros((1, 256, 256, 3), np.int8), Fault.INPUT_DTYPE),
    (np.zeros((1, 256, 256, 3), np.bool_), Fault.INPUT_DTYPE),
    (np.zeros((1, 256, 256, 3), ">u2"), Fault.INPUT_DTYPE),
    (np.zeros((1, 256, 256, 3), object), Fault.INPUT_DTYPE),
    (np.zeros((1, 256, 256, 3), np.uint8).tolist(), Fault.INPUT_DTYPE),
    (b"\0" * 256 * 256 * 3, Fault.INPUT_DTYPE),
    (None, Fault.INPUT_DTYPE),
    (np.zeros((0, 256, 256, 3), np.uint8), Fault.INPUT_SHAPE),
    (np.zeros((17, 256, 256, 3), np.uint8), Fault.INPUT_SHAPE),
    (np.zeros((256, 256, 3), np.uint8), Fault.INPUT_SHAPE),
    (np.zeros((1, 3, 256, 256), np.uint8), Fault.INPUT_SHAPE),
    (np.zeros((1, 256, 256, 4), np.uint8), Fault.INPUT_SHAPE),
    (np.zeros((1, 288, 256, 3), np.uint8), Fault.INPUT_SHAPE),
    (np.zeros((1, 256, 256, 3, 1), np.uint8), Fault.INPUT_SHAPE),
    (np.zeros((), np.uint8), Fault.INPUT_SHAPE),
]


@pytest.mark.parametrize(("tiles", "fault"), REFUSED)
def test_wrong_input_is_refused_with_its_reason(session: Session, tiles: Any, fault: Fault) -> None:
    with pytest.raises(InputRefused) as caught:
        session.run(tiles)
    assert caught.value.fault is fault
    assert caught.value.reason is Reason.FORMAT
    assert len(str(caught.value)) < 120


def test_foreign_byte_order_is_refused_where_it_would_be_misread(manifest: Manifest) -> None:
    spec = msgspec.structs.replace(manifest.input, dtype="uint16")
    native = np.ones((1, 256, 256, 3), np.uint16)
    assert accept_tiles(native, spec) is native
    with pytest.raises(InputRefused) as caught:
        accept_tiles(native.astype(native.dtype.newbyteorder()), spec)
    assert caught.value.fault is Fault.INPUT_DTYPE


@pytest.mark.parametrize(
    "mask",
    [
        np.full((1, 256, 256), 2, np.uint8),
        np.full((1, 256, 256), 255, np.uint8),
        np.zeros((1, 256, 255), np.uint8),
        np.zeros((2, 256, 256), np.uint8),
        np.zeros((1, 256, 256), np.int64),
        None,
    ],
)
def test_a_mask_that_is_no_mask_is_a_fault(manifest: Manifest, mask: Any) -> None:
    tiles = np.zeros((1, 256, 256, 3), np.uint8)
    with pytest.raises(InferenceError) as caught:
        accept_mask(mask, tiles, manifest.output)
    assert caught.value.fault is Fault.OUTPUT_RANGE


def test_one_stray_pixel_is_found_anywhere(manifest: Manifest) -> None:
    tiles = np.zeros((1, 256, 256, 3), np.uint8)
    for at in (0, 12345, 256 * 256 - 1):
        mask = np.zeros((1, 256, 256), np.uint8)
        mask.reshape(-1)[at] = 2
        with pytest.raises(InferenceError, match="holds 2, the model has 2 classes"):
            accept_mask(mask, tiles, manifest.output)


class _Raises:
    def run(self, *_: Any) -> Any:
        raise RuntimeError("kernel\nfailed")


def test_a_failing_run_is_one_typed_line(manifest: Manifest, tile: NDArray[np.uint8]) -> None:
    takes: InputSpec = manifest.input
    gives: OutputSpec = manifest.output
    with pytest.raises(InferenceError, match="RUN_FAILED: kernel failed") as caught:
        Session(_Raises(), takes, gives).run(tile)
    assert caught.value.reason is Reason.INTERNAL


def test_graphs_that_do_not_load_are_rejected(installed: Installed, pool: WeightPool) -> None:
    graph = installed.compiled.graph
    for bad in (b"", graph[:-9], graph[len(graph) // 2 :]):
        with pytest.raises(InferenceError) as caught:
            open_on_pool(msgspec.structs.replace(installed.compiled, graph=bad), pool)
        assert caught.value.fault is Fault.MODEL_REJECTED


def test_sessions_repeat_to_the_bit(
    session: Session, installed: Installed, tile: NDArray[np.uint8]
) -> None:
    other = open_on_pool(installed.compiled, WeightPool("twin", installed.compiled.pool))
    masks = {hashlib.sha256(s.run(tile).tobytes()).digest() for s in (session, other) * 3}
    assert len(masks) == 1


def test_onnxruntime_keeps_no_files_of_its_own(tmp_path: Path) -> None:
    """Imported as it stands it maps a telemetry database below the home directory."""

    def maps(module: str) -> str:
        code = f"import {module}; print(open('/proc/self/maps').read())"
        home = os.environ | {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
        command = [sys.executable, "-c", code]
        return subprocess.run(command, env=home, capture_output=True, text=True, check=True).stdout

    assert str(tmp_path) not in maps("flight.inference.session")
    assert not list(tmp_path.iterdir())
