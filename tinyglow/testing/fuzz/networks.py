"""The networks of a sweep: float ONNX models, ONNX models that come quantized, TFLite models, states and streams."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
import onnx

from tinyglow.ir.graph import Array
from tinyglow.numerics.names import NUMERICS, ONNX
from tinyglow.testing.fuzz.options import Options, for_quantized, options_of
from tinyglow.testing.graphs.causal import TIME, causal_model
from tinyglow.testing.graphs.draw import RandomModel
from tinyglow.testing.graphs.model import random_model
from tinyglow.testing.graphs.quantized import FIRST_OPSET, Conversion, conversion_of, quantized_model
from tinyglow.testing.oracle.shrink import smaller_models

if TYPE_CHECKING:
    from tinyglow.testing.graphs.tflite_model import TFLiteModel

SAMPLES = 12
FLOAT, QUANTIZED, TFLITE, STREAM = "float ONNX", "quantized ONNX", "TFLite", "stream"
_SHARES = {FLOAT: 0.46, QUANTIZED: 0.22, TFLITE: 0.24, STREAM: 0.08}
_STATES = 0.15  # how often an ONNX model has a state
_SLICING = (11, 13, 18)  # versions whose Slice takes its ends as inputs, as states need
_NODES = 0.1  # how often a node of a float model has a type of its own


class Network(ABC):
    """A network of a sweep."""

    suffix: str

    @property
    @abstractmethod
    def seed(self) -> int:
        """Draws it again."""

    @property
    @abstractmethod
    def comes_quantized(self) -> bool:
        """Whether the file quantizes its values."""

    @property
    @abstractmethod
    def data(self) -> bytes:
        """The model file."""

    @property
    @abstractmethod
    def samples(self) -> Mapping[str, Array]:
        """float32 [samples, *shape] by input."""

    @property
    @abstractmethod
    def lines(self) -> list[str]:
        """The network as text."""

    @abstractmethod
    def smaller(self) -> Iterator[Network]:
        """Networks with a part less; not all of them are sound."""


@dataclass(frozen=True)
class OnnxNetwork(Network):
    """A random ONNX model; ``how`` it comes quantized, None if it is float."""

    model: RandomModel
    how: Conversion | None = None
    suffix = ".onnx"

    @property
    def seed(self) -> int:
        """Draws it again."""
        return self.model.seed

    @property
    def comes_quantized(self) -> bool:
        """Whether the file quantizes its values."""
        return self.how is not None

    @property
    def proto(self) -> onnx.ModelProto:
        """The model."""
        if self.how is None:
            return self.model.proto
        given = self.samples
        count = len(next(iter(given.values())))
        shapes = {value.name: [size.dim_value for size in value.type.tensor_type.shape.dim] for value in self._inputs}
        zeros = {name: np.zeros((count, *shapes[name]), np.float32) for name in self.model.states}
        return quantized_model(self.model, self.how, {**given, **zeros}).proto

    @property
    def _inputs(self) -> list[onnx.ValueInfoProto]:
        return list(self.model.proto.graph.input)

    @property
    def data(self) -> bytes:
        """The model file."""
        return bytes(self.proto.SerializeToString())

    @property
    def samples(self) -> Mapping[str, Array]:
        """float32 [samples, *shape] by input."""
        return self.model.samples(SAMPLES)

    @property
    def lines(self) -> list[str]:
        """The model as onnx prints it."""
        return str(onnx.printer.to_text(self.proto)).splitlines()

    def smaller(self) -> Iterator[Network]:
        """With an output or a node less."""
        for part in smaller_models(self.model.proto):
            yield replace(self, model=replace(self.model, proto=part))


@dataclass(frozen=True)
class TFLiteNetwork(Network):
    """A random TFLite model, a ``graphs.tflite_model.TFLiteModel``."""

    model: TFLiteModel
    suffix = ".tflite"
    comes_quantized = True  # in all types that are drawn

    @property
    def seed(self) -> int:
        """Draws it again."""
        return self.model.seed

    @property
    def data(self) -> bytes:
        """The model file."""
        return self.model.data

    @property
    def samples(self) -> Mapping[str, Array]:
        """float32 [samples, *shape] by input."""
        return self.model.samples(SAMPLES)

    @property
    def lines(self) -> list[str]:
        """The operators."""
        return [self.model.dtype, *(f"{name} {own}" for name, own in self.model.steps)]

    def smaller(self) -> Iterator[Network]:
        """With an operator less."""
        for part in self.model.smaller():
            yield replace(self, model=part)


def kind_of(seed: int) -> str:
    """What kind of network a seed draws. Without the packages for TFLite files, another kind takes their place."""
    kinds = list(_SHARES)
    kind = kinds[int(np.random.default_rng([seed, 17]).choice(len(kinds), p=list(_SHARES.values())))]
    return QUANTIZED if kind == TFLITE and not _writes_tflite() else kind


def _writes_tflite() -> bool:
    return all(find_spec(package) is not None for package in ("tflite", "flatbuffers"))


def drawn(seed: int) -> tuple[Network, Options]:
    """The network of a seed, and the options that it is compiled with."""
    kind, rng, options = kind_of(seed), np.random.default_rng([seed, 23]), options_of(seed)
    if kind == TFLITE:
        from tinyglow.testing.graphs.tflite_model import tflite_model

        model = tflite_model(seed)
        numerics = [name for name in NUMERICS if model.dtype != "INT16" or name != ONNX]  # which has no int16
        return TFLiteNetwork(model), _own_numerics(for_quantized(options), rng, numerics)
    if kind == STREAM:
        causal, step = causal_model(seed)
        hops = [hop for hop in (step, 2 * step, 3 * step) if hop <= causal.shapes["input"][TIME]]
        options = replace(options, graph="tiny", reuse_inputs=False, line_buffers=False)
        options = replace(options, stream=TIME, hop=int(rng.choice(hops)))
        if rng.random() < 0.3:
            return OnnxNetwork(causal, conversion_of(seed)), _own_numerics(for_quantized(options), rng)
        return OnnxNetwork(causal), options
    with_state = bool(rng.random() < _STATES)
    if kind == QUANTIZED:
        network = random_model(seed, opsets=(FIRST_OPSET, 18), with_state=with_state)
        options = _with_state(_own_numerics(for_quantized(options), rng), network)
        return OnnxNetwork(network, replace(conversion_of(seed), pairs=network.states)), options
    network = random_model(seed, opsets=_SLICING, with_state=True) if with_state else random_model(seed)
    return OnnxNetwork(network), _with_nodes(_with_state(options, network), network, rng)


def _own_numerics(options: Options, rng: np.random.Generator, others: Sequence[str] = tuple(NUMERICS)) -> Options:
    """Of a network that comes quantized: mostly the numerics of its own runtime."""
    return replace(options, numerics="" if rng.random() < 0.7 else str(rng.choice(others)))


def _with_state(options: Options, model: RandomModel) -> Options:
    pairs = [f"{before}={after}" for before, after in model.states.items()]
    return replace(options, graph="tiny", state=pairs[0]) if pairs else options


def _live(proto: onnx.ModelProto) -> list[str]:
    """Names of the nodes that an output depends on."""
    needed, found = {value.name for value in proto.graph.output}, []
    for node in reversed(proto.graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            found.append(node.name)
    return [name for name in found if name]


def _with_nodes(options: Options, model: RandomModel, rng: np.random.Generator) -> Options:
    """At times a node that stays float, or one of int16."""
    names = _live(model.proto)
    if options.graph == "glow" or not names:
        return options
    if rng.random() < _NODES:
        options = replace(options, float_node=str(rng.choice(names)))
    if rng.random() < _NODES and options.precision == "int8" and options.bias == "int32":
        options = replace(options, int16_node=str(rng.choice(names)))
    return options
