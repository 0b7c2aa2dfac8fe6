"""How near integers come to the float network: signal-to-noise ratio, cosine, largest error, saturation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tinyglow.errors import InputError, Problem
from tinyglow.interp import first_states, in_order, sample_count, turns
from tinyglow.ir.graph import Array, Graph, Node
from tinyglow.ir.program import Program
from tinyglow.ir.types import TensorType
from tinyglow.operators.constants import dequantized
from tinyglow.pipeline.binding import bind_inputs
from tinyglow.pipeline.parts import output_parts
from tinyglow.pipeline.stations import interpret

_CHUNK_BYTES = 64 * 2**20  # of all values of a graph together
# Where these integers stand, a real value was probably cut off.
_ENDS = {"int8": (-128, 127), "int16": (-(2**15), 2**15 - 1)}


@dataclass(frozen=True)
class Fidelity:
    """One value of the quantized network beside the same value of the float network, over all samples.

    Attributes:
        snr: 10 log10(sum of squares of the float values / sum of squares of the errors), in dB; inf without any error.
        cosine: Of the angle between both, all samples as one vector; 1.0 without any error.
        largest: The largest error, in real units.
        saturated: Share (0 to 1) of elements that lie beyond what the integers reach.
        low: The smallest value that the float network computes.
        high: The largest.
    """

    snr: float
    cosine: float
    largest: float
    saturated: float
    low: float
    high: float


@dataclass
class FidelitySums:
    """What ``Fidelity`` is made of, collected chunk by chunk in float64."""

    signal: float = 0.0
    other: float = 0.0
    product: float = 0.0
    noise: float = 0.0
    largest: float = 0.0
    saturated: int = 0
    elements: int = 0
    low: float = math.inf
    high: float = -math.inf

    def add(self, reference: Array, actual: Array, type_: TensorType) -> None:
        """Count float values and what the quantized network has for them, both in real units and of the same size."""
        if not reference.size:
            return
        real, got = reference.ravel().astype(np.float64), actual.ravel().astype(np.float64)
        error = got - real
        self.signal += float(real @ real)
        self.other += float(got @ got)
        self.product += float(real @ got)
        self.noise += float(error @ error)
        self.largest = max(self.largest, float(np.abs(error).max()))
        self.low, self.high = min(self.low, float(real.min())), max(self.high, float(real.max()))
        self.elements += real.size
        self.saturated += beyond(real, type_)

    def finish(self) -> Fidelity:
        """The figures."""
        lengths = math.sqrt(self.signal) * math.sqrt(self.other)
        cosine = self.product / lengths if lengths else float(self.signal == self.other)
        share = self.saturated / self.elements if self.elements else 0.0
        low, high = (self.low, self.high) if self.elements else (0.0, 0.0)
        snr = decibels(self.signal, self.noise)
        return Fidelity(snr, min(1.0, max(-1.0, cosine)), self.largest, share, low, high)


def decibels(signal: float, noise: float) -> float:
    """The ratio of two powers in dB: inf without noise, -inf without a signal."""
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal > 0 else -math.inf


def reach(type_: TensorType) -> tuple[float, float]:
    """The smallest and the largest real number that integers of a quantized type stand for."""
    assert type_.quant is not None
    low, high = _ENDS.get(type_.dtype, (-(2**31), 2**31 - 1))
    return type_.quant.scale * (low - type_.quant.offset), type_.quant.scale * (high - type_.quant.offset)


def beyond(real: Array, type_: TensorType) -> int:
    """How many real numbers lie more than half a step outside of what a type reaches: these saturate."""
    if type_.quant is None:
        return 0
    low, high = reach(type_)
    half = type_.quant.scale / 2
    return int(np.count_nonzero((real < low - half) | (real > high + half)))


def computed(graph: Graph, node: Node, inputs: Sequence[Array]) -> tuple[Array, ...]:
    """A node's results in float32, never rounded. Integers that saturate are a bound of the network like any other.

    A Relu may be nothing but a range that begins at zero: so quantized values are cut off where their integers end.
    """
    results = node.op.run_float(*inputs)
    types = [graph.type_of(name) for name in node.outputs]
    return tuple(
        result if type_.quant is None else np.clip(result, *np.array(reach(type_), np.float32))
        for result, type_ in zip(results, types, strict=True)
    )


def float_values(
    graph: Graph, inputs: Mapping[str, Array], states: Mapping[str, Array] | None = None
) -> dict[str, Array]:
    """Every value of a graph, constants [1, *shape], all others [samples, *shape], computed as ``computed`` does.

    inputs: [samples, *shape] float32 by placeholder. states: the same of states (default: as after a reset).
    """
    values = {
        name: real_values(value.data, value.type)[np.newaxis]
        for name, value in graph.values.items()
        if value.data is not None
    }
    samples = sample_count(inputs)
    values.update({name: inputs[name] for name in graph.given})
    values.update(first_states(graph, samples) if states is None else states)
    for node in graph.nodes:
        results = computed(graph, node, [values[name] for name in node.inputs])
        for name, result in zip(node.outputs, results, strict=True):
            values[name] = np.broadcast_to(result, (samples, *result.shape[1:]))  # of constants alone there is one
    return values


def chunked(graph: Graph, inputs: Mapping[str, Array]) -> Iterator[dict[str, Array]]:
    """The inputs, so many samples at a time that all values of the graph fit into a fixed amount of memory."""
    each = 4 * sum(value.type.elements for value in graph.values.values() if value.data is None)
    step, samples = max(1, _CHUNK_BYTES // max(1, each)), sample_count(inputs)
    for begin in range(0, samples, step):
        yield {name: array[begin : begin + step] for name, array in inputs.items()}


def float_outputs(graph: Graph, inputs: Mapping[str, Array], sequence: int | None = None) -> dict[str, Array]:
    """The outputs [samples, *shape] by placeholder, computed as ``computed`` does.

    sequence: of a graph with states, how many samples come one after the other before a reset (default: all).
    """
    if graph.states:
        return _outputs_in_turn(graph, inputs, sequence)
    parts: dict[str, list[Array]] = {output.name: [] for output in graph.outputs}
    for part in chunked(graph, inputs):
        for name, array in _outputs_of(graph, float_values(graph, part), sample_count(part)).items():
            parts[name].append(array)
    return {name: np.concatenate(part) for name, part in parts.items()}


def _outputs_in_turn(graph: Graph, inputs: Mapping[str, Array], sequence: int | None) -> dict[str, Array]:
    """``float_outputs`` of a graph with states, call by call."""
    calls = turns(sample_count(inputs), True, sequence)
    states, results = first_states(graph, len(calls)), []
    for rows in calls.T:
        values = float_values(graph, {name: array[rows] for name, array in inputs.items()}, states)
        results.append(_outputs_of(graph, values, len(rows)))
        states = {state.read: results[-1][state.write] for state in graph.states}
    return {output.name: in_order([result[output.name] for result in results]) for output in graph.results}


def _outputs_of(graph: Graph, values: Mapping[str, Array], count: int) -> dict[str, Array]:
    """The outputs among all values; what is a constant, for each sample."""
    found = {output.name: values[output.value] for output in graph.outputs}
    return {name: np.broadcast_to(value, (count, *value.shape[1:])) for name, value in found.items()}


def real_values(array: Array, type_: TensorType) -> Array:
    """What an array of ``type_`` stands for."""
    return dequantized(array, type_)


@dataclass(frozen=True)
class PartFidelity:
    """What one value, made by the model's node ``origin``, becomes inside of an output that joins several."""

    value: str
    origin: str
    fidelity: Fidelity


