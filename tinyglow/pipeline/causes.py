"""Why a value loses accuracy, judged by its range, its type and a few samples.

Each rule is one function that says what it saw, or nothing. The first that applies is the reason given first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tinyglow.ir.graph import Array, Graph, Node
from tinyglow.ir.types import TensorType
from tinyglow.operators.concat import Concat
from tinyglow.pipeline.fidelity import beyond
from tinyglow.quant.profile import Range
from tinyglow.quant.warnings import FEWEST_SAMPLES, FEWEST_STEPS

_MUCH_SATURATES = 0.002  # share of elements; ranges that fit lose none of the samples they were made from
_WIDE = 4.0  # so many times as wide as needed costs two of eight bits, 12 dB
_NEGLIGIBLE = 1e-4  # weights that are so much smaller than others are none
_BULK = 0.998  # of the elements, which an outlier is not among


@dataclass(frozen=True)
class Suspect:
    """A value that loses accuracy, and what is known of it.

    Attributes:
        node: The node that computes it; None for an input.
        real: [samples, *shape], of the float network.
        error: What this layer alone adds.
        type: In the quantized graph.
        recorded: Its range in the profile.
        shared: The type of a Concat that it is an operand of.
        weights: The float data of its layer's weights [units, ...], where there are any.
        weights_share: The share of the error that their rounding makes.
        samples: Number of calibration samples, if known.
    """

    node: Node | None
    real: Array
    error: Array
    type: TensorType
    recorded: Range | None = None
    shared: TensorType | None = None
    weights: Array | None = None
    weights_share: float = 0.0
    samples: int | None = None


Cause = Callable[[Suspect], str | None]


def constant(suspect: Suspect) -> str | None:
    """The same for every sample: nothing to be lost, or the wrong samples."""
    real = suspect.real
    if len(real) > 1 and (real == real[:1]).all():
        return f"it is the same for all {len(real)} samples"
    return None


def profiled_constant(suspect: Suspect) -> str | None:
    """The profile saw only one number, so no scale follows from its range."""
    recorded = suspect.recorded
    if suspect.type.quant is None or recorded is None or recorded.low != recorded.high or not suspect.real.any():
        return None
    return (
        f"the profile saw nothing but {recorded.low:g}, so that its step of {suspect.type.quant.scale:.3g} is arbitrary"
    )


def few_steps(suspect: Suspect) -> str | None:
    """An operand of a Concat that has the scale of another operand."""
    real, shared = suspect.real, suspect.shared
    if shared is None or shared.quant is None or not real.size:
        return None
    steps = float(real.max() - real.min()) / shared.quant.scale
    if steps >= FEWEST_STEPS:
        return None
    count = "less than one step" if steps < 1 else f"{int(steps)} steps"
    return f"it shares a scale of {shared.quant.scale:.3g} with the other operands of a Concat and gets {count} of it"


def saturation(suspect: Suspect) -> str | None:
    """The profile did not see such values."""
    share = beyond(suspect.real, suspect.type) / max(1, suspect.real.size)
    if share < _MUCH_SATURATES or suspect.recorded is None:
        return None
    low, high = float(suspect.real.min()), float(suspect.real.max())
    few = suspect.samples is not None and suspect.samples < FEWEST_SAMPLES
    made = f", which was made from {suspect.samples} samples only" if few else ""
    return (
        f"{100 * share:.1f} % of its elements saturate: here it is {low:.3g} to {high:.3g}, in the profile{made}, "
        f"{suspect.recorded.low:.3g} to {suspect.recorded.high:.3g}"
    )


def outlier(suspect: Suspect) -> str | None:
    """A few elements set a range that nearly all others use a small part of."""
    if suspect.type.quant is None or suspect.real.size < 1 / (1 - _BULK):
        return None
    low, high = np.quantile(suspect.real, [(1 - _BULK) / 2, (1 + _BULK) / 2])
    low, high = min(float(low), 0.0), max(float(high), 0.0)
    full = float(max(suspect.real.max(), 0.0) - min(suspect.real.min(), 0.0))
    if high - low <= 0 or full < _WIDE * (high - low):
        return None
    times = full / (high - low)
    return f"outliers set its range: {100 * _BULK:.1f} % of it lies in {low:.3g} to {high:.3g}, {times:.0f} times less"


def too_wide(suspect: Suspect) -> str | None:
    """The profile reaches much further than these inputs do."""
    if suspect.type.quant is None or suspect.recorded is None or not suspect.real.size:
        return None
    used = float(max(suspect.real.max(), 0.0) - min(suspect.real.min(), 0.0))
    wide = max(suspect.recorded.high, 0.0) - min(suspect.recorded.low, 0.0)
    if used <= 0 or wide < _WIDE * used:
        return None
    return f"the profile's range is {wide / used:.0f} times as wide as what these inputs need"


def far_from_zero(suspect: Suspect) -> str | None:
    """Every scale holds zero, so that values around 100 that vary by 1 get few steps."""
    if suspect.type.quant is None or not suspect.real.size:
        return None
    low, high = float(suspect.real.min()), float(suspect.real.max())
    steps = (high - low) / suspect.type.quant.scale
    if low * high <= 0 or steps >= FEWEST_STEPS:
        return None
    return f"it varies from {low:.4g} to {high:.4g} only, {steps:.1f} of its steps, since its range must hold zero"


def mixed_scale(suspect: Suspect) -> str | None:
    """The largest channel or feature sets the scale, and most others use few of its steps."""
    real, quant = suspect.real, suspect.type.quant
    if quant is None or real.ndim < 2 or real.shape[-1] < 2:
        return None
    channels = real.reshape(-1, real.shape[-1])
    steps = (channels.max(axis=0) - channels.min(axis=0)) / quant.scale
    small = int(((steps > 0) & (steps < FEWEST_STEPS)).sum())
    if 4 * small < real.shape[-1] or steps.max() < 4 * FEWEST_STEPS:
        return None
    kind = "features" if suspect.node is None else "channels"
    return f"{small} of its {real.shape[-1]} {kind} use fewer than {FEWEST_STEPS} steps of the scale that all share"


def weights(suspect: Suspect) -> str | None:
    """Most of the error comes from rounding the weights with one scale for all units."""
    if suspect.weights is None or suspect.weights_share < 0.5:
        return None
    sizes = np.abs(suspect.weights.reshape(len(suspect.weights), -1)).max(axis=1)
    sizes = sizes[sizes > sizes.max() * _NEGLIGIBLE]
    ratio = sizes.max() / sizes.min() if len(sizes) else 1.0
    spread = f"; they are up to {ratio:.0f} times larger for some of its units" if ratio >= 2 else ""
    return f"the rounding of its weights makes {100 * suspect.weights_share:.0f} % of its own error{spread}"


def resolution(suspect: Suspect) -> str | None:
    """Nothing peculiar: the steps are what int8 has."""
    if suspect.type.quant is None or not suspect.real.size:
        return None
    deviation = float(suspect.real.astype(np.float64).std()) / suspect.type.quant.scale
    return f"nothing peculiar: one standard deviation of it is {deviation:.0f} of its steps"


CAUSES: Sequence[Cause] = (
    *(constant, profiled_constant, few_steps, saturation, outlier, too_wide, far_from_zero, mixed_scale, weights),
    resolution,
)
_MOST_CAUSES = 2


def causes_of(suspect: Suspect) -> tuple[str, ...]:
    """At most two reasons, the most telling first; ``resolution`` only where there is no other."""
    found = [text for cause in CAUSES[:-1] if (text := cause(suspect))]
    return tuple(found[:_MOST_CAUSES]) or tuple(filter(None, [resolution(suspect)]))


def operand_of_concat(graph: Graph, types: Mapping[str, TensorType], value: str) -> TensorType | None:
    """The integer type of the Concat that a value of the float graph is an operand of, if there is one."""
    for node in graph.nodes:
        if isinstance(node.op, Concat) and value in node.inputs:
            return types.get(node.outputs[0])
    return None
