"""Stations 4 and 5 of a model that comes quantized: with the numerics of its own runtime, or with Glow's."""

from __future__ import annotations

from dataclasses import replace

from tinyglow.errors import ModelError, Problem
from tinyglow.ir.graph import Graph
from tinyglow.ir.target import ANY
from tinyglow.lowering.graph_to_program import lower
from tinyglow.passes.fuse import fuse
from tinyglow.passes.placeholders import make_float
from tinyglow.passes.tidy_exactly import tidy_for
from tinyglow.pipeline.dump import NO_DUMP, Dump
from tinyglow.quant.declared import quantize_declared


def quantize_as_declared(graph: Graph, float_io: bool, dump: Dump = NO_DUMP) -> Graph:
    """The integer graph of a model that comes quantized.

    Args:
        graph: What the model file says. Where it has a numerics of its own, that is taken if every node has a form
            with it; else ``graph.numerics`` is.
        float_io: Whether inputs and outputs become float32; else they keep the file's own types.
        dump: Where to write each station's result as text.

    Returns:
        The integer graph, which holds the numerics that was taken.
    """
    if graph.own_numerics and not without_form(graph):
        graph = replace(graph, numerics=graph.own_numerics)
    return _integers(graph, float_io, dump)


def without_form(graph: Graph) -> list[Problem]:
    """The nodes that have no form with the graph's own numerics, each with the reason.

    Some forms depend on scales and shapes, so this lowers the network once, for no target.
    """
    try:
        lower(fuse(_integers(replace(graph, numerics=graph.own_numerics), False, NO_DUMP), ANY))
    except ModelError as error:
        return list(error.problems)
    return []


def _integers(graph: Graph, float_io: bool, dump: Dump) -> Graph:
    quantized = dump.graph(4, "quantize", quantize_declared(graph) if graph.is_declared else graph)
    quantized = make_float(quantized) if float_io else quantized
    return dump.graph(5, "tidy", tidy_for(quantized, float_io=True, declared=True))
