"""Advice that has been tried: other options of quantization, measured on the inputs at hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tinyglow.errors import TinyglowError
from tinyglow.ir.graph import Array, Graph
from tinyglow.ir.program import Program, Region
from tinyglow.operators.conv2d import Conv2D
from tinyglow.pipeline.fidelity import OutputFidelity, compare_outputs, float_outputs
from tinyglow.pipeline.forecast import Forecast, forecast
from tinyglow.pipeline.layers import Closely, look_closely, making
from tinyglow.pipeline.stations import interpret, lower, profile, quantize
from tinyglow.pipeline.trace import trace
from tinyglow.quant.calibration import QUANTIZED_BINS
from tinyglow.quant.profile import Profile
from tinyglow.quant.schema import Schema
from tinyglow.quant.scheme import Scheme
from tinyglow.quant.warnings import readers

TRIAL_SAMPLES = 16
_LEAST_GAIN = 1.0  # dB: less is not worth an option
_GOOD = 45.0  # dB: what a network of a few int8 layers reaches; more is not looked for layer by layer
_ROUNDS = 3  # of keeping one layer more in float
MOST_TRIALS = 32  # about what there is to try
_ALONE = 3  # layers that are tried each by itself


@dataclass(frozen=True)
class Trial:
    """Options that were tried in addition to those given, and what came of them.

    Attributes:
        options: Of ``tinyglow compile``; () where the profile itself is to be made anew.
        what: The options in words.
        snr: The lowest of all outputs and their parts, in dB.
        gain: Over the same without the options, on the same samples, in dB.
        constants: Bytes of weights more than without; less if negative.
        ram: Bytes of placeholders and activations more than without.
        predicted: The gain that the layers' shares of the error promise, in dB; None where they say nothing of it.
    """

    options: tuple[str, ...]
    what: str
    snr: float
    gain: float
    constants: int
    ram: int
    predicted: float | None = None

    @property
    def bytes(self) -> int:
        """What it costs in all."""
        return self.constants + self.ram


@dataclass(frozen=True)
class Setting:
    """How a network is quantized."""

    scheme: Scheme
    float_io: bool = False
    profile: Profile | None = None  # instead of the one given


def worst(outputs: Sequence[OutputFidelity]) -> float:
    """The lowest SNR of all outputs and their parts."""
    return min((output.worst for output in outputs), default=math.inf)


def _ram(program: Program) -> int:
    return program.sizes[Region.MUTABLE] + program.sizes[Region.ACTIVATION]


@dataclass
class Trials:
    """A float network, its profile and samples to try settings on.

    Attributes:
        graph: The float graph.
        profile: Its ranges.
        inputs: float32 [samples, *shape] by placeholder; the first 16 are used.
        base: The setting that is given.
        advance: Is called with 1 after each trial.
        found: The trials so far.
    """

    graph: Graph
    profile: Profile
    inputs: Mapping[str, Array]
    base: Setting
    advance: Callable[[int], None] = lambda count: None
    found: list[Trial] = field(default_factory=list)
    _measured: dict[tuple[Scheme, bool, bool], tuple[float, int, int] | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.few = {name: array[:TRIAL_SAMPLES] for name, array in self.inputs.items()}
        self.expected = float_outputs(self.graph, self.few)

    def quantized(self, setting: Setting) -> Graph:
        """The network by ``setting``."""
        return quantize(self.graph, setting.profile or self.profile, setting.scheme, setting.float_io)

    def measure(self, setting: Setting) -> tuple[float, int, int] | None:
        """(lowest SNR, bytes of constants, bytes of RAM); None where the network cannot be compiled so."""
        key = (setting.scheme, setting.float_io, setting.profile is not None)
        if key not in self._measured:
            try:
                program = lower(self.quantized(setting))
                outputs = compare_outputs(self.graph, program, self.expected, interpret(program, self.few))
                self._measured[key] = (worst(outputs), program.sizes[Region.CONSTANT], _ram(program))
            except TinyglowError:
                self._measured[key] = None
            self.advance(1)
        return self._measured[key]

    def attempt(self, options: Sequence[str], what: str, setting: Setting, predicted: float | None = None) -> float:
        """Try a setting and note it if it is worth an option; returns its lowest SNR, -inf where there is none."""
        before, after = self.measure(self.base), self.measure(setting)
        if before is None or after is None:
            return -math.inf
        gain = after[0] - before[0]
        known = any(trial.options == tuple(options) and trial.what == what for trial in self.found)
        if gain >= _LEAST_GAIN and not known:
            more = (after[1] - before[1], after[2] - before[2])
            self.found.append(Trial(tuple(options), what, after[0], gain, *more, predicted))
        return after[0]

    def best_first(self, most: int) -> list[Trial]:
        """The trials that gained most, without those that others beat."""
        kept = [trial for trial in self.found if not any(_beats(other, trial) for other in self.found)]
        return sorted(kept, key=lambda trial: -trial.gain)[:most]


def _beats(one: Trial, other: Trial) -> bool:
    """Whether ``one`` is as good and as cheap as ``other``, and better in one; half a dB does not count.

    A new profile is work of another kind.
    """
    if not (one.options and other.options) or one is other:
        return False
    as_good = one.gain >= other.gain - 0.5 and len(one.options) <= len(other.options) and one.bytes <= other.bytes
    better = one.gain > other.gain + 0.5 or len(one.options) < len(other.options) or one.bytes < other.bytes
    return as_good and better


def whole_network(trials: Trials, expected: Forecast) -> None:
    """Options that count for all layers."""
    predicted = {
        ("--precision", "int16"): expected.fine_activations(),
        ("--channelwise",): expected.per_channel(_convolutions(trials.graph)),
    }
    for options, what, setting in _settings(trials):
        trials.attempt(options, what, setting, predicted.get(options))


def _convolutions(graph: Graph) -> frozenset[str]:
    """The model's nodes whose weights can have a scale for each channel."""
    return frozenset(node.origin for node in graph.nodes if isinstance(node.op, Conv2D) and node.origin)


