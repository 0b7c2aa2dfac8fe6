"""What a model file says of itself, whether or not it can be imported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import onnx

from tinyglow.frontend.foreign_formats import refuse_foreign
from tinyglow.frontend.onnx_general import is_made_of_others
from tinyglow.frontend.onnx_model import onnx_model
from tinyglow.frontend.onnx_node import DOMAINS, FRONTEND_FORMS
from tinyglow.frontend.onnx_qoperator import FORMS
from tinyglow.frontend.onnx_tensors import type_name
from tinyglow.frontend.tflite_dilated import fold_dilated
from tinyglow.frontend.tflite_file import is_tflite, read_tflite
from tinyglow.registry import ONNX_OPS, TFLITE_OPS


@dataclass(frozen=True)
class Tensor:
    """An input or output: dims are sizes, names of open dimensions, or "?" for those without a name."""

    name: str
    type: str
    dims: tuple[int | str, ...]


@dataclass(frozen=True)
class Summary:
    """What a model file holds, whether or not it can be imported.

    Attributes:
        kind: Of the file.
        inputs: Of the network.
        outputs: Of the network.
        operators: How many nodes of each type there are.
        unsupported: The types that are not read.
    """

    kind: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    operators: Mapping[str, int]
    unsupported: frozenset[str]


def summarize(path: str | Path, weights: str | Path = "") -> Summary:
    """The summary of a model file; ``weights``: the second file of a network that has two.

    Raises ModelError if it cannot be read; ToolError.
    """
    refuse_foreign(path)
    return _of_tflite(path) if is_tflite(path) else _of_onnx(path, weights)


def _counted(types: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(types).items(), key=lambda item: (-item[1], item[0])))


def _lacking(types: Iterable[str], is_known: Callable[[str], bool]) -> frozenset[str]:
    return frozenset(name for name in types if not is_known(name))


def _of_onnx(path: str | Path, weights: str | Path) -> Summary:
    model = onnx_model(path, weights).model
    graph = model.graph
    constants = {tensor.name for tensor in graph.initializer}
    opset = max((item.version for item in model.opset_import if item.domain in DOMAINS), default=0)
    types = [node.op_type if node.domain in DOMAINS else f"{node.domain}.{node.op_type}" for node in graph.node]
    operators = _counted(types)
    known = {*FRONTEND_FORMS, *(f"{form.domain}.{name}".lstrip(".") for name, form in FORMS.items())}
    own = {(function.domain, function.name) for function in model.functions}
    known |= {name for name, node in zip(types, graph.node, strict=True) if is_made_of_others(node, opset, own)}
    producer = " ".join(filter(None, [model.producer_name, model.producer_version]))
    return Summary(
        f"ONNX, operator set {opset}" + (f", by {producer}" if producer.isprintable() and producer else ""),
        tuple(_tensor(info) for info in graph.input if info.name not in constants),
        tuple(_tensor(info) for info in graph.output),
        operators,
        _lacking(operators, lambda name: name in ONNX_OPS or name in known),
    )


def _tensor(info: onnx.ValueInfoProto) -> Tensor:
    tensor = info.type.tensor_type
    dims = tuple(dim.dim_param or (dim.dim_value if dim.dim_value > 0 else "?") for dim in tensor.shape.dim)
    return Tensor(info.name, type_name(tensor.elem_type).lower(), dims)


def _of_tflite(path: str | Path) -> Summary:
    model = read_tflite(path)
    operators = _counted(operator.op_type for operator in model.operators)
    left = {operator.op_type for operator in fold_dilated(model).operators}
    ends = [
        tuple(Tensor(model.tensors[i].name, model.tensors[i].dtype.lower(), model.tensors[i].shape) for i in numbers)
        for numbers in (model.inputs, model.outputs)
    ]
    return Summary("TFLite", ends[0], ends[1], operators, _lacking(left, lambda name: name in TFLITE_OPS))
