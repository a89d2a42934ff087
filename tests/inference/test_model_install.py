"""Installation: structure, compiled form, and the flip test that proves aliasing."""

from __future__ import annotations

import contextlib
import random
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from toy_models import MIXER, SHIFT, WEIGHTS, described, model

from flight.inference.compile import compile_model
from flight.inference.compiled import (
    ALIGNMENT,
    Compiled,
    TensorSpec,
    compile_key,
    decode_compiled,
    encode_compiled,
)
from flight.inference.errors import Fault, InferenceError
from flight.inference.install import Installed, flip_test, install
from flight.inference.manifest import Manifest
from flight.inference.pool import WeightPool
from flight.inference.session import Session, open_on_pool, open_stock

FLIPS = 300


def test_every_weight_tensor_of_the_shipped_model_is_seen(installed: Installed) -> None:
    assert len(installed.flips.seen) == len(installed.compiled.tensors) == 22
    assert installed.flips.unseen == ()
    assert installed.flips.restored


def test_all_weights_are_in_the_pool_and_none_in_the_graph(
    shipped: tuple[Manifest, bytes], installed: Installed
) -> None:
    graph = onnx.load_model_from_string(installed.compiled.graph).graph
    left = [i.name for i in graph.initializer if numpy_helper.to_array(i).any()]
    assert tuple(left) == installed.compiled.constants
    stored = onnx.load_model_from_string(shipped[1]).graph.initializer
    values = sum(numpy_helper.to_array(i).size for i in stored if i.name != "up_scales")
    assert sum(t.size for t in installed.compiled.tensors) >= 4 * values
    assert all(t.offset % ALIGNMENT == 0 for t in installed.compiled.tensors)


def test_compilation_repeats_to_the_byte(
    shipped: tuple[Manifest, bytes], installed: Installed
) -> None:
    assert compile_model(*shipped, "test-processor") == installed.compiled


def test_the_key_tells_model_version_and_processor_apart() -> None:
    keys = {
        compile_key("a", "1.32.0", "avx2 sse4_2"),
        compile_key("b", "1.32.0", "avx2 sse4_2"),
        compile_key("a", "1.33.0", "avx2 sse4_2"),
        compile_key("a", "1.32.0", "avx512f avx2 sse4_2"),
    }
    assert len(keys) == 4
    assert compile_key("a", "1.32.0", "sse4_2  avx2\n") in keys, "order of flags does not matter"


