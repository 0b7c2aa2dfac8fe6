"""Caffe2 network -> ONNX model of operator set 6, whose operators ONNX has from Caffe2.

Defaults and rules are those of Glow (lib/Importer/Caffe2ModelLoader.cpp) where Caffe2's own documentation leaves room.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tinyglow.frontend.caffe2_file import Arguments, Net, is_fill, read_net
from tinyglow.frontend.caffe2_operators import OPERATORS, Operator
from tinyglow.frontend.caffe2_weights import FILLS
from tinyglow.frontend.translation import Translated, Translation
from tinyglow.ir.op import UnsupportedError

_OPSET = 6
_QUANTIZED = "give the float network, which tinyglow quantizes itself"


def translated(path: Path, weights: Path | None = None, like_glow: bool = False) -> Translated:
    """The ONNX model of a Caffe2 network.

    Args:
        path: The folder, or the file of one net.
        weights: The file of the other net.
        like_glow: Whether averages count borders, as Glow reads them, where the network leaves it open.

    Returns:
        The model, whose inputs have no shapes: Caffe2 files do not have them.

    Raises:
        ModelError: A file cannot be read.
    """
    net = read_net(path, weights)
    steps = [*net.init.op, *net.predict.op]
    writes = Counter(name for op in steps for name in op.output)
    made = Translation("caffe2", _OPSET, writes)
    _name_inputs(made, net, writes)
    for op in steps:
        _step(made, op, like_glow)
    outputs = list(net.predict.external_output) or _ends(net.predict.op)
    return made.finish(list(dict.fromkeys(outputs)), path)


def _name_inputs(made: Translation, net: Net, writes: Mapping[str, int]) -> None:
    """The inputs in the order in which the network lists them; others come as they are read."""
    read = {name for op in net.predict.op for name in op.input}
    for name in net.predict.external_input:
        if name in read and not writes.get(name) and name not in made.inputs:
            made.input(name, None)


def _ends(ops: Sequence[Any]) -> list[str]:
    """What a network that names no outputs makes for nobody."""
    read = {name for op in ops for name in op.input}
    return [name for op in ops for name in op.output[:1] if name not in read]


def _step(made: Translation, op: Any, like_glow: bool) -> None:
    name = op.name or (op.output[0] if op.output else op.type)

    def translate() -> None:
        arguments = Arguments(op)
        if is_fill(op.type) and op.type in FILLS:
            FILLS[op.type](made, op, arguments)
        else:
            node = Operator(made, name, list(op.input), list(op.output), op.type, arguments, like_glow)
            OPERATORS[op.type](node)
        arguments.check()

    known = op.type in OPERATORS or op.type in FILLS
    if op.type.startswith("Int8") and not known:
        made.step(name, op.type, op.output, _refuse_quantized)
    else:
        made.step(name, op.type, op.output, translate if known else None)


def _refuse_quantized() -> None:
    raise UnsupportedError("an operator on integers of Caffe2's own", "operators on floats", _QUANTIZED)
