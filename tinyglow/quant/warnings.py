"""Warnings about a profile and the graph quantized by it, before anything runs.

They are about data that cannot be right, and values that int8 cannot hold beside their neighbours. Each rule is one
function; none of them fails.

A warning must be rare and right: each rule says below what makes it sure, and the tests count on how many good networks
it speaks up.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from random import Random

import numpy as np

from tinyglow.ir.graph import Array, Graph, Node
from tinyglow.ir.record import Record
from tinyglow.ir.types import TensorType
from tinyglow.operators.add import Add
from tinyglow.operators.clip import Clip
from tinyglow.operators.concat import Concat
from tinyglow.operators.conv2d import Conv2D
from tinyglow.operators.div import Div
from tinyglow.operators.fully_connected import FullyConnected
from tinyglow.operators.mul import Mul
from tinyglow.operators.quantize import Quantize
from tinyglow.operators.relu import Relu
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.sub import Sub
from tinyglow.operators.transpose import Transpose
from tinyglow.quant.match import recorded_ranges
from tinyglow.quant.profile import Profile, Range
from tinyglow.quant.witness import contradictions

# A new input takes a value beyond the range of n samples with a chance of 2 in n + 1, however many elements it has: all
# n + 1 are as likely to hold an end. From 16 on that is less than one in eight.
FEWEST_SAMPLES = 16
FEWEST_STEPS = 16  # a sixteenth of int8's range: at best 29 dB, and most values lie well inside their range
# The signal-to-noise ratio in dB below which the rounding of an input drowns what a layer makes of it.
_LEAST_SNR = 10.0
_NOISE_SAMPLES = 4
# The standard deviation of values that fill a range as a normal distribution does (three of it to each side).
_DEVIATION_OF_RANGE = 1 / 6


class Finding(Record):
    """One thing to know before the network is used: the rule that found it, where, what, and what to do about it."""

    rule: str
    where: str
    found: str
    advice: str

    def __str__(self) -> str:
        where = self.where if self.where.isprintable() else repr(self.where)
        return f"{where}: {self.found}; {self.advice}"


class Evidence(Record):
    """What the rules look at.

    Attributes:
        graph: In float.
        profile: The ranges recorded for it.
        quantized: The integer graph made of both.
        inputs: The calibration samples [samples, ...] by placeholder, where they are at hand.
    """

    graph: Graph
    profile: Profile
    quantized: Graph
    inputs: Mapping[str, Array] = field(default_factory=dict)

    def range_of(self, value: str) -> Range | None:
        """What was recorded for a value, or a constant's own range."""
        data = self.graph.values[value].data
        if data is not None:
            return Range(float(data.min()), float(data.max())) if data.size else None
        return self.profile.ranges.get(f"{value}:0")

    def integer_type(self, value: str) -> TensorType | None:
        """A value's type in the quantized graph, or that which a float value gets where it is read as integers.

        None where it stays float, or was folded into another.
        """
        found = self.quantized.values.get(value)
        if found is None or found.type.quant is not None:
            return found.type if found is not None else None
        readers = (node for node in self.quantized.nodes if isinstance(node.op, Quantize) and value in node.inputs)
        return next((self.quantized.type_of(node.outputs[0]) for node in readers), None)

    def samples(self) -> int | None:
        """How many samples the profile was made from: a histogram counts each element of each of them."""
        if self.inputs:
            return min(len(array) for array in self.inputs.values())
        for name in self.graph.inputs:
            counted = self.range_of(name)
            elements = self.graph.type_of(name).elements
            if counted is not None and elements and any(counted.histogram):
                return round(math.fsum(counted.histogram) / elements)
        return None

    def origin(self, node: Node) -> str:
        """The node's name in the model."""
        return node.origin or node.name

    def source(self, name: str) -> str:
        """An input's or output's name in the model."""
        return self.graph.source_names.get(name, name)


Rule = Callable[[Evidence], Iterator[Finding]]


