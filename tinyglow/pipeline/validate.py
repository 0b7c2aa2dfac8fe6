"""Validation: the quantized network against the float one, output by output and layer by layer, and what would help."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tinyglow.errors import InputError, TinyglowError
from tinyglow.glow.quantize import lowered
from tinyglow.interp import sample_count
from tinyglow.ir.graph import Array, Graph
from tinyglow.ir.program import Program
from tinyglow.pipeline.binding import bind_inputs
from tinyglow.pipeline.deviations import RULES, with_costs
from tinyglow.pipeline.fidelity import OutputFidelity, compare_outputs, float_outputs, real_inputs, real_values
from tinyglow.pipeline.labels import class_output, label_problems
from tinyglow.pipeline.layers import Layer, layers_of, look_closely
from tinyglow.pipeline.stations import interpret, quantize
from tinyglow.pipeline.trace import trace
from tinyglow.pipeline.trials import Setting, Trial, try_advice, worst
from tinyglow.quant.profile import Profile
from tinyglow.quant.scheme import Scheme
from tinyglow.quant.warnings import Evidence, Finding, warnings_of


@dataclass(frozen=True)
class Accuracy:
    """Of the output ``name``: how many of the labelled samples the float network and the quantized one get right."""

    name: str
    float_correct: int
    correct: int


@dataclass(frozen=True)
class Validation:
    """A quantized network beside the float one.

    Attributes:
        network: Its name in C.
        precision: Of activations, "int8" or "int16".
        samples: How many it was compared on.
        came_quantized: Whether the model has no float form: then it is compared with what its own integers stand for.
        outputs: The outputs in the model's order.
        layers: The values that both networks have, in the graph's order.
        accuracy: Right answers; None without labels.
        warnings: What the profile shows by itself.
        advice: Options that were tried and gain at least 1 dB, best first; None where none were tried.
    """

    network: str
    precision: str
    samples: int
    came_quantized: bool
    outputs: tuple[OutputFidelity, ...]
    layers: tuple[Layer, ...]
    accuracy: Accuracy | None
    warnings: tuple[Finding, ...]
    advice: tuple[Trial, ...] | None

    @property
    def snr(self) -> float:
        """The lowest SNR of all outputs and their parts, in dB."""
        return worst(self.outputs)

    @property
    def losses(self) -> list[Layer]:
        """The layers that add most to the error, the worst first, each with its cause."""
        return sorted((layer for layer in self.layers if layer.why), key=lambda layer: -layer.share)


def validate(
    graph: Graph,
    profile: Profile | None,
    inputs: Mapping[str, Array],
    scheme: Scheme | None = None,
    float_io: bool = False,
    *,
    labels: Array | None = None,
    advise: bool = True,
    progress: Callable[[int], None] | None = None,
    tried: Callable[[int], None] = lambda count: None,
) -> Validation:
    """Quantize a graph as ``quantize`` does, and compare it with itself in float.

    Args:
        graph: The float graph; or a graph that came quantized, which takes no profile.
        profile: The ranges.
        inputs: float32 arrays [samples, *shape] by input name.
        scheme: How to quantize.
        float_io: Whether inputs and outputs stay float32.
        labels: integers [samples], the right class of each.
        advise: Whether to try other options too.
        progress: Is called with the number of samples that were done.
        tried: Is called with the number of options that were tried.

    Returns:
        How near each output and each layer comes to float, why layers lose, and what would help.

    Raises:
        InputError: An input does not fit.
        ProfileError: The profile does not fit the graph.
        ModelError: A node has no kernel.
    """
    scheme = scheme or Scheme()
    quantized = quantize(graph, profile, None if graph.is_quantized else scheme, float_io)
    reference = quantized if graph.is_quantized else graph
    traced = trace(reference, quantized, inputs)
    real = real_inputs(traced.program, inputs)
    expected, answers = float_outputs(reference, real), interpret(traced.program, real)
    outputs = compare_outputs(reference, traced.program, expected, answers)
    accuracy = None if labels is None else _accuracy(traced.program, expected, answers, labels)
    with np.errstate(all="ignore"):
        close = look_closely(traced, real)
        layers = layers_of(close, real, profile, progress)
    findings = [] if profile is None else warnings_of(Evidence(graph, profile, quantized))
    if any(finding.rule in RULES for finding in findings) and profile is not None:
        findings = _with_costs(findings, graph, profile, quantized, real)
    advice: tuple[Trial, ...] | None = None
    if profile is not None and advise:
        misfits = any("saturate" in why or "profile's range" in why for layer in layers for why in layer.why)
        setting = Setting(scheme, float_io)
        misfits = misfits or bool(findings)
        advice = tuple(try_advice(graph, profile, real, setting, close, profile_misfits=misfits, advance=tried))
    return Validation(
        network=graph.name,
        precision=scheme.precision,
        samples=sample_count(real),
        came_quantized=graph.is_quantized,
        outputs=tuple(outputs),
        layers=tuple(layers),
        accuracy=accuracy,
        warnings=tuple(findings),
        advice=advice,
    )


def _accuracy(program: Program, expected: Mapping[str, Array], answers: Mapping[str, Array], labels: Array) -> Accuracy:
    """Right answers of the first output that holds a value for each class. Raises InputError."""
    name = class_output({name: expected[name] for name in program.outputs}, "the labels are of no use")
    reference = expected[name].reshape(len(expected[name]), -1)
    actual = real_values(answers[name], program.buffers[name].type).reshape(reference.shape)
    problems = label_problems(labels, reference, f"the output {name}")
    if problems:
        raise InputError("the labels do not fit the network", problems)
    return Accuracy(name, *(int((each.argmax(1) == labels).sum()) for each in (reference, actual)))


def profile_warnings(
    graph: Graph, profile: Profile, inputs: Mapping[str, Array], like_glow: bool = False
) -> list[Finding]:
    """What a fresh profile and its samples show, if the network is quantized by the default scheme."""
    shapes = {name: graph.type_of(name).shape for name in graph.given}
    bound = bind_inputs(shapes, graph.source_names, inputs, graph.pixels)
    try:
        quantized = quantize(graph, profile, Scheme(like_glow=like_glow))
    except TinyglowError:  # then compile will say why, and only rules on the samples speak up
        quantized = graph
    findings = warnings_of(Evidence(graph, profile, quantized, bound))
    if not any(finding.rule in RULES for finding in findings):
        return findings
    return _with_costs(findings, graph, profile, quantized, bound)


def _with_costs(
    findings: Sequence[Finding], graph: Graph, profile: Profile, quantized: Graph, inputs: Mapping[str, Array]
) -> list[Finding]:
    """``with_costs``, of layers by the names that they have once Glow's graph is lowered."""
    reference = lowered(graph) if graph.like_glow else graph
    traced = trace(reference, quantized, inputs)
    real = real_inputs(traced.program, inputs)
    outputs = compare_outputs(reference, traced.program, float_outputs(graph, real), interpret(traced.program, real))
    with np.errstate(all="ignore"):
        layers = layers_of(look_closely(traced, real), real, profile, None)
    return with_costs(findings, layers, outputs)
