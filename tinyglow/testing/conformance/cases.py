"""The node tests that the onnx package has: models of mostly one node, with inputs and expected outputs."""

from __future__ import annotations

import random
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import numpy_helper

from tinyglow.ir.graph import Array


@dataclass(frozen=True)
class NodeTest:
    """One node test.

    Attributes:
        name: Its name.
        model: The model.
        inputs: For each data set, what each input of the model is, in their order; None is what no array can be.
        outputs: The same of the outputs.
        rtol: Tolerance, relative.
        atol: Tolerance, absolute.
    """

    name: str
    model: onnx.ModelProto
    inputs: Sequence[Sequence[Array | None]]
    outputs: Sequence[Sequence[Array | None]]
    rtol: float
    atol: float

    @property
    def operator(self) -> str:
        """The operator that it is a test of; of an expanded function that too."""
        nodes = self.model.graph.node
        return str(nodes[0].op_type) if len(nodes) == 1 else "(several)"


def _array(value: object) -> Array | None:
    if isinstance(value, onnx.TensorProto):
        value = numpy_helper.to_array(value)
    return np.asarray(value) if isinstance(value, np.ndarray | np.generic | int | float) else None


def collect() -> list[NodeTest]:
    """All node tests of the onnx package, in its order."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some tests are about what overflows
        found = collect_testcases(None)
        return [
            NodeTest(
                case.name,
                case.model or onnx.ModelProto(),
                [[_array(value) for value in inputs] for inputs, _ in case.data_sets or ()],
                [[_array(value) for value in outputs] for _, outputs in case.data_sets or ()],
                case.rtol,
                case.atol,
            )
            for case in found
        ]


def sample(tests: Sequence[NodeTest], count: int, seed: int) -> list[NodeTest]:
    """``count`` of the tests, the same for the same seed."""
    return random.Random(seed).sample(list(tests), min(count, len(tests)))


def bound(test: NodeTest, names: Mapping[str, Array]) -> onnx.ModelProto:
    """The test's model with some of its inputs as constants."""
    model = onnx.ModelProto()
    model.CopyFrom(test.model)
    kept = [info for info in model.graph.input if info.name not in names]
    model.graph.ClearField("input")
    model.graph.input.extend(kept)
    model.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in names.items())
    return model
