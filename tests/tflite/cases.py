"""A small TFLite model for each operator and form of it, with inputs; what LiteRT answers is recorded beside."""

from __future__ import annotations

from tests.tflite import (  # noqa: F401  # they register theirs
    block_cases,
    control_cases,
    element_cases,
    layer_cases,
    made_cases,
    product_cases,
    state_cases,
)
from tests.tflite.builder import Array
from tests.tflite.registry import CASES, RELU6, SAMPLES, TANH, Case, numbers

__all__ = ["RELU6", "SAMPLES", "TANH", "Array", "Case", "case", "model_inputs", "names", "numbers"]


def names() -> list[str]:
    """Of all cases."""
    return list(CASES)


def case(name: str) -> Case:
    """A case, built."""
    return CASES[name]()


# Models that the project may not carry, with the shape and size of what they are asked.
_MODELS: dict[str, tuple[tuple[int, ...], float]] = {
    "mlperf_tiny/ad01_fp32.tflite": ((1, 640), 8.0),
    "mlperf_tiny/kws_ref_model_float32.tflite": ((1, 49, 10, 1), 20.0),
    "mlperf_tiny/pretrainedResnet.tflite": ((1, 32, 32, 3), 128.0),
    "mlperf_tiny/vww_96_float.tflite": ((1, 96, 96, 3), 1.0),
}


def model_inputs() -> dict[str, Array]:
    """Inputs of the models of the folder shared/models, by the file's name there."""
    return {name: numbers(SAMPLES, *shape, scale=scale) for name, (shape, scale) in _MODELS.items()}
