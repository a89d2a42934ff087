"""Export to ONNX by hand, so that the graph holds nothing but what runs on board.

The scale 1/255, the batch norms and the decision threshold are folded into the convolutions:
rgb uint8 [N, H, W, 3] in, mask uint8 [N, H, W] out; opset 13, IR 8, H and W multiples of 32.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from ground.training.network import Block, Net

# Cloud where p(cloud) exceeds this; 0.5 calls too much of the cloud rims cloud.
THRESHOLD = 0.6
OPSET, IR = 13, 8


def folded(block: Block) -> tuple[torch.Tensor, torch.Tensor]:
    """Return weight and bias of one convolution that does the block's batch norm too, float64."""
    norm = block.b
    scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    weight = block.c.weight.double() * scale[:, None, None, None]
    return weight, norm.bias.double() - norm.running_mean.double() * scale


class GraphWriter:
    """Collects nodes and initialisers in the order in which they run."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def constant(self, name: str, values: NDArray[Any]) -> str:
        """Add an initialiser; return its name."""
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, kind: str, inputs: list[str], output: str, name: str, **attributes: Any) -> str:
        """Add a node with one output; return the output's name."""
        self.nodes.append(helper.make_node(kind, inputs, [output], name, **attributes))
        return output

    def convolution(
        self, name: str, source: str, weight: torch.Tensor, bias: torch.Tensor, stride: int
    ) -> str:
        """Add a convolution with padding that keeps the size; return its output."""
        size = weight.shape[-1]
        values = [t.detach().numpy().astype(np.float32) for t in (weight, bias)]
        inputs = [source, self.constant(f"{name}.w", values[0])]
        inputs.append(self.constant(f"{name}.b", values[1]))
        shape = {"kernel_shape": [size, size], "pads": [size // 2] * 4, "strides": [stride] * 2}
        return self.node("Conv", inputs, f"{name}.c", f"{name}/conv", **shape)

    def block(self, net: Net, name: str, source: str) -> str:
        """Add a folded block of the net and its ReLU; return its output."""
        block: Block = getattr(net, name)
        weight, bias = folded(block)
        if name == "s0":
            weight = weight / 255.0
        out = self.convolution(name, source, weight, bias, block.c.stride[0])
        return self.node("Relu", [out], f"{name}.r", f"{name}/relu")

    def joined(self, name: str, low: str, skip: str) -> str:
        """Add doubling of ``low`` and its concatenation with ``skip``; return the output."""
        up = self.node(
            "Resize",
            [low, "", "up_scales"],
            f"{name}.u",
            f"{name}/up",
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )
        return self.node("Concat", [up, skip], f"{name}.k", f"{name}/concat", axis=1)


def write_graph(net: Net) -> GraphWriter:
    """Return all nodes of the net in evaluation mode, from ``rgb`` to ``mask``."""
    g = GraphWriter()
    g.constant("up_scales", np.array([1, 1, 2, 2], np.float32))
    g.node("Transpose", ["rgb"], "nchw", "nchw", perm=[0, 3, 1, 2])
    g.node("Cast", ["nchw"], "x", "cast_in", to=TensorProto.FLOAT)
    s = g.block(net, "s0", "x")
    a = g.block(net, "e0", s)
    b = g.block(net, "e1", a)
    c = g.block(net, "e2", b)
    d = g.block(net, "m", g.block(net, "e3", c))
    c = g.block(net, "d2", g.joined("d2", d, c))
    b = g.block(net, "d1", g.joined("d1", c, b))
    a = g.block(net, "d0", g.joined("d0", b, a))
    f = g.block(net, "f", g.joined("f", a, s))
    bias = net.o.bias.double() - torch.tensor([0.0, np.log(THRESHOLD / (1 - THRESHOLD))])
    logits = g.convolution("o", f, net.o.weight.double(), bias, 1)
    g.node("ArgMax", [logits], "arg", "argmax", axis=1, keepdims=0)
    g.node("Cast", ["arg"], "mask", "cast_out", to=TensorProto.UINT8)
    return g


def export(net: Net) -> bytes:
    """Return the net as the bytes of an ONNX file; the same net gives the same bytes."""
    written = write_graph(net)
    graph = helper.make_graph(
        written.nodes,
        "cloudnet_rgb",
        [helper.make_tensor_value_info("rgb", TensorProto.UINT8, ["N", "H", "W", 3])],
        [helper.make_tensor_value_info("mask", TensorProto.UINT8, ["N", "H", "W"])],
        written.initializers,
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        producer_name="cloudnet-train",
        ir_version=IR,
    )
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def sha256(data: bytes) -> str:
    """Return the SHA-256 of a file's bytes, hexadecimal."""
    return hashlib.sha256(data).hexdigest()
