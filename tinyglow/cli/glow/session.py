"""What the tools have in common: the model, its inputs, and how to quantize it, from Glow's options.

Modules that take long to import are imported where they are needed, so that ``--help`` answers at once.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tinyglow.cli.glow.parse import GlowArguments
from tinyglow.errors import InputError, ModelError, Problem
from tinyglow.numerics.names import GLOW

if TYPE_CHECKING:
    from tinyglow.images import ImageOptions
    from tinyglow.ir.graph import Array, Graph
    from tinyglow.ir.program import Program
    from tinyglow.quant.scheme import Scheme

_TYPES = ("float", "float16", "bfloat16", "int8q", "int16q", "int32q", "int32", "int64", "bool")
_FORM = "name, or name,type,[shape], or name,type,scale,offset,[shape] for int8q, int16q, int32q"
_MODEL_INPUT = re.compile(
    r"(?P<name>[^,]+)(,(?P<type>\w+)(,(?P<scale>[0-9.eE+-]+),(?P<offset>[+-]?[0-9]{1,10}))?,\[(?P<shape>[0-9, ]+)\])?"
)


@dataclass(frozen=True)
class ModelInput:
    """One -model-input.

    Attributes:
        name: Of the input.
        type: "float" or a quantized type.
        shape: () if the name alone was given.
        scale: Of a quantized type.
        offset: Of a quantized type.
    """

    name: str
    type: str = "float"
    shape: tuple[int, ...] = ()
    scale: float = 0.0
    offset: int = 0


def model_inputs(arguments: GlowArguments) -> list[ModelInput]:
    """The inputs that -model-input and -model-input-name describe. Raises InputError."""
    found: list[ModelInput] = []
    problems = []
    for text in arguments.texts("model-input"):
        try:
            given = _model_input(text)
            if given.name in (other.name for other in found):
                raise ValueError("each input once")
            found.append(given)
        except ValueError as error:
            problems.append(Problem(f"-model-input={text}", "is not understood", str(error) or _FORM))
    if problems:
        raise InputError("the inputs of the model are not understood", problems)
    return found


def _model_input(text: str) -> ModelInput:
    match = _MODEL_INPUT.fullmatch(text)
    if match is None:
        raise ValueError(_FORM)
    if match["type"] is None:
        return ModelInput(match["name"])
    if match["type"] not in _TYPES:
        raise ValueError(f"one of the types {', '.join(_TYPES)}")
    if match["type"].endswith("q") != (match["scale"] is not None):
        raise ValueError(_FORM)
    shape = tuple(int(size) for size in match["shape"].split(","))  # ValueError for an empty size
    if min(shape) < 1 or max(shape) > 999_999_999:
        raise ValueError("sizes from 1 to 999999999")
    scale = float(match["scale"] or 0)
    if match["scale"] and not 0 < scale < float("inf"):
        raise ValueError("a scale above 0")
    return ModelInput(match["name"], match["type"], shape, scale, int(match["offset"] or 0))


def _defines(arguments: GlowArguments) -> dict[str, int]:
    """Sizes of symbolic dimensions, from -onnx-define-symbol."""
    sizes: dict[str, int] = {}
    problems = []
    for text in arguments.texts("onnx-define-symbol"):
        match = re.fullmatch(r"([^,]+),(0*[1-9][0-9]{0,8})", text)
        if match is None or match[1] in sizes:
            expected = "each symbol once" if match else "a symbol and a size, as in N,1"
            problems.append(Problem(f"-onnx-define-symbol={text}", "is not understood", expected))
        else:
            sizes[match[1]] = int(match[2])
    if problems:
        raise InputError("the option -onnx-define-symbol is not understood", problems)
    return sizes


def is_like_glow(arguments: GlowArguments) -> bool:
    """Whether to quantize exactly Glow's graph: unless -graph=tiny, or Int16, which Glow has not."""
    wanted = arguments.given("graph") or arguments.text("quantization-precision") == "Int8"
    return wanted and arguments.text("graph") == "glow"


def _bind(
    defined: dict[str, int], dimensions: Mapping[str, tuple[int | str, ...] | None], shapes: Mapping[str, Sequence[int]]
) -> tuple[dict[str, int], dict[str, tuple[int, ...]]]:
    """What -onnx-define-symbol leaves open, from the shapes given for inputs: sizes of symbols, shapes of inputs.

    dimensions: as the model has them. A shape that does not fit is left out: it is compared with the model's later.
    """
    bound, whole = dict(defined), {}
    for name, shape in shapes.items():
        dims = dimensions.get(name, ())
        if dims is None and shape:
            whole[name] = tuple(shape)
            continue
        dims = dims or ()
        pairs = list(zip(dims, shape, strict=False))
        if len(dims) != len(shape):
            continue
        for symbol, size in pairs:
            if isinstance(symbol, str) and symbol:
                bound.setdefault(symbol, size)
        if "" in dims and all(dim == size for dim, size in pairs if isinstance(dim, int)):
            whole[name] = tuple(bound.get(str(dim), size) for dim, size in pairs)
    return bound, whole


