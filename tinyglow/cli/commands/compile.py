"""``tinyglow compile``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tinyglow.cli.options import (
    AddCommand,
    add_board_or_core,
    add_budget,
    add_bundle,
    add_compiler,
    add_model,
    add_scheme,
    add_stream,
    add_target,
)
from tinyglow.cli.reading import Compiled, board_of, compiled_of, dump_of, name_value_pairs, program_of
from tinyglow.cli.several import add_several, separate
from tinyglow.errors import InputError, Problem
from tinyglow.numerics.names import ONNX

if TYPE_CHECKING:
    from tinyglow.ir.program import Program
    from tinyglow.targets.boards import Board


def register(command: AddCommand) -> None:
    """Add the command and its options."""
    parser = command(
        "compile",
        run,
        "quantize a network and write its C bundle",
        "tinyglow compile mnist.onnx --define N=1 --profile profile.yaml --board frdm-ke16z --name mnist -o bundle",
        "tinyglow compile words_bundle digits_bundle --shared-arena --board frdm-ke16z -o networks",
    )
    add_model(parser)
    add_several(parser)
    add_board_or_core(parser)
    parser.add_argument("-o", "--output", metavar="DIR", required=True, help="folder for the bundle")
    add_scheme(parser)
    add_stream(parser)
    add_target(parser)
    add_budget(parser)
    add_bundle(parser)
    add_compiler(parser)
    parser.add_argument(
        "--explain-quantization", action="store_true", help="list each value's range, scale, offset, constants and why"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write a bundle."""
    several = separate(arguments)
    if arguments.shared_arena:
        return _run_shared(arguments, several)
    return _run_one(several[0])


def _run_shared(arguments: argparse.Namespace, several: list[argparse.Namespace]) -> int:
    """Write several networks with one buffer for their activations."""
    from tinyglow.bundle.options import BundleOptions
    from tinyglow.pipeline.shared_arena import emit_shared
    from tinyglow.report.shared_arena import print_shared

    if arguments.place:
        raise InputError(
            "the options do not fit together", [Problem("--place", "is for one network", "one bundle each")]
        )
    board = board_of(arguments)
    networks: list[Path | Program] = []
    for one in several:
        if Path(one.model).is_dir():
            networks.append(Path(one.model))
        else:
            compiled = compiled_of(one, one.name)
            _warn(compiled)
            networks.append(compiled.program)
    options = BundleOptions(
        arguments.bundle_api,
        arguments.bundle_api_verbose,
        arguments.weights,
        arguments.weights_asm,
        arguments.bundle_utils,
    )
    folder = Path(arguments.output)
    print_shared(emit_shared(networks, folder, arguments.project, board, options), folder, board)
    return 0


def _warn(compiled: Compiled) -> None:
    """Say what looks wrong with the ranges of a float network."""
    from tinyglow.quant.warnings import Evidence, warnings_of
    from tinyglow.report.console import print_warnings

    if compiled.profile is not None:
        print_warnings(warnings_of(Evidence(compiled.graph, compiled.profile, compiled.quantized)))


def _placed(arguments: argparse.Namespace, program: Program, board: Board) -> Program:
    """The program with its constants where --place says. Raises InputError for options that do not go with it."""
    from tinyglow.pipeline.placing import place_constants

    if arguments.weights == "ram":
        problem = Problem("--weights ram", "copies all constants to one memory", "--place alone")
        raise InputError("the options do not fit together", [problem])
    return place_constants(program, board, arguments.place)


def _run_one(arguments: argparse.Namespace) -> int:
    from tinyglow.lowering.rename import rename_placeholders
    from tinyglow.pipeline.stations import emit, lower
    from tinyglow.report.line_buffers import line_buffer_lines
    from tinyglow.report.near import print_near
    from tinyglow.report.tables import print_bundle

    board = board_of(arguments)
    compiled = compiled_of(arguments, arguments.name)
    if arguments.explain_quantization and compiled.profile is None:
        problem = Problem("--explain-quantization", "has nothing to explain", "a float model")
        raise InputError("the model is quantized already", [problem])
    program = rename_placeholders(compiled.program, name_value_pairs("--rename", arguments.rename))
    if arguments.place:
        program = _placed(arguments, program, board)
    _warn(compiled)
    files = emit(
        program,
        arguments.output,
        board,
        dump_of(arguments),
        api=arguments.bundle_api,
        verbose=arguments.bundle_api_verbose,
        weights=arguments.weights,
        weights_asm=arguments.weights_asm,
        utils=arguments.bundle_utils,
        object_cc=arguments.cc if arguments.object else None,
    )
    print_bundle(program, board, Path(arguments.output), files)
    print_near(program, board)
    if program.chains:
        others = {"line_buffers": False, "push_rows": False, "max_ram": None, "dump": None}
        without = argparse.Namespace(**{**vars(arguments), **others})
        plain = program_of(without, compiled.quantized, say=False)
        for line in line_buffer_lines(program, plain, "" if board.is_host else board.cpu):
            print(line)
    if arguments.numerics is None and compiled.quantized.numerics == ONNX:
        # What docs/numerics.md has measured.
        other = "--numerics glow rounds otherwise, in a few per cent fewer cycles for most networks"
        print(f"note: the answers are onnxruntime's; {other}", file=sys.stderr)
    if compiled.profile is not None and arguments.explain_quantization:
        from tinyglow.report.explain import explain
        from tinyglow.report.tables import print_decisions

        # Layer by layer, as they are before some are joined for the board's core.
        plain = lower(compiled.quantized)
        print_decisions(explain(compiled.graph, compiled.profile, compiled.scheme, compiled.quantized, plain))
    return 0
