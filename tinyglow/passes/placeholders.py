"""Inputs of the network that are int8 with parameters of the user's choice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Graph
from tinyglow.ir.op import Op
from tinyglow.ir.types import QuantParams, TensorType
from tinyglow.operators.dequantize import Dequantize
from tinyglow.operators.quantize import Quantize
from tinyglow.operators.rescale import Rescale
from tinyglow.passes.tidy import fold_rescales, rescale_rules


def make_float(graph: Graph, inputs: bool = True, outputs: bool = True) -> Graph:
    """Int8 inputs and outputs as float32, quantized after or dequantized before them.

    The graph may be the quantizer's, or one whose model file declares them to be int8.
    """
    edit = GraphEditor.of(graph)
    for name in graph.given if inputs else ():
        value, users = edit.value(name), edit.users(name)
        if value.declared is not None:
            inside = edit.add(f"{name}_quantize", Rescale(), [edit.declare(name, None)], name)
            quantized = edit.declare(inside.name, value.declared)
        elif value.type.quant is not None:
            edit.set_type(name, TensorType(value.type.shape))
            quantized = edit.add(f"{name}_quantize", Quantize(), [edit.value(name)], name, (value.type,))
        else:
            continue
        for user in users:
            edit.set_inputs(user, tuple(quantized.name if source == name else source for source in user.inputs))
        for output in edit.outputs if edit.is_output(name) else ():
            if output.value == name:
                edit.set_output(replace(output, value=quantized.name))
    for output in graph.results if outputs else ():
        value = edit.value(output.value)
        if value.type.quant is not None or value.declared is not None:
            op: Op = Rescale() if value.declared is not None else Dequantize()
            real = edit.add(f"{value.name}_dequantize", op, [value], value.name)
            edit.set_output(replace(output, value=real.name))
    return edit.finish()


def set_input_params(graph: Graph, params: Mapping[str, QuantParams]) -> Graph:
    """Each named input becomes int8 with the given parameters; what reads it gets the values it got before.

    A float input is dequantized, an int8 one rescaled to its own parameters; both are folded into what reads them,
    where that is possible.
    """
    edit = GraphEditor.of(graph)
    for name, quant in params.items():
        before = edit.value(name).type
        edit.set_type(name, replace(before, dtype="int8", quant=quant))
        op: Op = Rescale() if before.quant else Dequantize()
        inside = edit.add(f"{name}_{op.kind.lower()}", op, [edit.value(name)], types=(before,))
        edit.redirect(name, inside.name)
        node = edit.producer(inside.name)
        assert node is not None
        edit.set_inputs(node, (name,))  # which was redirected with the others
    return fold_rescales(edit.finish(), *rescale_rules(declared=True))
