"""int8 form of a trained model: static QDQ, u8 activations, s8 weights per channel.

``python -m ground.training.quantize --data DIR --model FILE --out FILE``

Calibrated on augmented crops of the training scenes, never on the demonstration scene. The range
is reduced to 7 bits: without VNNI the 8-bit products of AVX2 saturate.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)

from ground.training.augment import sample
from ground.training.scenes import Scene, load_scenes

CROPS, SEED = 48, 1


class CropReader(CalibrationDataReader):
    """Feeds augmented crops to the calibration."""

    def __init__(self, scenes: Iterable[Scene]) -> None:
        rng, used = np.random.default_rng(SEED), list(scenes)
        self._crops = (sample(rng, used)[0].transpose(1, 2, 0) for _ in range(CROPS))

    def get_next(self) -> dict[str, Any] | None:
        """Return the next feed, or None at the end."""
        crop = next(self._crops, None)
        return None if crop is None else {"rgb": np.ascontiguousarray(crop)[None]}


def quantize(model: Path, out: Path, scenes: Iterable[Scene]) -> None:
    """Write the int8 form of ``model`` to ``out``."""
    quantize_static(
        model,
        out,
        CropReader(scenes),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=True,
        nodes_to_exclude=["argmax"],
    )


def main(argv: Sequence[str]) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m ground.training.quantize")
    for name in ("data", "model", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    given = parser.parse_args(argv)
    quantize(given.model, given.out, load_scenes(given.data).values())
    print(given.out, given.out.stat().st_size)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
