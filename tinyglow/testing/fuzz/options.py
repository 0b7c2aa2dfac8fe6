"""How a random network is compiled: options of the command line, drawn by a seed."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from tinyglow.ir.target import Optimize, Target, WeightsAsCode
from tinyglow.numerics.names import GLOW, NUMERICS
from tinyglow.pipeline.stations import target_of
from tinyglow.quant.schema import Schema
from tinyglow.quant.scheme import Scheme
from tinyglow.targets.boards import load_board

_BOARDS = ("cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m33", "cortex-m7", "host")
_OF_FLOATS = ("schema", "precision", "bias", "channelwise", "graph", "float_node", "int16_node")  # a float model's


@dataclass(frozen=True)
class Options:
    """How a network is compiled, by the names and values of the command line.

    Attributes:
        board: Where it runs.
        schema: How ranges become scales and offsets.
        precision: Of activations.
        numerics: Whose rounding the integers have; "" for the model's own.
        bias: Type of biases.
        channelwise: Whether convolutions have a scale for each channel.
        graph: "tiny", or "glow" for exactly Glow's graph.
        float_node: A node of the model that stays float; "" for none.
        int16_node: A node of the model whose values are int16; "" for none.
        float_io: Whether inputs and outputs stay float.
        optimize: What kernels are chosen by.
        weights_as_code: Whether weights may become instructions.
        transformed_weights: Whether weights may be transformed for Winograd's algorithm.
        reuse_inputs: Whether activations may lie where an input was.
        tcm_size: Bytes of fast memory.
        wrap: Whether what may leave 32 bits is compiled, too.
        line_buffers: Whether chains of layers may be computed a few rows at a time.
        state: An input that lives in the network, and the output that it becomes, as "IN=OUT"; "" for none.
        stream: The dimension of a stream; None for a whole network.
        hop: How many elements a call of the stream takes.
    """

    board: str = "host"
    schema: str = "asymmetric"
    precision: str = "int8"
    numerics: str = ""
    bias: str = "int32"
    channelwise: bool = False
    graph: str = "tiny"
    float_node: str = ""
    int16_node: str = ""
    float_io: bool = False
    optimize: str = "speed"
    weights_as_code: str = "auto"
    transformed_weights: bool = False
    reuse_inputs: bool = False
    tcm_size: int = 0
    wrap: bool = False
    line_buffers: bool = False
    state: str = ""
    stream: int | None = None
    hop: int = 1

    @property
    def scheme(self) -> Scheme:
        """The options of quantization."""
        return Scheme(
            schema=Schema(self.schema),
            bias_dtype=self.bias,
            channelwise=self.channelwise,
            like_glow=self.graph == "glow",
            precision=self.precision,
            float_nodes=frozenset([self.float_node] if self.float_node else []),
            int16_nodes=frozenset([self.int16_node] if self.int16_node else []),
        )

    @property
    def target(self) -> Target:
        """What kernels are chosen for."""
        return replace(
            target_of(load_board(self.board), Optimize(self.optimize)),
            weights_as_code=WeightsAsCode(self.weights_as_code),
            transformed_weights=self.transformed_weights,
            reuse_inputs=self.reuse_inputs,
            wraps=self.wrap,
            line_buffers=self.line_buffers,
        )

    @property
    def states(self) -> dict[str, str]:
        """The inputs that live in the network, each with the output that it becomes."""
        before, _, after = self.state.partition("=")
        return {before: after} if before else {}

    @property
    def arguments(self) -> list[str]:
        """The options of ``tinyglow verify`` that differ from its defaults; and the board."""
        found = ["--board", self.board]
        default = Options()
        for field in fields(self):
            value, option = getattr(self, field.name), f"--{field.name.replace('_', '-')}"
            if field.name != "board" and value != getattr(default, field.name):
                if value is True:
                    found.append(option)
                elif field.name == "stream":  # an axis may be negative
                    found.append(f"{option}={value}")
                else:
                    found += [option, str(value)]
        return found


def for_quantized(options: Options) -> Options:
    """The options without those that a model which comes quantized does not take."""
    default = Options()
    return replace(options, **{name: getattr(default, name) for name in _OF_FLOATS})


def options_of(seed: int) -> Options:
    """The options that a seed draws for a float network. Defaults are frequent; all cores are equally likely."""
    rng = np.random.default_rng([seed, 11])

    def often(first: str, *others: str, share: float = 0.6) -> str:
        return first if rng.random() < share else str(rng.choice(others))

    int16 = rng.random() < 0.15
    # Numbers of their own, so that each seed draws the rest as it did before there was a choice.
    others = np.random.default_rng([seed, 13])
    named = [name for name in NUMERICS if name != GLOW]
    numerics = "" if int16 or others.random() < 0.5 else str(others.choice(named))
    is_glow = not numerics
    schemas = [schema.value for schema in Schema if schema is not Schema.ASYMMETRIC]
    schemas = ["symmetric", "symmetric_with_power2_scale"] if int16 else schemas
    return Options(
        board=str(rng.choice(_BOARDS)),
        schema=often(Schema.ASYMMETRIC.value, *schemas),
        precision="int16" if int16 else "int8",
        numerics=numerics,
        bias=_only(is_glow, "int32" if int16 else often("int32", "int8", share=0.9), "int32"),
        channelwise=bool(rng.random() < 0.3),
        graph=_only(is_glow, "tiny" if int16 else often("tiny", "glow", share=0.8), "tiny"),
        float_io=bool(rng.random() < 0.2),
        optimize=often(Optimize.SPEED.value, *(item.value for item in Optimize if item is not Optimize.SPEED)),
        weights_as_code=often(WeightsAsCode.AUTO.value, WeightsAsCode.ALWAYS.value, WeightsAsCode.NEVER.value),
        transformed_weights=bool(rng.random() < 0.3),
        reuse_inputs=bool(rng.random() < 0.3),
        tcm_size=int(others.choice([64, 1024, 16384])) if others.random() < 0.1 else 0,
        wrap=bool(others.random() < 0.1),
        line_buffers=bool(others.random() < 0.25),
    )


def _only(allowed: bool, drawn: str, default: str) -> str:
    """What was drawn, where that is allowed."""
    return drawn if allowed else default