def _settings(trials: Trials) -> Iterator[tuple[tuple[str, ...], str, Setting]]:
    base = trials.base
    scheme = base.scheme

    def other(**changes: object) -> Setting | None:
        try:
            return replace(base, scheme=replace(scheme, **changes))  # type: ignore[arg-type]
        except TinyglowError:  # options that do not go together
            return None

    choices: list[tuple[tuple[str, ...], str, Setting | None]] = []
    if not scheme.int16:
        choices.append((("--precision", "int16"), "16-bit activations", other(precision="int16")))
        if not scheme.channelwise and any(isinstance(node.op, Conv2D) for node in trials.graph.nodes):
            choices.append((("--channelwise",), "a scale for each channel of convolutions", other(channelwise=True)))
        for schema in Schema:
            if schema is not scheme.schema:
                choices.append((("--schema", schema.value), "another schema", other(schema=schema)))
        if scheme.bias_dtype == "int8":
            choices.append((("--bias", "int32"), "wide biases", other(bias_dtype="int32")))
        if not scheme.calibrate and _has_fine_histograms(trials.profile):
            choices.append((("--calibration", "kl"), "ranges narrowed by divergence", other(calibrate=True)))
    if not base.float_io:
        choices.append((("--float-io",), "float inputs and outputs", replace(base, float_io=True)))
    return ((options, what, setting) for options, what, setting in choices if setting is not None)


def _has_fine_histograms(profile: Profile) -> bool:
    return any(len(range_.histogram) >= QUANTIZED_BINS for range_ in profile.ranges.values())


def new_profile(trials: Trials) -> None:
    """Ranges of the inputs at hand in place of those recorded."""
    fresh = profile(trials.graph, trials.inputs)
    what = "a profile made anew, with samples like these inputs"
    trials.attempt((), what, replace(trials.base, profile=fresh))


def _float_options(nodes: Sequence[str]) -> tuple[str, ...]:
    return tuple(part for name in nodes for part in ("--float-node", name))


