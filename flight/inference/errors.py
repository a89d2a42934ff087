"""Why a model or a run was refused or failed, as one typed error."""

from __future__ import annotations

from enum import IntEnum, unique

from flight.dictionary.enums import Reason


@unique
class Fault(IntEnum):
    """What went wrong. Values are never reused."""

    MANIFEST_INVALID = 1
    MODEL_CORRUPT = 2
    MODEL_REJECTED = 3
    COMPILED_CORRUPT = 4
    SELFTEST_FAILED = 5
    INPUT_DTYPE = 6
    INPUT_SHAPE = 7
    OUTPUT_RANGE = 8
    RUN_FAILED = 9
    MODEL_DAMAGED = 10
    GOLDEN_DAMAGED = 11


_REASONS = {
    Fault.MANIFEST_INVALID: Reason.FORMAT,
    Fault.MODEL_CORRUPT: Reason.CORRUPT,
    Fault.MODEL_REJECTED: Reason.FORMAT,
    Fault.COMPILED_CORRUPT: Reason.CORRUPT,
    Fault.SELFTEST_FAILED: Reason.INTERNAL,
    Fault.INPUT_DTYPE: Reason.FORMAT,
    Fault.INPUT_SHAPE: Reason.FORMAT,
    Fault.OUTPUT_RANGE: Reason.INTERNAL,
    Fault.RUN_FAILED: Reason.INTERNAL,
    Fault.MODEL_DAMAGED: Reason.CORRUPT,
    Fault.GOLDEN_DAMAGED: Reason.CORRUPT,
}


class InferenceError(Exception):
    """Base and general form: a fault code and one line of detail."""

    def __init__(self, fault: Fault, detail: str) -> None:
        super().__init__(detail)
        self.fault = fault
        self.detail = " ".join(detail.split())

    def __str__(self) -> str:
        return f"{self.fault.name}: {self.detail}"

    @property
    def reason(self) -> Reason:
        """The dictionary's reason for a refused or failed command."""
        return _REASONS[self.fault]


class InputRefused(InferenceError):
    """The caller's array is not what the model takes; running again cannot help."""


class ModelDamaged(InferenceError):
    """The weights could not be brought back to what was verified at installation."""

    def __init__(self, detail: str) -> None:
        super().__init__(Fault.MODEL_DAMAGED, detail)


class GoldenDamaged(InferenceError):
    """The copy that repairs come from is not there or does not verify; it was not used."""

    def __init__(self, detail: str) -> None:
        super().__init__(Fault.GOLDEN_DAMAGED, detail)
