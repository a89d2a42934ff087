"""onnxruntime sessions: the only module that imports it.

Weights stay in our memory only if nothing copies them: the graph was optimised beforehand, so
optimisation is off here, and so is pre-packing; then ``add_initializer`` aliases our buffer.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flight.inference.compiled import Compiled
from flight.inference.errors import Fault, InferenceError
from flight.inference.manifest import InputSpec, OutputSpec
from flight.inference.pool import WeightPool
from flight.inference.tensors import accept_mask, accept_tiles

# Else it opens a database below the home directory while it is imported, and shares its memory.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime as ort

_LEVEL = ort.GraphOptimizationLevel
_PROVIDERS = ["CPUExecutionProvider"]
_ERRORS_ONLY = 3


def version() -> str:
    """Return the version of onnxruntime."""
    return str(ort.__version__)


def _options(level: Any) -> Any:
    """One thread that sleeps when idle, no arena that keeps its peak, errors only in the log."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = level
    options.enable_cpu_mem_arena = False
    options.log_severity_level = _ERRORS_ONLY
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _create(graph: bytes, options: Any) -> Any:
    try:
        session = ort.InferenceSession(graph, options, providers=_PROVIDERS, enable_fallback=0)
    except Exception as error:  # onnxruntime's errors share no base class
        raise InferenceError(Fault.MODEL_REJECTED, str(error)) from error
    if session.get_providers() != _PROVIDERS:
        raise InferenceError(Fault.MODEL_REJECTED, f"runs on {session.get_providers()}")
    return session


def optimise(model: bytes) -> bytes:
    """Return the graph as onnxruntime would run it on this processor. Raises InferenceError."""
    descriptor = os.memfd_create("optimised", os.MFD_CLOEXEC)
    try:
        options = _options(_LEVEL.ORT_ENABLE_ALL)
        options.optimized_model_filepath = f"/proc/self/fd/{descriptor}"
        _create(model, options)
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    finally:
        os.close(descriptor)


class Session:
    """An open model. ``run`` checks input and output, not the weights: see ``guard``."""

    def __init__(
        self, native: Any, takes: InputSpec, gives: OutputSpec, keep: tuple[Any, ...] = ()
    ) -> None:
        self._native = native
        self._takes = takes
        self._gives = gives
        self._keep = keep  # what onnxruntime points into must live as long as the session

    def run(self, tiles: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the class mask uint8 [N,H,W] of tiles uint8 [N,H,W,bands].

        Raises InputRefused, or InferenceError with OUTPUT_RANGE or RUN_FAILED.
        """
        tiles = accept_tiles(tiles, self._takes)
        try:
            (mask,) = self._native.run([self._gives.name], {self._takes.name: tiles})
        except Exception as error:  # onnxruntime's errors share no base class
            raise InferenceError(Fault.RUN_FAILED, str(error)) from error
        return accept_mask(mask, tiles, self._gives)


def open_stock(model: bytes, takes: InputSpec, gives: OutputSpec) -> Session:
    """Open a model file as onnxruntime does by itself, the reference for our sessions."""
    return Session(_create(model, _options(_LEVEL.ORT_ENABLE_ALL)), takes, gives)


def open_on_pool(compiled: Compiled, pool: WeightPool) -> Session:
    """Open a compiled model that computes on the weights in ``pool``. Raises InferenceError."""
    options = _options(_LEVEL.ORT_DISABLE_ALL)
    options.add_session_config_entry("session.disable_prepacking", "1")
    keep: list[Any] = [options, pool]
    for spec in compiled.tensors:
        weights = pool.view(spec)
        value = ort.OrtValue.ortvalue_from_numpy(weights)
        if value.data_ptr() != weights.ctypes.data:
            raise InferenceError(Fault.MODEL_REJECTED, f"{spec.name} was copied, not aliased")
        options.add_initializer(spec.name, value)
        keep += [weights, value]
    native = _create(compiled.graph, options)
    return Session(native, compiled.input, compiled.output, tuple(keep))