def single_layers(trials: Trials, close: Closely, expected: Forecast) -> None:
    """The layers that lose most: each by itself per channel or in float, then one more at a time in float."""
    graph, scheme = trials.graph, trials.base.scheme
    convolutions = _convolutions(graph)
    for own in close.ranked()[:_ALONE]:
        for nodes in _nodes_of(graph, own.name):
            setting = _with_floats(trials.base, nodes)
            trials.attempt(_float_options(nodes), "in float", setting, expected.in_float(nodes))
            if _may_be_int16(graph, scheme, nodes):
                changed = replace(scheme, int16_nodes=scheme.int16_nodes | set(nodes))
                options = tuple(part for name in nodes for part in ("--int16-node", name))
                trials.attempt(options, "in int16", replace(trials.base, scheme=changed), expected.in_float(nodes))
            for name in convolutions.intersection(nodes) - scheme.channelwise_nodes if not scheme.int16 else ():
                changed = replace(scheme, channelwise_nodes=scheme.channelwise_nodes | {name})
                setting, predicted = replace(trials.base, scheme=changed), expected.per_channel({name})
                trials.attempt(("--channelwise-node", name), "a scale for each channel", setting, predicted)
    _one_more_in_float(trials, close, expected)


def _may_be_int16(graph: Graph, scheme: Scheme, nodes: Sequence[str]) -> bool:
    """Whether these nodes can be wider than the rest, which is int8."""
    own = [node for node in graph.nodes if node.origin in nodes]
    return not scheme.int16 and not scheme.like_glow and all(node.op.has_int16 for node in own)


def _with_floats(setting: Setting, nodes: Sequence[str]) -> Setting:
    return replace(setting, scheme=replace(setting.scheme, float_nodes=setting.scheme.float_nodes | set(nodes)))


def _one_more_in_float(trials: Trials, close: Closely, expected: Forecast) -> None:
    """Again and again, the layer that loses most joins those in float, in the way that helps most."""
    chosen: list[str] = []
    reached = (trials.measure(trials.base) or (math.inf,))[0]
    for _ in range(_ROUNDS):
        if reached >= _GOOD:
            return
        ways = _ways(trials.graph, close, chosen, trials.base.scheme.float_nodes)
        tried = [(trials.measure(_with_floats(trials.base, nodes)), nodes) for nodes in ways]
        results = [(found[0], nodes) for found, nodes in tried if found is not None]
        if not results:
            return
        reached, chosen = max(results, key=lambda pair: (round(pair[0]), -len(pair[1])))
        setting = _with_floats(trials.base, chosen)
        trials.attempt(_float_options(chosen), "in float", setting, expected.in_float(chosen))
        close = look_closely(trace(trials.graph, trials.quantized(setting), trials.few), trials.few)


def _ways(graph: Graph, close: Closely, chosen: Sequence[str], given: frozenset[str]) -> list[list[str]]:
    """The sets of nodes in float that begin with ``chosen`` and help the value that loses most."""
    layers = {node.origin for node in graph.nodes if node.op.bias_operand is not None}
    for own in close.ranked():
        ways = [list(dict.fromkeys([*chosen, *nodes])) for nodes in _nodes_of(graph, own.name)]
        ways = [way for way in ways if len(way) > len(chosen) and not set(way) <= given and not layers <= set(way)]
        if ways:
            return ways
    return []


def _nodes_of(graph: Graph, value: str) -> list[list[str]]:
    """Which nodes of the model to keep float so that ``value`` is more exact.

    Those that compute it, or those that read it too: what reads it as integers rounds it again. Never all layers of the
    network, which would not be quantized then.
    """
    computing = making(graph, value)
    reading = [reader.origin for reader in readers(graph, value)]
    layers = {node.origin for node in graph.nodes if node.op.bias_operand is not None}
    ways: list[list[str]] = []
    for names in (computing, reading, [*computing, *reading]):
        way = list(dict.fromkeys(name for name in names if name))
        if way and way not in ways and not layers <= set(way):
            ways.append(way)
    return ways


def try_advice(
    graph: Graph,
    given: Profile,
    inputs: Mapping[str, Array],
    base: Setting,
    close: Closely,
    *,
    profile_misfits: bool,
    most: int = 6,
    advance: Callable[[int], None] = lambda count: None,
) -> list[Trial]:
    """What gains at least 1 dB on ``inputs`` ([samples, *shape] float32), best first.

    profile_misfits: whether the inputs reach beyond the profile, or use little of it: then another one is tried too.
    """
    trials = Trials(graph, given, inputs, base, advance)
    before = trials.measure(base)
    if before is None or before[0] == math.inf:
        return []
    expected = forecast(close)
    whole_network(trials, expected)
    single_layers(trials, close, expected)
    if profile_misfits:
        new_profile(trials)
    return trials.best_first(most)
