"""The nine stations in order. Each result is verified, and written to ``dump`` as text if that is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tinyglow.bundle.emit import bundle_files, check_name, default_name
from tinyglow.bundle.harness import Placement
from tinyglow.bundle.header import bundle_info
from tinyglow.bundle.manifest import MANIFEST
from tinyglow.bundle.options import Api, BundleOptions
from tinyglow.bundle.proof import proof_file, proof_name
from tinyglow.bundle.provenance import record
from tinyglow.bundle.write import write_files
from tinyglow.errors import BoardError, InputError, Problem
from tinyglow.frontend.read import load_model
from tinyglow.frontend.request import Request
from tinyglow.interp import run_program
from tinyglow.ir.dump import dump_program
from tinyglow.ir.graph import Array, Graph
from tinyglow.ir.program import Program, Region
from tinyglow.ir.target import ANY, Chooser, Optimize, Target
from tinyglow.lowering.graph_to_program import lower as lower_graph
from tinyglow.lowering.line_buffers.handed_in import hand_in_rows
from tinyglow.lowering.line_buffers.search import lower_by_rows
from tinyglow.lowering.plan import activation_blocks, lower_bound, overlaps_of, plan
from tinyglow.lowering.reuse import reuse_inputs
from tinyglow.lowering.sparing import spare_scratch
from tinyglow.lowering.tcm import use_tcm
from tinyglow.numerics.names import NUMERICS
from tinyglow.passes.declared import simplify_declared
from tinyglow.passes.fuse import fuse
from tinyglow.passes.rewrite import run_passes
from tinyglow.passes.simplify import simplify
from tinyglow.passes.tidy_exactly import tidy_for
from tinyglow.pipeline.binding import bind_inputs
from tinyglow.pipeline.dump import NO_DUMP, Dump
from tinyglow.pipeline.object_file import build_object, stack_statement, without_sources
from tinyglow.pipeline.own_numerics import quantize_as_declared
from tinyglow.quant.profile import DEFAULT_BINS, MAX_BINS, Profile
from tinyglow.quant.profiler import profile_graph
from tinyglow.quant.quantizer import quantize as quantize_graph
from tinyglow.quant.scheme import Scheme
from tinyglow.targets.boards import HOST, Board
from tinyglow.targets.memory_map import memory_map


def load(
    path: str | Path,
    name: str | None = None,
    define: Mapping[str, int] | None = None,
    like_glow: bool = False,
    dump: Dump = NO_DUMP,
    *,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    outputs: Sequence[str] = (),
    states: Mapping[str, str] | None = None,
    weights: str = "",
) -> Graph:
    """Stations 1 and 2: read a model file and simplify its graph.

    Args:
        path: An ONNX or TFLite file; of Caffe2 and Caffe the folder or one of the files.
        name: Of the network in C (default: from the file's name).
        define: Sizes for symbolic dimensions, by their symbols.
        like_glow: Whether to make exactly the graph that Glow would quantize, even where a simpler one is known.
        dump: Where to write each station's result as text.
        shapes: Of inputs whose dimensions the file leaves open, by name.
        outputs: Values of the model that the network gives instead of its own outputs.
        states: Inputs that live inside the network from one call to the next, each with the output that it becomes.
        weights: The second file of a network that has two, where it does not lie beside the first one.

    Returns:
        The float graph, with the quantization that the file declares.

    Raises:
        ModelError: With everything in the model that is not supported.
    """
    name = default_name(Path(path)) if name is None else check_name(name)
    request = Request(
        define or {}, shapes or {}, tuple(outputs), like_glow=like_glow, states=states or {}, weights=weights
    )
    graph = dump.graph(1, "read", load_model(path, name, request))
    if graph.is_declared:
        simpler = simplify_declared(graph)
    elif like_glow:
        from tinyglow.glow.pipeline import before_lowering  # Glow's own passes, which most commands do without

        simpler = run_passes(graph, before_lowering())
    else:
        simpler = simplify(graph)
    return dump.graph(2, "simplify", simpler)


def profile(
    graph: Graph,
    inputs: Mapping[str, Array],
    bins: int = DEFAULT_BINS,
    progress: Callable[[int], None] | None = None,
    dump: Dump = NO_DUMP,
    batch: int = 1,
    lowered: bool = False,
    sequence: int | None = None,
    margin: bool = True,
) -> Profile:
    """Station 3: run the float graph on samples and record the range and histogram of every value.

    Args:
        graph: The float graph.
        inputs: float32 arrays [samples, *shape] by input name.
        bins: Number of intervals of each histogram.
        progress: Is called with the number of samples that have been run.
        dump: Where to write the ranges as text.
        batch: How many samples Glow would run together (its -minibatch).
        lowered: Whether to record the values that Glow's profiles hold of the operators into which it lowers nodes.
            A graph like Glow's is always recorded so.
        sequence: Of a network with states, how many samples come one after the other before a reset (default: all).
        margin: Whether ranges of fewer than 64 samples reach as far as those of 64 are expected to
            (``quant.margins``). Ranges recorded as Glow does have no margins, whatever this says.

    Returns:
        The profile.

    Raises:
        InputError: The graph is quantized already, or an input does not fit.
    """
    if graph.is_quantized:
        raise InputError("the model is quantized already", [Problem("", "its ranges are fixed", "a float model")])
    if not 1 <= bins <= MAX_BINS:
        raise InputError("the profile cannot be made", [Problem("--bins", f"is {bins}", f"1 to {MAX_BINS}")])
    shapes = {name: graph.type_of(name).shape for name in graph.given}
    bound = bind_inputs(shapes, graph.source_names, inputs, graph.pixels)
    for name, array in bound.items():
        if array.dtype.kind != "f" and graph.type_of(name).dtype == "float32":
            problem = Problem(f"input {name}", f"holds {array.dtype}", "float32, as the float network takes it")
            raise InputError("the calibration data are not floats", [problem])
    shaped = {name: array.reshape(-1, *shapes[name]) for name, array in bound.items()}
    same: Mapping[str, Sequence[str]] = {}
    as_glow = lowered or graph.like_glow
    if as_glow:
        from tinyglow.glow.lower import lower_for_profiler

        graph, same = lower_for_profiler(graph)
    result = profile_graph(graph, shaped, bins, progress, batch, same, sequence, margin and not as_glow)
    dump.text(3, "profile", lambda: "\n".join(f"{n} {r.low!r} {r.high!r}" for n, r in result.ranges.items()) + "\n")
    return result


def quantize(
    graph: Graph,
    profile: Profile | None = None,
    scheme: Scheme | None = None,
    float_io: bool = False,
    dump: Dump = NO_DUMP,
    numerics: str | None = None,
) -> Graph:
    """Stations 4 and 5: quantize a float graph by a profile, and fold what can be folded.

    Args:
        graph: The float graph; or a graph that came quantized, which takes no profile and no scheme.
        profile: The ranges.
        scheme: How to quantize (default: int8, asymmetric, int32 biases).
        float_io: Whether inputs and outputs stay float32.
        dump: Where to write each station's result as text.
        numerics: Whose rounding the integers have, a name of ``numerics.names``. By default of a float model Glow's;
            of one that comes quantized that of its own runtime (TFLite: "tflite", ONNX: "onnx"), or Glow's where a
            node has no form with that.

    Returns:
        The integer graph. Its ``numerics`` says whose rounding it has.

    Raises:
        ProfileError: The profile does not fit the graph.
        InputError: A float graph has no profile, a quantized one has a profile or a scheme, or a numerics is unknown.
    """
    graph = with_numerics(graph, numerics, scheme)
    if graph.is_quantized:
        if profile is not None or (scheme is not None and replace(scheme, like_glow=False) != Scheme()):
            problem = Problem("", "its ranges are fixed", "no profile, and no options of quantization")
            raise InputError("the model is quantized already", [problem])
        return quantize_as_declared(graph, float_io, dump)
    if profile is None:
        raise InputError("a float model needs a profile to be quantized", [Problem("the profile", "is missing")])
    if scheme is not None and scheme.like_glow:
        from tinyglow.glow.quantize import quantize_as_glow, tidy_as_glow

        quantized = dump.graph(4, "quantize", quantize_as_glow(graph, profile, scheme))
        return dump.graph(5, "tidy", tidy_as_glow(quantized, float_io))
    quantized = dump.graph(4, "quantize", quantize_graph(graph, profile, scheme))
    return dump.graph(5, "tidy", tidy_for(quantized, float_io))


def with_numerics(graph: Graph, numerics: str | None, scheme: Scheme | None = None) -> Graph:
    """The graph with a numerics, if one is given. Raises InputError if it is unknown, or the scheme excludes it."""
    if numerics is None:
        return graph
    if numerics not in NUMERICS:
        raise InputError("unknown numerics", [Problem("--numerics", repr(numerics), ", ".join(NUMERICS))])
    if scheme is not None and numerics != graph.numerics:
        scheme.check_numerics(numerics)
    return replace(graph, numerics=numerics, own_numerics="")


def lower(
    graph: Graph,
    dump: Dump = NO_DUMP,
    target: Target = ANY,
    chooser: Chooser | None = None,
    tcm_bytes: int = 0,
) -> Program:
    """Stations 6 to 8: join layers for the target, turn them into kernel calls over buffers, and give those addresses.

    Args:
        graph: What ``quantize`` made; or a float graph.
        dump: Where to write each station's result as text.
        target: What kernels are chosen for. The program computes the same for all targets, and runs everywhere.
        chooser: Chooses among the kernels that could compute a node (default: by what ``target`` asks for).
        tcm_bytes: Bytes of fast memory, which is given to the buffers with the most traffic.

    Returns:
        The program.

    Raises:
        ModelError: With all nodes that have no kernel.
        InputError: The target's options do not go together.
    """
    target.check()
    fused = dump.graph(6, "fuse", fuse(graph, target))
    if target.push_rows:
        fused = hand_in_rows(fused)
    program = (lower_by_rows if target.line_buffers or target.push_rows else lower_graph)(fused, target, chooser)
    if target.core and target.optimize is Optimize.SPEED and chooser is None:
        program = spare_scratch(program, target.core)
    dump.text(7, "lower", lambda: dump_program(program))
    if target.reuse_inputs:
        program = reuse_inputs(program)
    planned = plan(use_tcm(program, tcm_bytes))
    dump.text(8, "plan", lambda: dump_program(planned))
    return planned


def interpret(
    program: Program, inputs: Mapping[str, Array], layers: bool = False, sequence: int | None = None
) -> dict[str, Array]:
    """Run a program in numpy, which defines what its C computes.

    Args:
        program: What ``lower`` made.
        inputs: Arrays [samples, *shape] by input name: float32, quantized first where the placeholder is int8, or of
            the placeholder's dtype.
        layers: Whether the result of every layer is wanted, and not of the outputs alone.
        sequence: Of a program with states, how many samples come one after the other before a reset (default: all).

    Returns:
        Arrays [samples, *shape] by name, in the buffers' own dtypes. With ``layers``: every result in the order of
        computation, the network's outputs among them. A layer that a kernel computes together with another has no
        result of its own: lower for no target to see every one. ``program.buffers[name].type.quant`` has scale and
        offset.

    Raises:
        InputError: An input is missing, unknown or misshapen.
    """
    shapes = {name: program.buffers[name].type.shape for name in program.inputs}
    return run_program(program, bind_inputs(shapes, program.source_names, inputs, program.pixels), layers, sequence)


def allocation_efficiency(program: Program) -> float:
    """Bytes that no placement of the activations can do without, over those allocated; 1.0 is optimal."""
    blocks, owner = activation_blocks(program)
    size = program.sizes[Region.ACTIVATION]
    return lower_bound(blocks, overlaps_of(program, blocks, owner)) / size if size else 1.0


def check_fit(program: Program, board: Board, options: BundleOptions | None = None) -> None:
    """Raises BoardError if the program's data alone exceed the board's memories (its code is known after linking)."""
    if not board.memories:
        return
    flash, problems = board.code, []
    if program.sizes[Region.CONSTANT] > flash.size:
        found = f"the weights take {program.sizes[Region.CONSTANT]:,} bytes"
        problems.append(Problem(f"memory {flash.name}", found, f"at most {flash.size:,}"))
    try:
        info = bundle_info(program, options)
        by_rows = {"mutable": info.rows.ram} if info.rows else {}
        memory_map(board, info.needs() | by_rows)
    except BoardError as error:
        problems += error.problems
    if problems:
        raise BoardError(f"the network does not fit the board {board.name}", problems)


def target_of(board: Board, optimize: Optimize = Optimize.SPEED) -> Target:
    """What kernels are chosen for on a board.

    Args:
        board: The board; for this machine, kernels are chosen for their simplicity.
        optimize: Speed, size, or a balance of both.

    Returns:
        The target.
    """
    return Target("" if board.is_host else board.cpu, optimize)


def emit(
    program: Program,
    folder: str | Path,
    board: Board | None = None,
    dump: Dump = NO_DUMP,
    *,
    api: Api = "static",
    verbose: bool = False,
    weights: Placement = "flash",
    weights_asm: bool = False,
    utils: bool = False,
    object_cc: str | None = None,
    sources: bool = True,
    proof: bool = True,
) -> dict[str, bytes]:
    """Station 9: write the C bundle of a program.

    Args:
        program: What ``lower`` made.
        folder: Where to write it: a folder of the bundle's own.
        board: What it must fit, if given.
        dump: Where to write the list of files as text.
        api: Glow's interface: "static" or "dynamic".
        verbose: Whether the header lists the constants too.
        weights: Where the weights are to lie: "flash" or "ram".
        weights_asm: Whether to write ``<net>.weights.S`` too.
        utils: Whether to write ``glow_bundle_utils.h`` and ``.c`` too.
        object_cc: The C compiler (as for ``simulate``) that builds ``<net>.o`` for ``board``, or for this machine
            without one; by default there is no object.
        sources: Whether C files are written besides the object; a project that compiles all C files must not link it.
        proof: Whether to write ``<net>.proof.json`` beside the sources (``bundle.proof``).

    Returns:
        The files' contents by name.

    Raises:
        BoardError: The program does not fit ``board``; nothing is written then.
        InputError: The folder cannot be written, or holds another network's bundle.
        ToolError: There is no compiler, or it fails.
    """
    options = BundleOptions(api, verbose, weights, weights_asm, utils)
    if board is not None:
        check_fit(program, board, options)
    files = bundle_files(program, allocation_efficiency(program), options=options)
    if object_cc is not None:
        files[f"{program.name}.o"] = build_object(files, program.name, board or HOST, object_cc)
        files = files if sources else without_sources(files, program.name)
    if proof and sources:
        files[proof_name(program.name)] = proof_file(program, files, stack_statement(files, program.name, board))
    files = write_files(files, folder)
    record(files[MANIFEST])
    dump.text(9, "emit", lambda: "".join(f"{name} {len(data)}\n" for name, data in files.items()))
    return files