def load_model(
    arguments: GlowArguments,
    image: Sequence[int] = (),
    like_glow: bool | None = None,
    types: Sequence[str] = ("float",),
) -> Graph:
    """Load the model's graph.

    Symbolic dimensions are bound by -onnx-define-symbol, else by the shapes of -model-input, else by the images'.

    Args:
        arguments: What was given.
        image: Shape of the only input without its batch dimension, where the images themselves show it.
        like_glow: Whether to make exactly Glow's graph (default: as ``is_like_glow`` says).
        types: The types that -model-input may have.

    Returns:
        The graph.

    Raises:
        InputError: The options do not fit the model.
        ModelError: With everything in the model that is not supported.
    """
    from tinyglow.frontend.read import input_dimensions
    from tinyglow.ir.namer import legal_name
    from tinyglow.pipeline.stations import load

    inputs = model_inputs(arguments)
    path, weights = model_files(arguments)
    defined = _defines(arguments)
    dimensions = input_dimensions(path, weights)
    shapes: dict[str, Sequence[int]] = {legal_name(given.name): given.shape for given in inputs}
    if image and len(dimensions) == 1:
        shapes = {name: shapes.get(name) or (1, *image) for name in dimensions}
    like_glow = is_like_glow(arguments) if like_glow is None else like_glow
    name = arguments.text("network-name") or None
    known = {symbol for dims in dimensions.values() for symbol in dims or ()}
    for symbol in sorted(defined.keys() - known):  # as in Glow, no error
        print(
            f"note: -onnx-define-symbol={symbol},{defined.pop(symbol)}: the model has no such symbol", file=sys.stderr
        )
    sizes, whole = _bind(defined, dimensions, shapes)
    try:
        graph = load(path, name, sizes, like_glow, shapes=whole, weights=weights)
    except ModelError as error:
        raise ModelError(error.summary, [_in_glows_words(problem) for problem in error.problems]) from error
    for_inputs, for_outputs = (arguments.flag(f"tflite-float-{end}") for end in ("inputs", "outputs"))
    if graph.is_quantized and (for_inputs or for_outputs):
        from tinyglow.passes.placeholders import make_float

        graph = make_float(graph, for_inputs, for_outputs)
    _check_inputs(graph, inputs, types)
    return graph


def model_files(arguments: GlowArguments) -> tuple[str, str]:
    """The model, and the second file of a network that has two. Raises InputError for more."""
    files = arguments.texts("model")
    if len(files) > 2:
        problem = Problem("-model", f"is given {len(files)} times", "once, or twice for a Caffe2 or Caffe network")
        raise InputError("the model is not understood", [problem])
    return files[0], files[1] if len(files) > 1 else ""


def _in_glows_words(problem: Problem) -> Problem:
    """The same problem with the options as these tools call them."""
    hint = re.sub(r"--define ('?)([^ ]+?)=1(?=\1( |$))", r"-onnx-define-symbol=\1\2,1", problem.hint)
    hint = re.sub(r"--input-shape ('?)([^ ]+?)=([0-9,]+)(?=\1( |$))", r"-model-input=\1\2,float,[\3]", hint)
    return replace(problem, hint=hint)


def input_name(graph: Graph, given: str) -> str | None:
    """The graph's name for an input that the user calls as the model does, or as C does; None if there is none."""
    names = {graph.source_names.get(name, name): name for name in graph.inputs} | {name: name for name in graph.inputs}
    return names.get(given)


def _check_inputs(graph: Graph, inputs: Sequence[ModelInput], types: Sequence[str]) -> None:
    problems = []
    for given in inputs:
        where = f"-model-input {given.name}"
        name = input_name(graph, given.name)
        if name is None:
            problems.append(Problem(where, "is no input of the model", ", ".join(graph.inputs)))
            continue
        shape = graph.type_of(name).shape
        if given.shape and given.shape != shape:
            problems.append(Problem(where, f"has shape {list(given.shape)}", f"{list(shape)}, as the model has it"))
        if given.type not in types:
            problems.append(Problem(where, f"has type {given.type}", " or ".join(types)))
        if given.type == "int8q" and not -128 <= given.offset <= 127:
            problems.append(Problem(where, f"has the offset {given.offset}", "-128 to 127"))
    if problems:
        raise InputError("the inputs do not fit the model", problems)