def few_samples(evidence: Evidence) -> Iterator[Finding]:
    """Fewer than 16 samples: ranges are those of the samples and not those of the data.

    Histograms tell their number even from a profile of Glow's.
    """
    samples = evidence.samples()
    if samples is None or not 0 < samples < FEWEST_SAMPLES or _constant_inputs(evidence):
        return
    found = f"was made from {samples} sample{'s' if samples > 1 else ''}"
    found += f"; a new input takes a value beyond theirs in 2 of {samples + 1} cases" if samples > 1 else ""
    advice = "give it some dozens, as varied as what the network will see"
    yield Finding("few-samples", "the profile", found, advice)


def constant_input(evidence: Evidence) -> Iterator[Finding]:
    """One number everywhere in the profile; or, with the samples at hand, the same in each of several."""
    advice = "the ranges of all that follows from it mean nothing: check the file, its path and its normalization"
    for name in evidence.graph.inputs:
        recorded, array = evidence.range_of(name), evidence.inputs.get(name)
        if recorded is not None and recorded.low == recorded.high:
            found = f"is {recorded.low:g} everywhere in the calibration samples"
        elif array is not None and len(array) > 1 and (array == array[:1]).all():
            found = f"is the same in all {len(array)} calibration samples"
        else:
            continue
        yield Finding("constant-input", f"input {evidence.source(name)}", found, advice)


def dead_activation(evidence: Evidence) -> Iterator[Finding]:
    """A Relu or Clip whose input never exceeds its lower bound: the result is one number, whatever the input."""
    for node in evidence.graph.nodes:
        if not isinstance(node.op, Relu | Clip):
            continue
        bound = node.op.low if isinstance(node.op, Clip) else 0.0
        recorded = evidence.range_of(node.inputs[0])
        if recorded is not None and recorded.high <= bound and not _constant_inputs(evidence):
            found = f"its input never exceeds {bound:g} (it is {recorded.low:g} to {recorded.high:g}), "
            advice = "check the weights before it, and whether the calibration samples are normalized as in training"
            yield Finding("dead-activation", evidence.origin(node), f"{found}so that its result is constant", advice)


def _constant_inputs(evidence: Evidence) -> bool:
    """Whether the inputs themselves are constant: then so is all the rest, and one warning is enough."""
    return any(True for _ in constant_input(evidence))


def few_steps(evidence: Evidence) -> Iterator[Finding]:
    """An operand of a Concat whose whole range spans fewer than 16 steps of the scale that all of them share."""
    for node in evidence.graph.nodes:
        shared = evidence.integer_type(node.outputs[0])
        if not isinstance(node.op, Concat) or shared is None or shared.quant is None:
            continue
        for name in dict.fromkeys(node.inputs):
            recorded = evidence.range_of(name)
            if recorded is None or recorded.low == recorded.high:
                continue
            steps = (recorded.high - recorded.low) / shared.quant.scale
            if steps < FEWEST_STEPS:
                found = (
                    f"{_value_name(evidence, name)} ({recorded.low:g} to {recorded.high:g}) gets {_steps(steps)} of "
                    f"the scale that it shares with the other operands ({shared.quant.scale:.3g} a step)"
                )
                float_ = [
                    evidence.origin(node),
                    *(reader.origin for reader in readers(evidence.graph, node.outputs[0])),
                ]
                advice = f"use --precision int16, or keep it float as far as it is read ({_float_nodes(float_)})"
                yield Finding("few-steps", evidence.origin(node), found, advice)


def readers(graph: Graph, value: str) -> list[Node]:
    """The nodes that compute with a value: those that read it, and what reads it after others that only move it."""
    found: dict[str, Node] = {}
    moved = {value}
    for node in graph.nodes:
        if moved.intersection(node.inputs):
            found[node.name] = node
            if node.op.keeps_params or node.op.inputs_match_output:
                moved.update(node.outputs)
    return list(found.values())


