"""How to quantize: the options of Glow's tools and a few of ours, checked against each other and the network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property

from tinyglow.errors import InputError, Problem
from tinyglow.ir.graph import Graph, Node
from tinyglow.ir.record import Record
from tinyglow.ir.types import QuantParams
from tinyglow.numerics.names import GLOW
from tinyglow.quant.schema import (
    INT16_HEADROOM,
    Schema,
    choose_params,
)


class Scheme(Record):
    """How to quantize; each field is an option of Glow's tools, unless it is said to be ours.

    Attributes:
        schema: How ranges become scales and offsets (-quantization-schema).
        bias_dtype: "int32" or "int8" (-quantization-precision-bias).
        channelwise: Whether convolutions get a scale for each output channel (-enable-channelwise).
        calibrate: Whether ranges are narrowed by divergence (-quantization-calibration=KL).
        calibrate_constants: Whether those of weights are too (-calibrate-constants).
        keep_float: Node kinds that stay float, by Glow's names (-keep-original-precision-for-nodes).
        like_glow: Whether to end with exactly Glow's graph, even where a simpler one is known. Ours.
        channelwise_nodes: Names of the model's nodes that get a scale for each output channel in any case. Ours.
        float_nodes: Names of the model's nodes that stay float in any case. Ours.
        precision: Of activations: "int8" or "int16". int16 is ours: Glow's -quantization-precision=Int16 silently stays
            float. It is symmetric whatever the schema (with power-of-two scales if that says so), with int8 weights, a
            scale for each output unit, and biases as wide as the sums need.
        int16_nodes: Names of the model's nodes whose values are int16 in any case; what they read of others, and others
            of them, is rounded anew. Ours.

    Raises:
        InputError: An option goes with int8 only, and ``precision`` is int16.
    """

    schema: Schema = Schema.ASYMMETRIC
    bias_dtype: str = "int32"
    channelwise: bool = False
    calibrate: bool = False
    calibrate_constants: bool = False
    keep_float: frozenset[str] = frozenset()
    like_glow: bool = False
    channelwise_nodes: frozenset[str] = frozenset()
    float_nodes: frozenset[str] = frozenset()
    precision: str = "int8"
    int16_nodes: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.precision not in ("int8", "int16"):
            raise InputError("unknown precision", [Problem("--precision", repr(self.precision), "int8 or int16")])
        problems = [Problem(*problem) for problem in _int8_only(self)] if self.int16 else []
        if self.like_glow and self.int16_nodes:
            problems = [Problem("--graph", "glow", "tiny: Glow has no int16")]
        if problems:
            raise InputError("these options do not go with int16", problems)

    @property
    def int16(self) -> bool:
        """Whether activations are int16."""
        return self.precision == "int16"

    @cached_property
    def _wide(self) -> Scheme:
        schema = Schema.SYMMETRIC if self.schema is Schema.SYMMETRIC_WITH_UINT8 else self.schema
        return replace(
            self,
            precision="int16",
            schema=schema,
            bias_dtype="int32",
            calibrate=False,
            calibrate_constants=False,
            int16_nodes=frozenset(),
        )

    def at(self, origin: str) -> Scheme:
        """The scheme for what a node of the model became."""
        return self._wide if origin in self.int16_nodes else self

    @property
    def value_schema(self) -> Schema:
        """The schema by which activations get their parameters."""
        if self.int16 and self.schema is not Schema.SYMMETRIC_WITH_POWER2_SCALE:
            return Schema.SYMMETRIC
        return self.schema

    def choose(
        self, low: float, high: float, dtype: str = "", constant: bool = False, histogram: Sequence[float] = ()
    ) -> QuantParams:
        """The parameters for a value's range. int16 has headroom beyond it.

        Args:
            low: The smallest real.
            high: The largest real.
            dtype: Of the integers (default: ``precision``).
            constant: Whether the range is certain, and needs no headroom.
            histogram: For KL calibration.

        Returns:
            Scale and offset.
        """
        dtype = dtype or self.precision
        headroom = INT16_HEADROOM if dtype == "int16" and not constant else 1.0
        return choose_params(low * headroom, high * headroom, self.value_schema, dtype, histogram)

    def quantizes(self, node: Node) -> bool:
        """Whether a node of the float graph becomes int8, or int16."""
        glow_keeps_float = self.like_glow and node.op.float_in_glow
        return (
            node.op.quantizable
            and not self.keeps_float(node)
            and not glow_keeps_float
            and (node.op.has_int16 or not self.at(node.origin).int16)
        )

    def keeps_float(self, node: Node) -> bool:
        """Whether the user wants a node of the float graph to stay float."""
        return node.op.kind_in_glow in self.keep_float or node.origin in self.float_nodes

    def check_nodes(self, graph: Graph) -> None:
        """Raises InputError if it names nodes that the graph has not."""
        known = {node.origin for node in graph.nodes}
        unknown = sorted((self.channelwise_nodes | self.float_nodes | self.int16_nodes) - known)
        if unknown:
            problems = [Problem(name, "is no node of the network", ", ".join(sorted(known))[:300]) for name in unknown]
            raise InputError("the options for single nodes do not fit the network", problems)

    def check_numerics(self, numerics: str) -> None:
        """Raises InputError for what goes with Glow's numerics alone, of activations and biases."""
        if numerics == GLOW:
            return
        problems = []
        if self.int16:
            problems.append(Problem("--numerics", numerics, GLOW, "16-bit activations have one arithmetic"))
        if self.bias_dtype != "int32":
            why = "kernels with the numerics of others read biases of 32 bits in steps of the sums"
            problems.append(Problem("--bias", self.bias_dtype, "int32", why))
        if problems:
            raise InputError(f"these options do not go with --numerics {numerics}", problems)


def _int8_only(scheme: Scheme) -> Iterator[tuple[str, str, str, str]]:
    """What an int16 scheme may not say: option, what it is, what it may be, why."""
    if scheme.like_glow:
        why = "Glow has no int16: asked for it, it silently compiles float"
        yield "--graph", "glow", "tiny", why
    if scheme.schema is Schema.SYMMETRIC_WITH_UINT8:
        why = "int16 is symmetric, about zero"
        yield "--schema", scheme.schema.value, "symmetric or symmetric_with_power2_scale", why
    if scheme.bias_dtype != "int32":
        yield "--bias", scheme.bias_dtype, "int32, the default", "biases of int16 layers are as wide as their sums"
    if scheme.calibrate or scheme.calibrate_constants:
        yield "--calibration", "kl", "none", "it narrows ranges for 255 steps; int16 has 65535"


def profiled_values(graph: Graph, scheme: Scheme) -> list[str]:
    """Names of the values whose ranges quantization needs: all that a quantizable node reads or makes."""
    names: dict[str, None] = {}
    for node in graph.nodes:
        if scheme.quantizes(node):
            names.update(dict.fromkeys([*node.inputs, *node.outputs]))
    return [name for name in names if graph.type_of(name).dtype == "float32"]
