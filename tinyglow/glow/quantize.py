"""Stations 4 and 5 as Glow has them: lowered, quantized, optimized as often as it does (GraphOptimizer.cpp)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tinyglow.glow.constants import convert_quantized_constants
from tinyglow.glow.convert import convert
from tinyglow.glow.lower import lower, lower_for_profiler
from tinyglow.glow.pipeline import OPTIMIZE, ours
from tinyglow.glow.quantized import fold_activation, overflow_bound
from tinyglow.glow.walk import glow_pass, keeping_editors, nodes_as_made, stepping
from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Graph
from tinyglow.operators.dequantize import Dequantize
from tinyglow.operators.quantize import Quantize
from tinyglow.passes.borders import fold_casts_into_placeholders, fuse_reciprocal
from tinyglow.passes.rewrite import Pass, rewriting, run_passes
from tinyglow.passes.wrapped_bias import bias_wraps
from tinyglow.quant.match import constant_ranges, match_profile
from tinyglow.quant.profile import Profile, Range
from tinyglow.quant.profiler import replaced
from tinyglow.quant.scheme import Scheme


def lowered(graph: Graph) -> Graph:
    """The float graph in the operators that the CPU backend has."""
    edit = GraphEditor.of(graph, as_made=True)
    lower(edit)
    return edit.finish()


def quantize_as_glow(graph: Graph, profile: Profile, scheme: Scheme) -> Graph:
    """Station 4: the lowered graph with conversions around every node that is quantized.

    Args:
        graph: The float graph, as the passes before the lowering leave it.
        profile: Ranges by Glow's names.
        scheme: How to quantize.

    Returns:
        The graph.

    Raises:
        ProfileError: The profile is of another network, or a range cannot be quantized.
    """
    scheme.check_nodes(graph)
    low, ranges = settle_as_glow(graph, profile)
    edit = GraphEditor.of(low, as_made=True)
    convert(edit, ranges, scheme)
    return edit.finish()


def _recorded(graph: Graph) -> set[str]:
    """The computed values that Glow's profile of the graph has."""
    low, same = lower_for_profiler(graph)
    computed = [name for node in low.nodes for name in node.outputs if low.type_of(name).dtype == "float32"]
    return {*low.inputs, *computed, *(name for name in computed for name in replaced(name, same))}


def settle_as_glow(graph: Graph, profile: Profile) -> tuple[Graph, Mapping[str, Range]]:
    """What is quantized: the lowered graph, and the ranges of its values.

    A profile with all the names that Glow's own has is taken by these, as Glow takes it: a value that has none then
    stays float. Any other is searched for what each value leaves no other choice.

    Args:
        graph: The float graph, as the passes before the lowering leave it.
        profile: Ranges.

    Returns:
        The graph and the ranges.

    Raises:
        ProfileError: The profile is of another network.
    """
    low = lowered(graph)
    by_name = {key.removesuffix(":0"): range_ for key, range_ in profile.ranges.items() if key.endswith(":0")}
    needed = _float_values(low)
    if not _recorded(graph) <= by_name.keys():
        return low, match_profile(low, profile, needed).ranges
    constants = constant_ranges(low, [name for name in needed if low.values[name].data is not None], by_name)
    computed = {name: range_ for name, range_ in by_name.items() if name in low.values}
    return low, {**computed, **constants}


def _float_values(graph: Graph) -> list[str]:
    """The values of nodes that Glow quantizes."""
    names: dict[str, None] = {}
    for node in graph.nodes:
        if node.op.quantizable and not node.op.float_in_glow:
            names.update(dict.fromkeys((*node.inputs, *node.outputs)))
    return [name for name in names if graph.type_of(name).dtype == "float32"]


def _inputs_take_conversions(edit: GraphEditor) -> bool:
    """FoldElemKindConversionIntoInputs: an input that is only quantized is int8 at the border."""
    changed = False
    for node in nodes_as_made(edit):
        if isinstance(node.op, Quantize) and node.inputs[0] in edit.inputs and edit.uses(node.inputs[0]) == 1:
            edit.set_type(node.inputs[0], edit.value(node.outputs[0]).type)
            edit.redirect(node.outputs[0], node.inputs[0])
            # The node would read what it made: it goes at once.
            edit.remove_if_unused(node)
            changed = True
    return changed


def _outputs_take_conversions(edit: GraphEditor) -> bool:
    """FoldElemKindConversionIntoOutputs: an output that is only dequantized is int8 at the border."""
    changed = False
    for output in edit.outputs:
        source = edit.producer(output.value)
        if source is not None and isinstance(source.op, Dequantize):
            edit.set_output(replace(output, value=source.inputs[0]))
            changed = True
    return changed


def _borders_take_conversions(graph: Graph) -> Graph:
    """FoldElemKindConversionIntoIO: another round of the optimizer, if an input or output has another type then."""
    changed = False
    for run in (_inputs_take_conversions, _outputs_take_conversions):
        edit = GraphEditor.of(graph, as_made=True)
        changed |= run(edit)
        graph = edit.finish()
    return run_passes(graph, ours(OPTIMIZE)) if changed else graph


def _lower_again(edit: GraphEditor) -> bool:
    lower(edit)
    return False


def _note_wrapped_biases(edit: GraphEditor) -> bool:
    for node in edit.nodes:
        if bias_wraps(node, edit):
            edit.deviations[node.origin] = "its bias does not fit the 32 bits of Glow's sums, where it wraps"
    return False


def tidying_as_glow(float_io: bool = False) -> list[Pass]:
    """Station 5: what Glow does to the quantized graph. float_io: whether inputs and outputs stay float."""
    optimize = ours(OPTIMIZE)
    passes = [
        *optimize,
        stepping("foldActivations", fold_activation),
        glow_pass("lower", _lower_again),
        *optimize,
    ]
    if not float_io:
        passes.append(Pass("FoldElemKindConversionIntoIO", _borders_take_conversions))
    return [
        *passes,
        glow_pass("convertQuantizedConstants", convert_quantized_constants),
        *optimize,
        stepping("bounds of the code generator", overflow_bound),
        glow_pass("biases of the code generator", _note_wrapped_biases),
        *([] if float_io else [Pass("casts of who calls the bundle", fold_casts_into_placeholders)]),
        rewriting("conversions of the code generator", [fuse_reciprocal]),
    ]


def tidy_as_glow(graph: Graph, float_io: bool = False) -> Graph:
    """Station 5: the quantized graph as Glow generates code for it."""
    with keeping_editors():
        return run_passes(graph, tidying_as_glow(float_io))