@dataclass(frozen=True)
class OutputFidelity:
    """One output of the network. ``name`` is its placeholder's, ``source_name`` the model's own.

    top1: share of samples whose largest element is the same one; None where samples have one element, or are maps.
    parts: what a concatenation joins in it, each by itself, for a large one hides the errors of a small one.
    """

    name: str
    source_name: str
    fidelity: Fidelity
    top1: float | None
    parts: tuple[PartFidelity, ...] = ()

    @property
    def worst(self) -> float:
        """The lowest SNR of the output and its parts, in dB."""
        return min([self.fidelity.snr, *(part.fidelity.snr for part in self.parts)])


def real_inputs(program: Program, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Inputs [samples, *shape] as float32: integers are what the program's placeholders make of them.

    Raises InputError for what the program does not take.
    """
    shapes = {name: program.buffers[name].type.shape for name in program.inputs}
    bound = bind_inputs(shapes, program.source_names, inputs, program.pixels)
    result, problems = {}, []
    for name, array in bound.items():
        type_ = program.buffers[name].type
        if array.dtype.kind != "f" and str(array.dtype) != type_.dtype:
            expected = f"{type_.dtype} or float32" if type_.quant else "float32"
            problems.append(Problem(f"input {name}", f"holds {array.dtype}", expected))
            continue
        real = real_values(array, type_) if array.dtype.kind != "f" else array
        result[name] = real.reshape(-1, *shapes[name]).astype(np.float32)
    if problems:
        raise InputError("the inputs do not fit the network", problems)
    return result


def is_vector(array: Array) -> bool:
    """Whether samples [samples, ...] are vectors of at least two elements: then the largest is a class."""
    return sum(size > 1 for size in array.shape[1:]) == 1


def output_fidelity(
    graph: Graph, program: Program, inputs: Mapping[str, Array], sequence: int | None = None
) -> list[OutputFidelity]:
    """Compares each output of ``program`` with the float ``graph`` that it was made of, on inputs [samples, *shape].

    Where the graph came quantized, its own integers are taken for the real numbers they stand for, computed with, cut
    off where they end, and never rounded: there is no other reference.
    """
    expected = float_outputs(graph, real_inputs(program, inputs), sequence)
    return compare_outputs(graph, program, expected, interpret(program, inputs, sequence=sequence))


def compare_outputs(
    graph: Graph, program: Program, expected: Mapping[str, Array], answers: Mapping[str, Array]
) -> list[OutputFidelity]:
    """The answers of the program and of the ``graph`` that it was made of, each by placeholder."""
    found = []
    for output in graph.results:
        name, type_ = output.name, program.buffers[output.name].type
        reference = expected[name].reshape(len(expected[name]), -1)
        real = real_values(answers[name], type_).reshape(reference.shape)
        same = float((reference.argmax(1) == real.argmax(1)).mean()) if is_vector(expected[name]) else None
        parts = tuple(
            PartFidelity(part.value, part.origin, _fidelity(reference[:, part.where], real[:, part.where], type_))
            for part in output_parts(graph, output)
        )
        source_name = program.source_names.get(name, name)
        found.append(OutputFidelity(name, source_name, _fidelity(reference, real, type_), same, parts))
    return found


def _fidelity(reference: Array, actual: Array, type_: TensorType) -> Fidelity:
    sums = FidelitySums()
    sums.add(reference, actual, type_)
    return sums.finish()
