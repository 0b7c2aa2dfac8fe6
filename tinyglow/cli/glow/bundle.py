"""-emit-bundle: from a graph to a bundle, and the pictures of graphs that the tools draw beside it."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tinyglow.cli.glow.parse import GlowArguments
from tinyglow.errors import InputError, Problem, reason
from tinyglow.resources import write_file

if TYPE_CHECKING:
    from tinyglow.ir.graph import Graph
    from tinyglow.targets.boards import Board

_PICTURES = ("pdf", "png", "svg")


def check_names(arguments: GlowArguments) -> None:
    """Raises InputError for options about a bundle that do not fit together."""
    problems = []
    if arguments.given("network-name") and not arguments.given("emit-bundle"):
        problems.append(Problem("-network-name", "is for bundles", "-emit-bundle"))
    entry = arguments.text("main-entry-name")
    if entry and entry != arguments.text("network-name"):
        problems.append(Problem(f"-main-entry-name={entry}", "is not the network's name", "-network-name alone"))
    if problems:
        raise InputError("the options do not fit together", problems)


def core_of(arguments: GlowArguments) -> Board:
    """The core that -mcpu names as a board without memories; a host called "any core" if tinyglow knows it not.

    -target=riscv32, -target=xtensa and -use-hifi name a core that is no Arm core.

    Raises InputError for -float-abi=hard on a core without an FPU, and for cores that do not fit together.
    """
    from tinyglow.targets.boards import CPUS, HOST

    name = arguments.text("mcpu")
    portable = _portable_core(arguments)
    if portable:
        return portable
    cpu = CPUS.get(name)
    if cpu is None:
        if name not in ("", "native"):
            known = ", ".join(CPUS)
            print(f"note: -mcpu={name} is none of {known}; the bundle is C99 for any core", file=sys.stderr)
        return replace(HOST, title="any core")
    hard = arguments.text("float-abi") == "hard"
    if hard and not cpu.fpu:
        problem = Problem("-float-abi=hard", f"the {cpu.title} has no FPU", "soft")
        raise InputError("the options do not fit together", [problem])
    return replace(HOST, name=cpu.name, title=cpu.title, cpu=cpu.name, float_abi="hard" if hard else "soft")


def _portable_core(arguments: GlowArguments) -> Board | None:
    """The core of -target, -use-hifi or -mcpu, if it is one without a cycle model."""
    from tinyglow.targets.cores import CPUS, PORTABLE
    from tinyglow.targets.portable import portable_board

    target, mcpu = arguments.text("target"), arguments.text("mcpu")
    # A triple begins with the architecture; RISC-V's extensions may follow its name there.
    name = next((name for name in PORTABLE if target.startswith(name)), "")
    if arguments.flag("use-hifi") and not name:
        if mcpu in CPUS:  # as Glow has it: the Arm core hands single layers to the DSP
            found = f"-use-hifi means nothing beside -mcpu={mcpu}: the bundle runs on that core alone"
            print(f"note: {found}; one for the DSP is compiled with -target=xtensa", file=sys.stderr)
            return None
        name = "xtensa"
    if not name and mcpu in PORTABLE and PORTABLE[mcpu].is_arm:
        if arguments.text("float-abi") == "soft":
            found = f"the {PORTABLE[mcpu].title} is compiled for with hard floats"
            raise InputError("the options do not fit together", [Problem("-float-abi=soft", found, "hard")])
        return portable_board(mcpu)
    if not name:
        return None
    problems = []
    if arguments.flag("use-hifi") and name != "xtensa":
        problems.append(Problem("-use-hifi", f"is for an Xtensa DSP, -target={target} is none", "-target=xtensa"))
    if mcpu in CPUS:
        problems.append(Problem(f"-mcpu={mcpu}", f"is no core of -target={target}", "none, or -target=arm"))
    if arguments.text("float-abi") == "hard" and not PORTABLE[name].fpu:
        problems.append(Problem("-float-abi=hard", f"the {PORTABLE[name].title} has no FPU", "soft"))
    if problems:
        raise InputError("the options do not fit together", problems)
    return portable_board(name)


def write_bundle(arguments: GlowArguments, graph: Graph) -> None:
    """Quantize ``graph`` if there is a profile, and write its bundle and its pictures."""
    from tinyglow.cli.glow.session import input_name, model_inputs, quantized_graph
    from tinyglow.ir.dump import dump_graph
    from tinyglow.ir.types import QuantParams
    from tinyglow.numerics.glow import float32
    from tinyglow.passes.placeholders import set_input_params
    from tinyglow.pipeline.stations import emit, lower, target_of
    from tinyglow.report.tables import print_bundle

    board = core_of(arguments)
    float_io = not arguments.flag("convert-placeholders")
    if graph.is_quantized:
        result = quantized_graph(arguments, graph, float_io=False)  # its placeholders are what the file has
    else:
        result = quantized_graph(arguments, graph, float_io) if arguments.given("load-profile") else graph
    inputs = {input_name(graph, given.name) or "": given for given in model_inputs(arguments)}
    params = {
        name: QuantParams(float32(given.scale), given.offset) for name, given in inputs.items() if given.type == "int8q"
    }
    result = set_input_params(result, params) if params else result
    program = lower(result, target=target_of(board), tcm_bytes=arguments.count("tcm-size"))
    folder = Path(arguments.text("emit-bundle"))
    as_object = arguments.flag("bundle-object")
    files = emit(
        program,
        folder,
        board,
        api="dynamic" if arguments.text("bundle-api") == "dynamic" else "static",
        verbose=arguments.flag("bundle-api-verbose"),
        weights="ram" if arguments.text("weights") == "ram" else "flash",
        weights_asm=arguments.flag("weights-asm"),
        utils=arguments.flag("bundle-utils"),
        object_cc=arguments.text("cc") if as_object else None,
        sources=not as_object,
        proof=False,  # Glow writes none
    )
    print_bundle(program, board, folder, files)
    if arguments.flag("dump-graph"):
        print(dump_graph(result))
    if arguments.given("dump-graph-DAG"):
        draw(result, arguments.text("dump-graph-DAG"))


def draw(graph: Graph, path: str) -> None:
    """Write a picture of ``graph``, of the kind that the file's name says; as text where graphviz is missing.

    Raises InputError or ToolError.
    """
    from tinyglow.report.dot import dot_graph
    from tinyglow.sim.graphviz import render_dot

    text, kind = dot_graph(graph), Path(path).suffix[1:].lower()
    data: bytes | None = text.encode("utf-8")
    if kind in _PICTURES:
        data = render_dot(text, kind)
    if data is None:
        path = str(Path(path).with_suffix(".dot"))
        print(f"note: graphviz is not installed: the graph is in {path}, as text", file=sys.stderr)
        data = text.encode("utf-8")
    try:
        write_file(path, data)
    except OSError as error:
        raise InputError("cannot write the graph", [Problem(path, reason(error))]) from error