def below_a_step(evidence: Evidence) -> Iterator[Finding]:
    """A value that varies by less than one step of its own scale: far from zero, or of a scale that is another's.

    Parts of a Concat are what ``few_steps`` is for.
    """
    made = {node.outputs[0]: node for node in evidence.quantized.nodes if node.outputs}
    for node in evidence.graph.nodes:
        name = node.outputs[0]
        type_, recorded, same = evidence.integer_type(name), evidence.range_of(name), made.get(name)
        if type_ is None or type_.quant is None or recorded is None or same is None:
            continue
        steps = (recorded.high - recorded.low) / type_.quant.scale
        if same.op == node.op and 0 < steps < 1 and not _joins_a_concat(evidence, name):
            found = f"varies from {recorded.low:g} to {recorded.high:g}, less than one step of {type_.quant.scale:.3g}"
            advice = f"keep it float ({_float_nodes([evidence.origin(node)])}) or use --precision int16"
            yield Finding("below-a-step", evidence.origin(node), found, advice)


def _joins_a_concat(evidence: Evidence, value: str) -> bool:
    """Whether a Concat reads a value, perhaps moved: its scale may be that of the Concat, which has its own warning."""
    return any(isinstance(reader.op, Concat) for reader in readers(evidence.graph, value))


def _value_name(evidence: Evidence, value: str) -> str:
    """What to call a value: the node of the model that makes it, an input, or a constant."""
    made_by = next((node for node in evidence.graph.nodes if value in node.outputs), None)
    if made_by is not None:
        return f"the result of {evidence.origin(made_by)}"
    return f"input {evidence.source(value)}" if value in evidence.graph.inputs else f"constant {value}"


def _steps(steps: float) -> str:
    return "less than one step" if steps < 1 else f"{int(steps)} step{'s' if int(steps) > 1 else ''}"


def _float_nodes(names: list[str]) -> str:
    return " ".join(f"--float-node {shlex.quote(name)}" for name in dict.fromkeys(names) if name)


# Through these, the error of an input passes as it is: what they make of x + e is what they make of x, plus something
# that depends on e alone.
_LINEAR = (Add, Sub, Mul, Div, Conv2D, FullyConnected, Reshape, Transpose)


def drowned_input(evidence: Evidence) -> Iterator[Finding]:
    """An input of features of mixed scale: its step is small for the large ones, but the small ones count as much.

    The rounding of the input to its integers is sent alone through the linear layers after it; where it is larger than
    a third of what is made of the input there, most of the input is lost.
    """
    for name in evidence.graph.inputs:
        type_ = evidence.integer_type(name)
        if type_ is not None and type_.quant is not None:
            yield from _drowned(evidence, name, type_.quant.scale)


def _drowned(evidence: Evidence, name: str, step: float) -> Iterator[Finding]:
    graph = evidence.graph
    shape = (_NOISE_SAMPLES, *graph.type_of(name).shape)
    errors = {name: (step * _noise(shape)).astype(np.float32)}
    passed: list[str] = []
    for node in graph.nodes:
        error = _error_behind(graph, node, errors)
        if error is None:
            continue
        errors[node.outputs[0]] = error
        passed.append(evidence.origin(node))
        recorded = evidence.range_of(node.outputs[0])
        if recorded is None or recorded.low == recorded.high:
            continue
        deviation = (recorded.high - recorded.low) * _DEVIATION_OF_RANGE
        noise = float(np.sqrt((error.astype(np.float64) ** 2).mean()))
        if noise > deviation * 10 ** (-_LEAST_SNR / 20):
            where = f"input {evidence.source(name)}"
            found = f"{_spread(evidence, name)}one step of it is {step:.3g}; its rounding alone makes an error of "
            found += (
                f"{noise:.3g} behind {passed[-1]}, whose values range from {recorded.low:.3g} to {recorded.high:.3g}"
            )
            advice = f"scale its features alike before the network, or keep that part float ({_float_nodes(passed)})"
            yield Finding("drowned-input", where, found, advice)
            return


