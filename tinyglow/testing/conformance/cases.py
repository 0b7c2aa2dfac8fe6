"""The tests that the onnx package has: models of mostly one node, with inputs and expected outputs."""

from __future__ import annotations

import random
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from tinyglow.ir.graph import Array

NODE = "node"
# Folders of the package with models that exporters made.
MODELS = ("pytorch-operator", "pytorch-converted", "simple")
_RTOL, _ATOL = 1e-3, 1e-7  # as onnx's own runner has them (onnx/backend/test/loader)


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
        collection: Which of onnx's collections it belongs to.
    """

    name: str
    model: onnx.ModelProto
    inputs: Sequence[Sequence[Array | None]]
    outputs: Sequence[Sequence[Array | None]]
    rtol: float
    atol: float
    collection: str = NODE

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


def collect_models() -> list[NodeTest]:
    """The tests that the package has as files, by collection and name; none where a package comes without them."""
    root = Path(onnx.__file__).parent / "backend" / "test" / "data"
    folders = [path for collection in MODELS for path in sorted((root / collection).glob("test_*"))]
    return [_read(path) for path in folders]


def _read(folder: Path) -> NodeTest:
    model = onnx.ModelProto()
    model.ParseFromString((folder / "model.onnx").read_bytes())
    sets = sorted(folder.glob("test_data_set_*"))
    inputs = [_arrays(path, "input", model.graph.input) for path in sets]
    outputs = [_arrays(path, "output", model.graph.output) for path in sets]
    collection = folder.parent.name
    return NodeTest(f"{collection}/{folder.name}", model, inputs, outputs, _RTOL, _ATOL, collection)


def _arrays(folder: Path, kind: str, infos: Sequence[onnx.ValueInfoProto]) -> list[Array | None]:
    """The arrays of one data set; None for what is no tensor of numbers, but a sequence or text."""
    arrays = []
    for index, info in enumerate(infos):
        path, element = folder / f"{kind}_{index}.pb", info.type.tensor_type.elem_type
        known = element not in (onnx.TensorProto.UNDEFINED, onnx.TensorProto.STRING) and path.exists()
        arrays.append(_array(onnx.TensorProto.FromString(path.read_bytes())) if known else None)
    return arrays


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
