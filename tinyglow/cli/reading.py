"""What commands read: files and options into the API's own objects.

Modules that take long to import are imported where they are needed, so that ``--help`` answers at once.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tinyglow.errors import InputError, Problem
from tinyglow.ir.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tinyglow.ir.graph import Array, Graph
    from tinyglow.ir.program import Program
    from tinyglow.ir.target import Target
    from tinyglow.quant.profile import Profile
    from tinyglow.quant.scheme import Scheme
    from tinyglow.targets.boards import Board


def name_value_pairs(option: str, texts: list[str]) -> dict[str, str]:
    """NAME=VALUE options as a dict."""
    pairs: dict[str, str] = {}
    problems = []
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            problems.append(Problem(f"{option} {text}", "is not of the form NAME=VALUE"))
        elif name in pairs:
            problems.append(Problem(f"{option} {text}", f"gives {name} a second time"))
        pairs[name] = value
    if problems:
        raise InputError(f"the option {option} is not understood", problems)
    return pairs


def defines(arguments: argparse.Namespace) -> dict[str, int]:
    """Sizes of symbolic dimensions, from --define; InputError."""
    pairs = name_value_pairs("--define", arguments.define)
    bad = [name for name, value in pairs.items() if not re.fullmatch(r"0*[1-9][0-9]{0,8}", value)]
    if bad:
        expected = "an integer from 1 to 999999999"
        problems = [Problem(f"--define {name}={pairs[name][:80]}", "is not a size", expected) for name in bad]
        raise InputError("the option --define is not understood", problems)
    return {name: int(value) for name, value in pairs.items()}


def input_shapes(arguments: argparse.Namespace) -> dict[str, tuple[int, ...]]:
    """Shapes of inputs, from --input-shape; InputError."""
    pairs = name_value_pairs("--input-shape", arguments.input_shape)
    size = "0*[1-9][0-9]{0,8}"
    bad = [name for name, value in pairs.items() if not re.fullmatch(f"{size}(,{size}){{0,15}}", value)]
    if bad:
        expected = "sizes from 1 to 999999999, as in 1,3,32,32"
        problems = [Problem(f"--input-shape {name}={pairs[name][:80]}", "is no shape", expected) for name in bad]
        raise InputError("the option --input-shape is not understood", problems)
    return {name: tuple(int(size) for size in value.split(",")) for name, value in pairs.items()}


def read_labels(arguments: argparse.Namespace) -> Array | None:
    """The right class of each sample, from --labels: an array, or a folder with images; None without; InputError."""
    from tinyglow.cli.samples import labels_of

    if not arguments.labels:
        return None
    try:
        return labels_of(arguments.labels)
    except ValueError as error:
        raise InputError("the labels cannot be read", [Problem(f"--labels {arguments.labels}", str(error))]) from error


def read_inputs(arguments: argparse.Namespace, by_name: bool = False) -> dict[str, Array]:
    """The arrays that --input names, [samples, *shape]; one without a name is under ``NAMELESS``; InputError.

    by_name: whether each must be named, because it is not known which placeholders are inputs.
    """
    from tinyglow.cli.samples import images_of, named_arrays, one_array

    arrays: dict[str, Array] = {}
    problems = []
    alone = [text for text in arguments.input if text and "=" not in text and (not by_name or _is_archive(text))]
    pairs = name_value_pairs("--input", [text for text in arguments.input if text not in alone])
    given = [(f"{name}={path}", name, path) for name, path in pairs.items()] + [(path, "", path) for path in alone]
    for text, name, path in given:
        try:
            if not name and _is_archive(path):
                found = named_arrays(path)
            elif Path(path).is_dir():
                found = {name: images_of(path, arguments)}
            else:
                found = {name: one_array(path)}
        except ValueError as error:
            problems.append(Problem(f"--input {text}", str(error)))
            continue
        again = [name or "an input without a name" for name in found.keys() & arrays.keys()]
        problems += [Problem(f"--input {text}", f"gives {name} a second time") for name in again]
        arrays.update(found)
    if problems:
        raise InputError("the inputs cannot be read", problems)
    return arrays


def _is_archive(text: str) -> bool:
    return text.lower().endswith(".npz")


def read_graph(arguments: argparse.Namespace, name: str | None = None) -> Graph:
    """Station 1: the model file as a graph."""
    from tinyglow.pipeline.stations import load

    like_glow, dump = arguments.graph == "glow", dump_of(arguments)
    return load(
        arguments.model,
        name,
        defines(arguments),
        like_glow,
        dump,
        shapes=input_shapes(arguments),
        outputs=arguments.output_name,
        states=name_value_pairs("--state", arguments.state),
        weights=arguments.model_weights,
    )


def read_source(arguments: argparse.Namespace) -> Graph:
    """The graph as the model file holds it, before station 2."""
    from tinyglow.bundle.emit import default_name
    from tinyglow.frontend.read import load_model
    from tinyglow.frontend.request import Request

    request = Request(
        defines(arguments),
        input_shapes(arguments),
        tuple(arguments.output_name),
        like_glow=arguments.graph == "glow",
        states=name_value_pairs("--state", arguments.state),
        weights=arguments.model_weights,
    )
    return load_model(arguments.model, default_name(Path(arguments.model)), request)


def dump_of(arguments: argparse.Namespace):  # type: ignore[no-untyped-def]  # the type would import the pipeline
    """Where the stations write their results, from --dump."""
    from tinyglow.pipeline.dump import Dump

    folder = getattr(arguments, "dump", None)
    return Dump(Path(folder) if folder else None)


def scheme_of(arguments: argparse.Namespace) -> Scheme:
    """How to quantize, from the options of ``add_scheme``."""
    from tinyglow.quant.schema import Schema
    from tinyglow.quant.scheme import Scheme

    return Scheme(
        schema=Schema(arguments.schema),
        bias_dtype=arguments.bias.lower(),
        channelwise=arguments.channelwise,
        calibrate=arguments.calibration.upper() == "KL",
        calibrate_constants=arguments.calibrate_constants,
        keep_float=frozenset(name for name in arguments.keep_float.split(",") if name),
        like_glow=arguments.graph == "glow",
        precision=arguments.precision,
        channelwise_nodes=frozenset(arguments.channelwise_node),
        float_nodes=frozenset(arguments.float_node),
        int16_nodes=frozenset(arguments.int16_node),
    )


class Quantized(Record):
    """Stations 1 to 5, and what they were given."""

    graph: Graph
    profile: Profile | None
    scheme: Scheme
    quantized: Graph


class Compiled(Quantized):
    """Stations 6 to 8 too."""

    program: Program


def board_of(arguments: argparse.Namespace) -> Board:
    """The board of --board, or the core of --target. Raises InputError for --waits on that core."""
    from tinyglow.targets.boards import load_board
    from tinyglow.targets.portable import portable_board

    name = getattr(arguments, "target", None)
    if name is None:
        return load_board(arguments.board)
    board = portable_board(name)
    if getattr(arguments, "waits", False):
        found = f"means nothing on {board.title}: no cycles are counted, and no memories are known"
        raise InputError("the options do not fit together", [Problem("--waits", found, "--board, for an Arm core")])
    return board


def target_of_options(arguments: argparse.Namespace, board: Board | None = None) -> Target:
    """What kernels are chosen for, from --board (or on ``board``) and the options of ``add_target``."""
    from dataclasses import replace

    from tinyglow.ir.target import Optimize, WeightsAsCode
    from tinyglow.pipeline.stations import target_of

    target = target_of(board or board_of(arguments), Optimize(arguments.optimize))
    as_code = WeightsAsCode(arguments.weights_as_code)
    chosen = replace(
        target,
        weights_as_code=as_code,
        reuse_inputs=arguments.reuse_inputs,
        line_buffers=arguments.line_buffers,
        push_rows=arguments.push_rows,
        transformed_weights=arguments.transformed_weights,
        wraps=arguments.wrap,
    )
    chosen.check()  # before anything is read
    return chosen


def program_of(arguments: argparse.Namespace, quantized: Graph, say: bool = True) -> Program:
    """Stations 6 to 8 as the options ask for. say: whether notes about them are printed."""
    from tinyglow.pipeline.stations import lower

    dump, target = dump_of(arguments), target_of_options(arguments)
    quantized = streamed(arguments, quantized, say)
    tcm, flash, ram = (getattr(arguments, name, None) for name in ("tcm_size", "max_flash", "max_ram"))
    if flash is None and ram is None:
        return lower(quantized, dump, target, tcm_bytes=tcm or 0)
    board = board_of(arguments)
    if board.is_host or tcm:
        found = "--tcm-size is given too" if tcm else "the board is this machine"
        raise InputError("a budget is for boards, and cannot be combined with --tcm-size", [Problem("", found)])
    from tinyglow.pipeline.budget import lower_within  # which needs compilers

    return lower_within(quantized, board, target, flash, ram, arguments.cc, dump)


def applicable(scheme: Scheme, graph: Graph) -> Scheme | None:
    """The scheme, or None for a model that is quantized already; says which options mean nothing then."""
    from dataclasses import fields

    from tinyglow.quant.scheme import Scheme

    if not graph.is_quantized:
        return scheme
    plain = Scheme()
    given = [field.name for field in fields(Scheme) if getattr(scheme, field.name) != getattr(plain, field.name)]
    if unused := [name.replace("_", " ") for name in given if name != "like_glow"]:
        found = "note: the model is quantized already; these options of quantization mean nothing here"
        print(f"{found}: {', '.join(unused)}", file=sys.stderr)
    return None


_MOST_NOTED = 8


def _note_nodes(problems: Sequence[Problem], what: str) -> None:
    """List problems of nodes on stderr; ``what`` follows the number of those that are left out."""
    for problem in problems[:_MOST_NOTED]:
        print(f"note: {problem}", file=sys.stderr)
    if len(problems) > _MOST_NOTED:
        print(f"note: {len(problems) - _MOST_NOTED} more nodes {what}", file=sys.stderr)


def _note_numerics(graph: Graph, taken: str) -> None:
    """Say on stderr why a model that comes quantized does not get the numerics of its own runtime."""
    from dataclasses import replace

    from tinyglow.numerics.names import NUMERICS
    from tinyglow.pipeline.own_numerics import without_form

    if graph.own_numerics in ("", taken):
        return
    print(
        f"note: the integers have the rounding of {NUMERICS[taken]}, not of {NUMERICS[graph.own_numerics]}:",
        file=sys.stderr,
    )
    _note_nodes([replace(problem, hint="") for problem in without_form(graph)], "have no such form")


def _note_float_nodes(graph: Graph) -> None:
    """Say on stderr which nodes of a model that comes quantized stay float, and why."""
    from tinyglow.quant.declared import float_nodes

    _note_nodes(float_nodes(graph) if graph.is_declared else [], "stay float")


def quantized_of(
    arguments: argparse.Namespace, name: str | None = None, made_up: Callable[[Graph], Profile] | None = None
) -> Quantized:
    """Stations 1 to 5 of the model that the options name.

    made_up: makes the profile of a float network where --profile does not give one, which else is an error.
    """
    from tinyglow.pipeline.stations import quantize, with_numerics
    from tinyglow.quant.profile import load_profile

    scheme = scheme_of(arguments)
    graph = read_graph(arguments, name)
    recorded = load_profile(arguments.profile) if arguments.profile is not None else None
    if recorded is None and not graph.is_quantized and made_up is not None:
        note = "note: without --profile the ranges are made up; sizes and cycles hardly depend on them"
        print(note, file=sys.stderr)
        recorded = made_up(graph)
    if recorded is None and not graph.is_quantized:
        problem = Problem("--profile", "is missing", "ranges to quantize by", "make them with 'tinyglow profile'")
        raise InputError("the model is a float network", [problem])
    graph = with_numerics(graph, arguments.numerics, scheme)
    quantized = quantize(graph, recorded, applicable(scheme, graph), arguments.float_io, dump_of(arguments))
    _note_numerics(graph, quantized.numerics)
    graph = with_numerics(graph, quantized.numerics)
    _note_float_nodes(graph)
    return Quantized(graph, recorded, scheme, quantized)


def streamed(arguments: argparse.Namespace, graph: Graph, say: bool = False) -> Graph:
    """The graph as the stream that --stream asks for. say: whether to note on stderr how its outputs come."""
    if getattr(arguments, "stream", None) is None:
        return graph
    from tinyglow.passes.stream.transform import stream
    from tinyglow.pipeline.streams import described

    made = stream(graph, arguments.stream, arguments.hop)
    for line in described(made) if say else ():
        print(f"note: {line}", file=sys.stderr)
    return made.graph


def calls_of(
    arguments: argparse.Namespace, graph: Graph, inputs: dict[str, Array]
) -> tuple[dict[str, Array], int | None]:
    """The samples as calls, and after how many of them the states are reset: of a stream's whole sequences, each.

    graph: the whole network.
    """
    from tinyglow.pipeline.streams import as_frames

    if arguments.stream is None:
        return inputs, arguments.sequence
    frames, sequence = as_frames(inputs, graph, arguments.stream, arguments.hop)
    return frames, arguments.sequence or sequence


def compiled_of(arguments: argparse.Namespace, name: str | None = None) -> Compiled:
    """Stations 1 to 7 of the model that the options name, for the board and with the options of ``add_target``."""
    made = quantized_of(arguments, name)
    return Compiled(made.graph, made.profile, made.scheme, made.quantized, program_of(arguments, made.quantized))
