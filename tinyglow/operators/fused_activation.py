"""The activation that is a part of many TFLite operators: a node of its own here, as in Glow."""

from __future__ import annotations

from tinyglow.ir.graph import Value
from tinyglow.ir.op import Importer, Op, SourceNode, UnsupportedError
from tinyglow.operators.clip import Clip
from tinyglow.operators.relu import Relu
from tinyglow.operators.tanh import Tanh

_ACTIVATIONS: dict[str, Op] = {
    "RELU": Relu(),
    "RELU_N1_TO_1": Clip(-1.0, 1.0),
    "RELU6": Clip(0.0, 6.0),
    "TANH": Tanh(),
}

_IN_INT8 = ("RELU", "RELU_N1_TO_1", "RELU6")


def activate(node: SourceNode, importer: Importer, value: Value) -> Value:
    """``value`` after the activation that the node asks for (Glow: addActivation)."""
    name = node.text("fused_activation_function", "NONE")
    if name == "NONE":
        return value
    if name not in _ACTIVATIONS:
        raise UnsupportedError(f"the activation {name}", ", ".join(["NONE", *_ACTIVATIONS]))
    if name not in _IN_INT8 and importer.declared(node.outputs[0]).quant is not None:
        raise UnsupportedError(f"the activation {name} in int8", ", ".join(["NONE", *_IN_INT8]))
    return importer.editor.add(f"{value.name}.{name}", _ACTIVATIONS[name], [value], node.name)


def bind_activated(node: SourceNode, importer: Importer, value: Value) -> None:
    """Bind ``value``, after the node's activation, as its result."""
    importer.bind(node.outputs[0], activate(node, importer, value))
