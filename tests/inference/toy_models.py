"""Small models with one property each, for the checks that the shipped model passes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from flight.inference.manifest import Manifest

_RNG = np.random.default_rng(3)
WEIGHTS = _RNG.standard_normal((2, 3, 3, 3)).astype(np.float32)
MIXER = np.array([[1.0, -0.5], [-0.25, 1.0]], np.float32)
SHIFT = np.full((1, 1, 1, 1), 0.5, np.float32)


def model(nodes: Sequence[Any] = (), constants: dict[str, Any] | None = None) -> Any:
    """rgb to mask by one convolution; ``nodes`` lead from ``r`` (its ReLU) to ``logits``."""
    head = [
        helper.make_node("Transpose", ["rgb"], ["t"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["t"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"]),
    ]
    tail = [
        helper.make_node("ArgMax", ["logits" if nodes else "r"], ["a"], axis=1, keepdims=0),
        helper.make_node("Cast", ["a"], ["mask"], to=TensorProto.UINT8),
    ]
    tensors = {"w": WEIGHTS, **(constants or {})}
    graph = helper.make_graph(
        [*head, *nodes, *tail],
        "toy",
        [helper.make_tensor_value_info("rgb", TensorProto.UINT8, ["N", "H", "W", 3])],
        [helper.make_tensor_value_info("mask", TensorProto.UINT8, ["N", "H", "W"])],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in tensors.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def described(manifest: Manifest, data: bytes) -> Manifest:
    """Return the manifest with the size and SHA-256 of other bytes."""
    sha = hashlib.sha256(data).hexdigest()
    return msgspec.structs.replace(manifest, size=len(data), sha256=sha)
