"""The network: a U-Net of plain 3x3 convolutions with a full-resolution skip.

The skip matters because clouds in decimated scenes are often one pixel wide.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

WIDTH = 16


class Block(nn.Module):
    """Convolution, batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.c = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.b = nn.BatchNorm2d(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[N, inputs, H, W] to [N, outputs, H / stride, W / stride]."""
        return functional.relu(self.b(self.c(x)))


def double(x: torch.Tensor) -> torch.Tensor:
    """Repeat each pixel twice in both directions."""
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")


class Net(nn.Module):
    """Float picture holding 0..255, [N, 3, H, W], H and W multiples of 16, to two logits."""

    def __init__(self) -> None:
        super().__init__()
        w = WIDTH
        self.s0 = Block(3, 8)
        self.e0 = Block(8, w, 2)
        self.e1 = Block(w, 2 * w, 2)
        self.e2 = Block(2 * w, 4 * w, 2)
        self.e3 = Block(4 * w, 4 * w, 2)
        self.m = Block(4 * w, 4 * w)
        self.d2 = Block(8 * w, 4 * w)
        self.d1 = Block(6 * w, 2 * w)
        self.d0 = Block(3 * w, w)
        self.f = Block(w + 8, 8)
        self.o = nn.Conv2d(8, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits of clear and cloud, [N, 2, H, W]."""
        s = self.s0(x / 255.0)
        a = self.e0(s)
        b = self.e1(a)
        c = self.e2(b)
        d = self.m(self.e3(c))
        c = self.d2(torch.cat([double(d), c], 1))
        b = self.d1(torch.cat([double(c), b], 1))
        a = self.d0(torch.cat([double(b), a], 1))
        return self.o(self.f(torch.cat([double(a), s], 1)))