def _noise(shape: tuple[int, ...]) -> Array:
    """Numbers from -0.5 to 0.5, drawn at random and always the same.

    numpy's generators take longer to import than the rest of a warning takes.
    """
    bits = np.frombuffer(Random(0).randbytes(4 * math.prod(shape)), "<u4")
    noise: Array = bits.astype(np.float64).reshape(shape) * 2.0**-32 - 0.5
    return noise


def _error_behind(graph: Graph, node: Node, errors: Mapping[str, Array]) -> Array | None:
    """What a linear node makes of its first input's error; None for any other node."""
    error = errors.get(node.inputs[0]) if node.inputs else None
    if error is None or not isinstance(node.op, _LINEAR):
        return None
    rest = [graph.values[name].data for name in node.inputs[1:]]
    if any(data is None for data in rest):
        return None
    constants = [data[np.newaxis] for data in rest if data is not None]
    with np.errstate(all="ignore"):
        (result,) = node.op.run_float(error, *constants)
        (still,) = node.op.run_float(np.zeros_like(error[:1]), *constants)
        result = result - still
    return result if np.isfinite(result).all() else None


def _spread(evidence: Evidence, name: str) -> str:
    """How different the features of an input are, as far as the samples are at hand and say so."""
    array = evidence.inputs.get(name)
    if array is None or array.ndim < 2:
        return ""
    sizes = np.abs(array.reshape(-1, array.shape[-1]).astype(np.float64)).max(axis=0)
    sizes = sizes[sizes > 0]
    if len(sizes) < 2 or sizes.max() < FEWEST_STEPS * sizes.min():
        return ""
    return f"its features reach from {sizes.min():.3g} to {sizes.max():.3g} under one scale: "


def integer_division(evidence: Evidence) -> Iterator[Finding]:
    """A division as Glow's graph has it, of int8 values as if they were integers: most of the quotient is lost.

    A batch normalization that follows no convolution becomes one too.
    """
    named: set[str] = set()
    for node in evidence.quantized.nodes:
        is_integer = evidence.quantized.type_of(node.outputs[0]).dtype == "int8"
        if isinstance(node.op, Div) and not node.op.fraction_bits and is_integer and node.origin not in named:
            named.add(node.origin)
            found = "Glow divides its int8 values as integers, which loses most of the quotient"
            yield Finding(
                "integer-division", node.origin, found, "without --graph=glow it is computed as the model says"
            )


def other_than_the_model(evidence: Evidence) -> Iterator[Finding]:
    """What Glow computes otherwise than the model says, and so do we where its graph is asked for."""
    for where, found in evidence.quantized.deviations.items():
        advice = "without --graph=glow it is computed as the model says"
        yield Finding("other-than-the-model", where, found, advice)


def contradicted_range(evidence: Evidence) -> Iterator[Finding]:
    """A range that does not hold what the ends of another range prove to have occurred (``quant.witness``).

    The known case is the real Glow's: it profiles x * sigmoid(x) as sigmoid(x) squared.
    """
    for found in contradictions(evidence.graph, recorded_ranges(evidence.graph, evidence.profile)):
        recorded, source = found.recorded, _value_name(evidence, found.source)
        what = f"its recorded range, {recorded.low:.3g} to {recorded.high:.3g}, is another value's: "
        what += f"the result is {found.value:.3g} where {source} is {found.at:.3g}"
        advice = (
            "make the profile with 'tinyglow profile' (Glow's has the range of sigmoid(x) squared for x * sigmoid(x))"
        )
        yield Finding("contradicted-range", evidence.origin(found.node), what, advice)


RULES: tuple[Rule, ...] = (
    constant_input,
    few_samples,
    integer_division,
    other_than_the_model,
    contradicted_range,
    drowned_input,
    few_steps,
    below_a_step,
    dead_activation,
)


def warnings_of(evidence: Evidence) -> list[Finding]:
    """What all rules find, the gravest kind first."""
    return [finding for rule in RULES for finding in rule(evidence)]