def _kept_kinds(arguments: GlowArguments) -> tuple[frozenset[str], list[Problem]]:
    """Node kinds that stay float, and what is wrong with them: a misspelt kind would be quantized without a word."""
    from tinyglow.registry import OPS

    kinds = {op.glow_kind or name for name, op in OPS.items()}
    kept = frozenset(arguments.texts("keep-original-precision-for-nodes"))
    problems = []
    for name in sorted(kept - kinds):
        near = difflib.get_close_matches(name, sorted(kinds), 1)
        hint = f"did you mean {near[0]}?" if near else ""
        where = f"-keep-original-precision-for-nodes={name}"
        problems.append(Problem(where, "is no kind of node", "Glow's names, as in -dump-graph-DAG", hint))
    return kept, problems


def scheme_of(arguments: GlowArguments) -> Scheme:
    """How to quantize. Raises InputError for what is not there."""
    from tinyglow.quant.schema import Schema
    from tinyglow.quant.scheme import Scheme

    kept, problems = _kept_kinds(arguments)
    if arguments.text("quantization-precision-bias") == "Int16":
        where = "-quantization-precision-bias=Int16"
        problems.append(Problem(where, "is not supported", "Int8 or Int32", "Glow leaves such layers in float"))
    if problems:
        raise InputError("the quantization options cannot be used", problems)
    return Scheme(
        schema=Schema(arguments.text("quantization-schema")),
        bias_dtype=arguments.text("quantization-precision-bias").lower(),
        channelwise=arguments.flag("enable-channelwise"),
        calibrate=arguments.text("quantization-calibration") == "KL",
        calibrate_constants=arguments.flag("calibrate-constants"),
        keep_float=kept,
        like_glow=is_like_glow(arguments),
        precision=arguments.text("quantization-precision").lower(),
        channelwise_nodes=frozenset(arguments.texts("channelwise-node")),
        float_nodes=frozenset(arguments.texts("float-node")),
    )


def quantized_graph(arguments: GlowArguments, graph: Graph, float_io: bool) -> Graph:
    """``graph`` quantized by -load-profile and the quantization options; one that is quantized already needs none.

    Raises ProfileError or InputError.
    """
    from tinyglow.cli.reading import applicable
    from tinyglow.pipeline.stations import quantize
    from tinyglow.quant.profile import load_profile

    scheme = scheme_of(arguments)
    profile = load_profile(arguments.text("load-profile")) if arguments.given("load-profile") else None
    result = quantize(graph, profile, applicable(scheme, graph), float_io, numerics=GLOW)
    if arguments.flag("assert-all-nodes-quantized"):
        _assert_quantized(result, scheme.keep_float)
    return result


def _assert_quantized(graph: Graph, kept: frozenset[str]) -> None:
    from tinyglow.operators.dequantize import Dequantize
    from tinyglow.operators.quantize import Quantize

    left = [
        node
        for node in graph.nodes
        if graph.type_of(node.outputs[0]).dtype == "float32"
        and not isinstance(node.op, Quantize | Dequantize)
        and node.op.kind_in_glow not in kept
    ]
    if left:
        problems = [Problem(node.origin or node.name, f"{node.op.kind_in_glow} stays float") for node in left]
        raise ModelError("not all nodes are quantized, as -assert-all-nodes-quantized asks", problems)


def runner(arguments: GlowArguments, graph: Graph) -> Callable[[Mapping[str, Array]], dict[str, Array]]:
    """A function that runs samples [n, *shape] through the network, float or (-load-profile) quantized."""
    from tinyglow.interp import run_graph
    from tinyglow.pipeline.stations import interpret, lower

    if not arguments.given("load-profile") and not graph.is_quantized:
        return lambda inputs: run_graph(graph, inputs)
    program: Program = lower(quantized_graph(arguments, graph, float_io=True))
    return lambda inputs: interpret(program, inputs)


def image_options(arguments: GlowArguments) -> ImageOptions:
    """How images become tensors. Raises InputError."""
    from tinyglow.images import ImageOptions
    from tinyglow.images.preprocess import IMAGENET_MEAN, IMAGENET_STDDEV

    lists: dict[str, tuple[float, ...]] = {}
    problems = []
    for option in ("mean", "stddev"):
        try:
            lists[option] = tuple(float(part) for part in arguments.text(option).split(",") if arguments.given(option))
        except ValueError:
            problems.append(Problem(f"-{option}={arguments.text(option)}", "is not understood", "numbers and commas"))
    if arguments.flag("use-imagenet-normalization"):
        if arguments.given("mean") or arguments.given("stddev"):
            problems.append(Problem("-use-imagenet-normalization", "cannot be used together with -mean and -stddev"))
        lists = {"mean": IMAGENET_MEAN, "stddev": IMAGENET_STDDEV}
    if problems:
        raise InputError("the image options are not understood", problems)
    layout, order = arguments.text("image-layout"), arguments.text("image-channel-order")
    return ImageOptions(arguments.text("image-mode"), layout, order, **lists)
