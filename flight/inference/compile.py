"""Compilation on the node: an ONNX file to a graph without weights and one pool. Needs ``onnx``.

The file is optimised for this processor first; then each weight moves into the pool, and zeros
take its place in the graph, so that a session that misses a weight cannot give the right answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import numpy_helper

from flight.inference import session
from flight.inference.compiled import ALIGNMENT, Compiled, TensorSpec, compile_key
from flight.inference.errors import Fault, InferenceError
from flight.inference.manifest import Manifest

ALLOWED_OPS = frozenset(
    {
        "Add",
        "ArgMax",
        "AveragePool",
        "BatchNormalization",
        "Cast",
        "Clip",
        "Concat",
        "Conv",
        "ConvTranspose",
        "Div",
        "Gemm",
        "GlobalAveragePool",
        "LeakyRelu",
        "MatMul",
        "MaxPool",
        "Mul",
        "Pad",
        "Relu",
        "Reshape",
        "Resize",
        "Sigmoid",
        "Slice",
        "Softmax",
        "Squeeze",
        "Sub",
        "Transpose",
        "Unsqueeze",
    }
)
# Kernels that read these inputs at each run. Others, such as the scales of Resize, are read once
# at load: a repair in the pool would not reach them.
_WEIGHT_OPS = frozenset(
    {
        "Add",
        "BatchNormalization",
        "Conv",
        "ConvTranspose",
        "Div",
        "FusedConv",
        "FusedGemm",
        "FusedMatMul",
        "Gemm",
        "MatMul",
        "Mul",
        "Sub",
    }
)


def compile_model(manifest: Manifest, data: bytes, cpu_flags: str) -> Compiled:
    """Compile verified bytes. Raises InferenceError(MODEL_REJECTED).

    ``cpu_flags`` names the processor's instruction sets; it goes into the key only.
    """
    check_structure(manifest, _parse(data))
    optimised = _parse(session.optimise(data))
    _canonical(optimised)
    weights = list(_weights(optimised))
    if not weights:
        raise InferenceError(Fault.MODEL_REJECTED, "no weights that could be guarded")
    tensors, pool = _lay_out(weights)
    moved = {spec.name for spec in tensors}
    for tensor, values in weights:
        tensor.CopyFrom(numpy_helper.from_array(np.zeros_like(values), tensor.name))
    return Compiled(
        model=manifest.name,
        key=compile_key(manifest.sha256, session.version(), cpu_flags),
        input=manifest.input,
        output=manifest.output,
        graph=optimised.SerializeToString(deterministic=True),
        tensors=tensors,
        constants=tuple(i.name for i in optimised.graph.initializer if i.name not in moved),
        pool=pool,
    )


def check_structure(manifest: Manifest, model: Any) -> None:
    """Refuse what this node does not run, before onnxruntime sees it. Raises InferenceError."""
    graph = model.graph
    domains = {opset.domain for opset in model.opset_import} | {n.domain for n in graph.node}
    external = [t.name for t in graph.initializer if t.data_location == onnx.TensorProto.EXTERNAL]
    foreign = {node.op_type for node in graph.node} - ALLOWED_OPS
    attributes = [a for node in graph.node for a in node.attribute]
    refusals = {
        f"operator domains {sorted(domains)}": not domains <= {"", "ai.onnx"},
        f"operators {sorted(foreign)}": bool(foreign),
        f"external data of {external}": bool(external),
        "functions": bool(model.functions),
        "sparse tensors": bool(graph.sparse_initializer),
        "tensors or graphs in attributes": any(
            a.HasField("t") or a.HasField("g") for a in attributes
        ),
    }
    for what, refused in refusals.items():
        if refused:
            raise InferenceError(Fault.MODEL_REJECTED, f"{manifest.file}: {what}")
    _check_port("input", manifest.input.name, 4, graph.input)
    _check_port("output", manifest.output.name, 3, graph.output)


def _check_port(side: str, name: str, rank: int, ports: Any) -> None:
    """Refuse a graph whose inputs or outputs are not the one that the manifest names."""
    found = [
        (p.name, p.type.tensor_type.elem_type, len(p.type.tensor_type.shape.dim)) for p in ports
    ]
    if found != [(name, onnx.TensorProto.UINT8, rank)]:
        detail = f"{side} {[p.name for p in ports]}, manifest says {name}, uint8, rank {rank}"
        raise InferenceError(Fault.MODEL_REJECTED, detail)


def _parse(data: bytes) -> Any:
    try:
        return onnx.load_model_from_string(data)
    except DecodeError as error:
        raise InferenceError(Fault.MODEL_REJECTED, f"not an ONNX file: {error}") from error


def _canonical(model: Any) -> None:
    """Undo the order of onnxruntime's hash tables, so that equal models give equal bytes."""
    for index, node in enumerate(model.graph.node):
        node.name = f"{index}/{node.op_type}"
        node.attribute.sort(key=lambda attribute: attribute.name)
    model.graph.initializer.sort(key=lambda tensor: tensor.name)
    model.graph.value_info.sort(key=lambda value: value.name)
    model.opset_import.sort(key=lambda opset: opset.domain)


def _weights(model: Any) -> Iterator[tuple[Any, NDArray[Any]]]:
    """Yield the initialisers that kernels read at each run, with their values."""
    readers: dict[str, set[str]] = defaultdict(set)
    for node in model.graph.node:
        for name in node.input:
            readers[name].add(node.op_type)
    for tensor in model.graph.initializer:
        if not tensor.dims or not readers[tensor.name] <= _WEIGHT_OPS:
            continue
        values = numpy_helper.to_array(tensor)
        if values.dtype.kind != "f":
            detail = f"weights {tensor.name} are {values.dtype}; only float can be guarded in place"
            raise InferenceError(Fault.MODEL_REJECTED, detail)
        yield tensor, values


def _lay_out(weights: list[tuple[Any, NDArray[Any]]]) -> tuple[tuple[TensorSpec, ...], bytes]:
    """Place the weights one after the other on 64-octet boundaries, little-endian."""
    specs, pool = [], bytearray()
    for tensor, values in weights:
        little = values.astype(values.dtype.newbyteorder("<"))
        specs.append(TensorSpec(tensor.name, little.dtype.str, values.shape, len(pool)))
        pool += little.tobytes()
        pool += bytes(-len(pool) % ALIGNMENT)
    return tuple(specs), bytes(pool)
