"""Layer by layer: how near each value of a quantized network is to float, what it adds to the error, and why."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from tinyglow.interp import sample_count
from tinyglow.ir.graph import Array, Graph, Node
from tinyglow.ir.types import TensorType
from tinyglow.pipeline.attribution import OwnError, attribute, own_errors
from tinyglow.pipeline.causes import Suspect, causes_of, operand_of_concat
from tinyglow.pipeline.fidelity import Fidelity, FidelitySums, decibels, float_values, real_values
from tinyglow.pipeline.trace import Traced, Values, by_float_name, each_chunk, run_traced
from tinyglow.quant.profile import Profile
from tinyglow.quant.warnings import Evidence

# Samples to look for causes on. Errors are attributed by running what follows each layer once more.
CLOSE_SAMPLES = 8


@dataclass(frozen=True)
class Layer:
    """One value of the float network that the quantized one has too.

    Attributes:
        value: Its name in the graph.
        node: The model's node that computes it; an input's own name.
        kind: Of that operator.
        dtype: In the quantized network.
        fidelity: How near it comes to float.
        steps: How many integers its float range spans; nan in float.
        own_snr: SNR of the error that this layer adds by itself, in dB.
        share: Of the error of all answers (see ``attribution``).
        why: The causes, of a layer that loses much.
        worst_channels: The channels (of the last dimension) with the lowest SNR, in dB, the lowest first.
    """

    value: str
    node: str
    kind: str
    dtype: str
    fidelity: Fidelity
    steps: float
    own_snr: float
    share: float
    why: tuple[str, ...] = ()
    worst_channels: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True)
class Closely:
    """A few samples of all values, with the error that each layer adds.

    Attributes:
        traced: The two networks.
        real: Values of the float graph.
        actual: Values of the quantized network, by the float graph's names.
        errors: What each layer adds.
    """

    traced: Traced
    real: Values
    actual: Values
    errors: tuple[OwnError, ...]

    def ranked(self) -> list[OwnError]:
        """The values whose errors reach the answers, the largest share first."""
        return sorted((own for own in self.errors if own.share > 0), key=lambda own: -own.share)


def look_closely(traced: Traced, inputs: Mapping[str, Array]) -> Closely:
    """What each layer adds to the error, on the first samples of inputs [samples, *shape] float32."""
    few = {name: array[:CLOSE_SAMPLES] for name, array in inputs.items()}
    real = float_values(traced.graph, few)
    run = run_traced(traced.program, traced.quantized, few)
    actual = {name: array.reshape(real[name].shape) for name, array in by_float_name(traced, run).items()}
    errors = own_errors(traced.graph, real, actual)
    return Closely(traced, real, actual, tuple(attribute(traced.graph, real, errors)))


def producers(graph: Graph) -> dict[str, Node]:
    """The node that makes each value."""
    return {name: node for node in graph.nodes for name in node.outputs}


def making(graph: Graph, value: str) -> list[str]:
    """The model's nodes that compute a value, the last first.

    A function of single elements comes with the layer before it, which it is folded into.
    """
    made, found = producers(graph), []
    node = made.get(value)
    while node is not None:
        found.append(node.origin)
        if not (node.op.elementwise and len(node.inputs) == 1):
            break
        node = made.get(node.inputs[0])
    return found


def weights_share(close: Closely, own: OwnError) -> float:
    """How much of a value's own error the rounding of its layer's weights makes, 0 to 1; 0 without weights."""
    node = producers(close.traced.graph).get(own.name)
    return _weights(close, node, own, close.traced.types()[own.name])[1]


def _suspect(close: Closely, own: OwnError, evidence: Evidence | None) -> Suspect:
    graph, types = close.traced.graph, close.traced.types()
    node = producers(graph).get(own.name)
    weights, share = _weights(close, node, own, types[own.name])
    return Suspect(
        node=node,
        real=close.real[own.name],
        error=own.error,
        type=types[own.name],
        recorded=evidence.range_of(own.name) if evidence else None,
        shared=operand_of_concat(graph, types, own.name),
        weights=weights,
        weights_share=share,
        samples=evidence.samples() if evidence else None,
    )


def _weights(close: Closely, node: Node | None, own: OwnError, type_: TensorType) -> tuple[Array | None, float]:
    """The float weights of a value's layer [units, ...], and their share in its own error.

    A value after a folded activation has the layer in front of that. The rest of the error is the rounding of the
    result to its own steps, whose power is a twelfth of a squared step for each element.
    """
    graph, quantized, made = close.traced.graph, close.traced.quantized, producers(close.traced.graph)
    while node is not None and node.op.bias_operand is None and len(node.inputs) == 1:
        node = made.get(node.inputs[0]) if node.inputs[0] not in close.actual else None
    integer = next((other for other in quantized.nodes if node is not None and other.name == node.name), None)
    if node is None or integer is None or node.op.bias_operand is None or type_.quant is None:
        return None, 0.0
    exact = [graph.values[name].data for name in node.inputs[1:3]]
    rounded = [
        None if value.data is None else real_values(value.data, value.type)
        for value in map(quantized.values.__getitem__, integer.inputs[1:3])
    ]
    x = close.actual.get(node.inputs[0], close.real[node.inputs[0]])
    if any(data is None for data in (*exact, *rounded)) or not _same_order(exact[0], rounded[0]):
        return None, 0.0
    results = [
        node.op.run_float(x, *(data[np.newaxis] for data in constants if data is not None))[0].astype(np.float64)
        for constants in (exact, rounded)
    ]
    by_weights = float(((results[1] - results[0]) ** 2).sum())
    by_rounding = own.error.size * type_.quant.scale**2 / 12
    data = exact[0]
    assert data is not None
    return np.moveaxis(data, node.op.units_axis, 0), by_weights / ((by_weights + by_rounding) or 1.0)


def _same_order(exact: Array | None, rounded: Array | None) -> bool:
    """Whether weights are the same but for rounding: a transpose before a layer may have been merged into them."""
    if exact is None or rounded is None or exact.shape != rounded.shape:
        return False
    error = float(((exact - rounded).astype(np.float64) ** 2).sum())
    return error < 0.5 * float((exact.astype(np.float64) ** 2).sum())


_MOST_CHANNELS = 3


def worst_channels(real: Array, actual: Array) -> tuple[tuple[int, float], ...]:
    """The channels with the lowest SNR.

    Args:
        real: Float values [samples, ..., channels].
        actual: What the quantized network has for them, in real units, of the same shape.

    Returns:
        At most three (channel, SNR in dB), the lowest first; () where there is one channel. A channel that is 0
        throughout has no SNR, and one without any error has nothing to tell: both are left out.
    """
    if real.ndim < 2 or real.shape[-1] < 2:
        return ()
    rows = real.reshape(-1, real.shape[-1]).astype(np.float64)
    noise = ((actual.reshape(rows.shape) - rows) ** 2).sum(axis=0)
    signal = (rows**2).sum(axis=0)
    told = np.flatnonzero((signal > 0) & (noise > 0) & np.isfinite(signal) & np.isfinite(noise))
    ratios = [(int(channel), decibels(float(signal[channel]), float(noise[channel]))) for channel in told]
    return tuple(sorted(ratios, key=lambda pair: pair[1])[:_MOST_CHANNELS])


_WORTH_A_REASON = 0.08  # of the answers' error
_MOST_REASONS = 5


def layers_of(
    close: Closely,
    inputs: Mapping[str, Array],
    profile: Profile | None,
    progress: Callable[[int], None] | None = None,
) -> list[Layer]:
    """All values that both networks have, in the float graph's order, on all samples of ``inputs`` (float32)."""
    traced, graph, types = close.traced, close.traced.graph, close.traced.types()
    sums: dict[str, FidelitySums] = defaultdict(FidelitySums)

    def visit(real: Values, actual: Values) -> None:
        for name, array in actual.items():
            sums[name].add(real[name], array, types[name])
        if progress:
            progress(sample_count({name: real[name] for name in graph.given}))

    each_chunk(traced, inputs, visit)
    evidence = Evidence(graph, profile, traced.quantized) if profile is not None else None
    own = {error.name: error for error in close.errors}
    explained = {
        error.name: causes_of(_suspect(close, error, evidence))
        for error in close.ranked()[:_MOST_REASONS]
        if error.share >= _WORTH_A_REASON
    }
    made = producers(graph)
    order = [*graph.inputs, *(name for node in graph.nodes for name in node.outputs)]
    return [
        _layer(name, graph, made.get(name), types[name], sums[name].finish(), own[name], close, explained.get(name, ()))
        for name in order
        if name in sums
    ]


def _layer(
    name: str,
    graph: Graph,
    node: Node | None,
    type_: TensorType,
    fidelity: Fidelity,
    own: OwnError,
    close: Closely,
    why: tuple[str, ...],
) -> Layer:
    real, error = close.real[name].astype(np.float64), own.error.astype(np.float64)
    origin = graph.source_names.get(name, name) if node is None else node.origin or node.name
    steps = (fidelity.high - fidelity.low) / type_.quant.scale if type_.quant else math.nan
    own_snr = decibels(float((real**2).sum()), float((error**2).sum()))
    kind = "Input" if node is None else node.op.kind
    channels = worst_channels(close.real[name], close.actual[name])
    return Layer(name, origin, kind, type_.dtype, fidelity, steps, own_snr, own.share, why, channels)
