"""One trial: a network is compiled with some options and run on a core; its outputs must be the interpreter's."""

from __future__ import annotations

import tempfile
import traceback
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import onnx

from tinyglow.errors import SimulationError, TinyglowError, ToolError
from tinyglow.ir.graph import Array, Graph
from tinyglow.ir.program import Program
from tinyglow.ir.target import Optimize, Target, WeightsAsCode
from tinyglow.numerics.names import GLOW, NUMERICS
from tinyglow.pipeline.execute import simulate
from tinyglow.pipeline.stations import interpret, load, lower, profile, quantize, target_of
from tinyglow.quant.profile import Profile
from tinyglow.quant.schema import Schema
from tinyglow.quant.scheme import Scheme
from tinyglow.targets.boards import load_board

EQUAL, REFUSED = "equal", "refused"
NAME = "net"
RUNS = 3  # of the samples
_BOARDS = ("cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m33", "cortex-m7", "host")

Arrays = Mapping[str, Array]


@dataclass(frozen=True)
class Options:
    """How a network is compiled, by the names and values of the command line.

    Attributes:
        board: Where it runs.
        schema: How ranges become scales and offsets.
        precision: Of activations.
        numerics: Whose rounding the integers have.
        bias: Type of biases.
        channelwise: Whether convolutions have a scale for each channel.
        graph: "tiny", or "glow" for exactly Glow's graph.
        float_io: Whether inputs and outputs stay float.
        optimize: What kernels are chosen by.
        weights_as_code: Whether weights may become instructions.
        transformed_weights: Whether weights may be transformed for Winograd's algorithm.
        reuse_inputs: Whether activations may lie where an input was.
    """

    board: str = "host"
    schema: str = "asymmetric"
    precision: str = "int8"
    numerics: str = GLOW
    bias: str = "int32"
    channelwise: bool = False
    graph: str = "tiny"
    float_io: bool = False
    optimize: str = "speed"
    weights_as_code: str = "auto"
    transformed_weights: bool = False
    reuse_inputs: bool = False

    @property
    def scheme(self) -> Scheme:
        """The options of quantization."""
        return Scheme(
            schema=Schema(self.schema),
            bias_dtype=self.bias,
            channelwise=self.channelwise,
            like_glow=self.graph == "glow",
            precision=self.precision,
        )

    @property
    def arguments(self) -> list[str]:
        """The options of ``tinyglow verify`` that differ from its defaults; and the board."""
        found = ["--board", self.board]
        default = Options()
        for field in fields(self):
            value, option = getattr(self, field.name), f"--{field.name.replace('_', '-')}"
            if field.name != "board" and value != getattr(default, field.name):
                found += [option] if value is True else [option, str(value)]
        return found


def options_of(seed: int) -> Options:
    """The options that a seed draws. Defaults are frequent; each core is as likely as the others."""
    rng = np.random.default_rng([seed, 11])

    def often(first: str, *others: str, share: float = 0.6) -> str:
        return first if rng.random() < share else str(rng.choice(others))

    int16 = rng.random() < 0.15
    # Numbers of their own, so that each seed draws the rest as it did before there was a choice.
    others = np.random.default_rng([seed, 13])
    numerics = (
        GLOW if int16 or others.random() < 0.5 else str(others.choice([name for name in NUMERICS if name != GLOW]))
    )
    is_glow = numerics == GLOW
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
    )


def _only(allowed: bool, drawn: str, default: str) -> str:
    """What was drawn, where that is allowed."""
    return drawn if allowed else default


@dataclass(frozen=True)
class Outcome:
    """What became of a trial.

    Attributes:
        kind: EQUAL; REFUSED, with an error that says why; or what is wrong: "difference", "crash" of the compiler,
            "C" that does not compile, "simulation" that stopped.
        text: The first difference, or the error.
    """

    kind: str
    text: str = ""

    @property
    def is_fault(self) -> bool:
        """Whether something is wrong."""
        return self.kind not in (EQUAL, REFUSED)


def float_network(model: onnx.ModelProto, samples: Arrays, options: Options) -> tuple[Graph, Profile]:
    """The float graph of a model, and its profile over ``samples``, float32 [samples, *shape] by input name."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{NAME}.onnx"
        path.write_bytes(model.SerializeToString())
        graph = load(path, NAME, like_glow=options.graph == "glow")
    return graph, profile(graph, samples)


def compile_network(model: onnx.ModelProto, samples: Arrays, options: Options) -> Program:
    """The program of a model, by the ranges that ``samples`` have."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph, found = float_network(model, samples, options)
        quantized = quantize(graph, found, options.scheme, options.float_io, numerics=options.numerics)
        return lower(quantized, target=_target(options))


def _target(options: Options) -> Target:
    return replace(
        target_of(load_board(options.board), Optimize(options.optimize)),
        weights_as_code=WeightsAsCode(options.weights_as_code),
        transformed_weights=options.transformed_weights,
        reuse_inputs=options.reuse_inputs,
    )


def try_network(model: onnx.ModelProto, samples: Arrays, options: Options, compiler: str | None = None) -> Outcome:
    """Compile a network, run it, and compare its outputs with the interpreter's, bit for bit.

    Args:
        model: A float network.
        samples: float32 [samples, *shape] for each input: the profile is made of all, the network runs on the first.
        options: How it is compiled, and where it runs.
        compiler: The C compiler, as ``sim.toolchain.find_compiler`` takes it.

    Returns:
        What became of it. No exception that a network can cause leaves this function.
    """
    try:
        program = compile_network(model, samples, options)
        inputs = {name: array[:RUNS] for name, array in samples.items()}
        expected = interpret(program, inputs)
    except TinyglowError as error:
        kind = "crash" if "internal error" in str(error) else REFUSED
        return Outcome(kind, str(error))
    except Exception as error:
        return Outcome("crash", _where(error))
    try:
        found = simulate(program, load_board(options.board), inputs, compiler).outputs
    except ToolError as error:
        return Outcome("C", str(error))
    except SimulationError as error:
        return Outcome("simulation", str(error))
    except TinyglowError as error:
        return Outcome(REFUSED, str(error))
    except Exception as error:
        return Outcome("crash", _where(error))
    text = _difference(expected, found)
    return Outcome("difference", text) if text else Outcome(EQUAL)


def _difference(expected: Arrays, found: Arrays) -> str:
    """The first output that differs in its bits, or ""."""
    for name, array in expected.items():
        other = found[name].reshape(array.shape).astype(array.dtype)
        width = f"u{array.dtype.itemsize}"
        differs = np.ascontiguousarray(array).view(width) != np.ascontiguousarray(other).view(width)
        if differs.any():
            first = tuple(int(index) for index in np.argwhere(differs)[0])
            counts = f"{int(differs.sum())} of {array.size} elements differ"
            return f"output {name}: {counts}; {list(first)} is {other[first]}, not {array[first]}"
    return ""


def _where(error: Exception) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "tinyglow" in frame.filename]
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{place}"
