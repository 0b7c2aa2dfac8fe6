"""Validation: the quantized network against the float one, output by output and layer by layer."""

from __future__ import annotations

from collections.abc import Mapping

from tinyglow.errors import TinyglowError
from tinyglow.ir.graph import Array, Graph
from tinyglow.pipeline.stations import bind_inputs, quantize
from tinyglow.quant.profile import Profile
from tinyglow.quant.quantizer import Scheme
from tinyglow.quant.warnings import Evidence, Finding, warnings_of


def profile_warnings(
    graph: Graph, profile: Profile, inputs: Mapping[str, Array], like_glow: bool = False
) -> list[Finding]:
    """What a fresh profile and its samples show, if the network is quantized by the default scheme."""
    shapes = {name: graph.type_of(name).shape for name in graph.inputs}
    bound = bind_inputs(shapes, graph.source_names, inputs)
    try:
        quantized = quantize(graph, profile, Scheme(like_glow=like_glow))
    except TinyglowError:  # then compile will say why, and only rules on the samples speak up
        quantized = graph
    return warnings_of(Evidence(graph, profile, quantized, bound))