def test_the_compiled_file_reads_back_and_every_bit_flip_is_refused(installed: Installed) -> None:
    data = encode_compiled(installed.compiled)
    assert decode_compiled(data) == installed.compiled
    rng, missed = random.Random(2), 0
    for position in [*range(64), *(rng.randrange(len(data)) for _ in range(FLIPS))]:
        damaged = bytearray(data)
        damaged[position] ^= 1 << rng.randrange(8)
        with contextlib.suppress(InferenceError):
            decode_compiled(bytes(damaged))
            missed += 1
    assert missed == 0, f"{missed} of {64 + FLIPS} flipped files passed"
    for length in (0, 7, 8, 39, 40, 41, len(data) // 2, len(data) - 1):
        with pytest.raises(InferenceError):
            decode_compiled(data[:length])


@pytest.mark.parametrize(
    "tensors",
    [
        (),
        (TensorSpec("w", "<f4", (16,), 32),),
        (TensorSpec("w", "<i4", (16,), 0),),
        (TensorSpec("w", "<f4", (17,), 64),),
        (TensorSpec("w", "<f4", (17,), 0), TensorSpec("v", "<f4", (16,), 64)),
        (TensorSpec("v", "<f4", (16,), 64), TensorSpec("w", "<f4", (1 << 20, 1 << 40), 0)),
    ],
)
def test_a_layout_outside_the_pool_is_refused(
    installed: Installed, tensors: tuple[TensorSpec, ...]
) -> None:
    odd = msgspec.structs.replace(installed.compiled, tensors=tensors, pool=bytes(128))
    with pytest.raises(InferenceError):
        decode_compiled(encode_compiled(odd))


def shifted() -> Any:
    """Adding the same number to all classes changes no mask: that weight cannot be seen."""
    return model([helper.make_node("Add", ["r", "k"], ["logits"])], {"k": SHIFT})


def test_a_weight_that_cannot_be_seen_fails_the_installation(
    manifest: Manifest, probe: NDArray[np.uint8]
) -> None:
    data = model().SerializeToString()
    assert install(described(manifest, data), data, probe, "").flips.restored
    data = shifted().SerializeToString()
    with pytest.raises(InferenceError, match=r"\['k'\] not seen") as caught:
        install(described(manifest, data), data, probe, "")
    assert caught.value.fault is Fault.SELFTEST_FAILED


def test_weights_that_onnxruntime_would_pack_for_itself_are_seen(
    manifest: Manifest, probe: NDArray[np.uint8]
) -> None:
    nodes = [
        helper.make_node("Transpose", ["r"], ["last"], perm=[0, 2, 3, 1]),
        helper.make_node("MatMul", ["last", "k"], ["m"]),
        helper.make_node("Transpose", ["m"], ["logits"], perm=[0, 3, 1, 2]),
    ]
    data = model(nodes, {"k": MIXER}).SerializeToString()
    report = install(described(manifest, data), data, probe, "").flips
    assert len(report.seen) == 2
    assert report.restored


def test_the_flip_test_sees_a_session_that_works_on_a_copy(
    shipped: tuple[Manifest, bytes], installed: Installed, probe: NDArray[np.uint8]
) -> None:
    manifest, data = shipped
    stock = open_stock(data, manifest.input, manifest.output)
    pool = WeightPool("detached", installed.compiled.pool)
    report = flip_test(stock, pool, installed.compiled, probe)
    assert report.seen == ()
    assert pool.octets.tobytes() == installed.compiled.pool


def test_the_flip_test_sees_weights_that_do_not_come_back(
    installed: Installed, probe: NDArray[np.uint8]
) -> None:
    compiled = installed.compiled
    pool = WeightPool("hit", compiled.pool)
    session = open_on_pool(compiled, pool)

    class Hit(Session):
        """An upset strikes at the last run, after all weights were put back."""

        def __init__(self) -> None:
            self.runs = 0

        def run(self, tiles: NDArray[np.uint8]) -> NDArray[np.uint8]:
            self.runs += 1
            if self.runs == len(compiled.tensors) + 2:
                pool.octets[0] ^= 1
            return session.run(tiles)

    assert not flip_test(Hit(), pool, compiled, probe).restored


def rejection(manifest: Manifest, proto: Any) -> str:
    data = proto.SerializeToString()
    with pytest.raises(InferenceError) as caught:
        compile_model(described(manifest, data), data, "")
    assert caught.value.fault is Fault.MODEL_REJECTED
    assert "\n" not in str(caught.value)
    return caught.value.detail


def test_what_this_node_does_not_run_is_rejected_by_name(manifest: Manifest) -> None:
    proto = model([helper.make_node("Erf", ["r"], ["logits"])])
    assert "operators ['Erf']" in rejection(manifest, proto)
    proto = model([helper.make_node("Mish", ["r"], ["logits"], domain="com.example")])
    assert "com.example" in rejection(manifest, proto)
    proto = model()
    proto.graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL
    entry = proto.graph.initializer[0].external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"
    assert "external data of ['w']" in rejection(manifest, proto)
    proto = model()
    proto.functions.append(helper.make_function("d", "F", [], [], [], []))
    assert "functions" in rejection(manifest, proto)
    tensor = numpy_helper.from_array(SHIFT, "v")
    proto = model([helper.make_node("Add", ["r", "k"], ["logits"], value=tensor)], {"k": SHIFT})
    assert "tensors or graphs in attributes" in rejection(manifest, proto)


def test_inputs_and_outputs_must_be_those_of_the_manifest(manifest: Manifest) -> None:
    proto = model()
    proto.graph.input[0].name = "image"
    assert "manifest says rgb" in rejection(manifest, proto)
    proto = model()
    proto.graph.output.append(proto.graph.output[0])
    assert "manifest says mask" in rejection(manifest, proto)
    proto = model()
    proto.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    assert "uint8" in rejection(manifest, proto)


def test_weights_that_cannot_be_guarded_in_place_are_rejected(manifest: Manifest) -> None:
    nodes = [
        helper.make_node("Cast", ["r"], ["i"], to=onnx.TensorProto.INT32),
        helper.make_node("Add", ["i", "k"], ["logits"]),
    ]
    proto = model(nodes, {"k": np.array([[[[1]], [[2]]]], np.int32)})
    assert "only float can be guarded" in rejection(manifest, proto)
    proto = model()
    proto.graph.initializer[0].CopyFrom(numpy_helper.from_array(WEIGHTS[..., :1], "w"))
    proto.graph.node[2].attribute[0].ints[:] = [1, 0, 1, 0]
    data = proto.SerializeToString()
    assert len(compile_model(described(manifest, data), data, "").tensors) == 1


def test_bytes_that_are_no_model_are_rejected(manifest: Manifest) -> None:
    for data in (b"\xff" * 100, b"\x0a\xff", model().SerializeToString()[:-40]):
        with pytest.raises(InferenceError) as caught:
            compile_model(described(manifest, data), data, "")
        assert caught.value.fault is Fault.MODEL_REJECTED


def test_the_manifest_is_checked_before_anything_is_compiled(
    shipped: tuple[Manifest, bytes], probe: NDArray[np.uint8]
) -> None:
    manifest, data = shipped
    with pytest.raises(InferenceError) as caught:
        install(manifest, data[:-1] + b"\0", probe, "")
    assert caught.value.fault is Fault.MODEL_CORRUPT


def test_the_compiled_form_is_one_plain_value(installed: Installed) -> None:
    assert isinstance(installed.compiled, Compiled)
    assert installed.compiled.model == "cloudnet-rgb"
