"""Runs a data set of CMSIS-NN's through our kernels, in numpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import tinyglow
from tests.cmsis_nn.calls import Call, Calls, NotTakenError
from tests.cmsis_nn.models import Model
from tests.cmsis_nn.reader import Array, DataSet
from tinyglow.numerics.names import TFLM


def difference(data: DataSet, call: Call, folder: Path) -> tuple[str, Calls | None]:
    """What of a data set's reference our kernels do not give, or why they do not take it; "" if all are equal.

    Args:
        data: The set.
        call: Makes calls or a model of it.
        folder: For files of models.

    Returns:
        The difference, and the calls, which C may repeat.
    """
    reference = data.array("output_ref", "output")
    try:
        made = call(data)
    except NotTakenError as error:
        return str(error), None
    outputs = [("model", outputs_of(made, folder))] if isinstance(made, Model) else list(made.outputs())
    wrong = [symbol for symbol, out in outputs if not np.array_equal(out.ravel(), reference[: out.size])]
    return (f"other integers by {', '.join(wrong)}" if wrong else ""), None if isinstance(made, Model) else made


def outputs_of(model: Model, folder: Path) -> Array:
    """The result of a model with the numerics of TensorFlow Lite Micro."""
    path = folder / "net.tflite"
    path.write_bytes(model.data)
    program = tinyglow.lower(tinyglow.quantize(tinyglow.load(path, "net"), numerics=TFLM))
    inputs = {name: data[np.newaxis] for name, data in zip(program.inputs, model.inputs, strict=True)}
    (out,) = tinyglow.interpret(program, inputs).values()
    return out
