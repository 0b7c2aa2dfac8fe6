"""``tinyglow report``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from tinyglow.cli.options import (
    AddCommand,
    add_compiler,
    add_inputs,
    add_json,
    add_model,
    add_profile,
    add_scheme,
    add_target,
)
from tinyglow.cli.reading import quantized_of, read_inputs, read_labels, read_source, target_of_options
from tinyglow.cli.writing import write_result
from tinyglow.errors import InputError, Problem

# Of the work: for each board kernels, comparison, cycles; beside that stations, validation, tensors, the page.
_PARTS_OF_A_BOARD, _PARTS = 3, 4


def register(command: AddCommand) -> None:
    """Add the command and its options."""
    parser = command(
        "report",
        run,
        "one HTML file that shows what the compiler did: graph, tensors, errors, memory, time, code, proofs",
        "tinyglow report mnist.onnx --define N=1 --profile profile.yaml --board frdm-ke16z --input image=digits.npy "
        "-o report.html",
        "tinyglow report glow_bundle --board mimxrt1060-evk --input image=digits.npy -o bundle.html",
        "tinyglow report --diff before.html after.html",
    )
    add_model(parser, dump=False, required=False)
    add_profile(parser)
    parser.add_argument(
        "--board", metavar="BOARD", action="append", default=[], help="an emulated board; may be repeated"
    )
    add_inputs(parser, required=False)
    parser.add_argument(
        "--labels", metavar="L.npy", help="the right class of each sample: an array of integers, or a folder of images"
    )
    parser.add_argument("-o", "--output", metavar="OUT.html", help="where to write the page")
    parser.add_argument(
        "--vectors", metavar="N", type=int, default=2, help="samples to compare bit for bit (default: %(default)s)"
    )
    parser.add_argument("--no-advice", action="store_true", help="do not try what would help, which takes a while")
    parser.add_argument(
        "--measure-kernels",
        action="store_true",
        help="run every kernel that could compute a layer, beside those chosen: a build for each, on each board",
    )
    parser.add_argument(
        "--diff", metavar="REPORT", nargs=2, help="compare the figures of two reports (.html or .json) instead"
    )
    add_scheme(parser)
    add_target(parser)
    add_compiler(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write the report; 1 if a board does not answer as numpy does."""
    if arguments.diff:
        return _diff(*arguments.diff)
    is_bundle = bool(arguments.model) and Path(arguments.model).is_dir()
    missing = [
        Problem(option, "is missing", expected)
        for option, value, expected in (
            ("MODEL", arguments.model, "an ONNX or TFLite file, or the folder of a bundle"),
            ("--board", arguments.board, "an emulated board, such as frdm-ke16z"),
            ("--input", arguments.input or is_bundle, "samples for every input"),
            ("-o", arguments.output or arguments.json, "a file to write, such as report.html; or --json"),
        )
        if not value
    ]
    if arguments.vectors < 1:
        missing.append(Problem("--vectors", f"is {arguments.vectors}", "1 or more"))
    if missing:
        raise InputError("the report cannot be made", missing)
    return _bundle(arguments) if is_bundle else _report(arguments)


def _bundle(arguments: argparse.Namespace) -> int:
    """The report of a bundle, whose model is not known."""
    from tinyglow.pipeline.execution import Options
    from tinyglow.pipeline.foreign import find_bundle
    from tinyglow.pipeline.foreign_run import run_bundle
    from tinyglow.report.console import stages
    from tinyglow.report.page.bundle import bundle_document, bundle_page
    from tinyglow.targets.boards import load_board

    boards = [load_board(name) for name in dict.fromkeys(arguments.board)]
    _check_bundle_options(arguments, [board.name for board in boards if board.is_host])
    files = find_bundle(Path(arguments.model))
    inputs = dict(read_inputs(arguments, by_name=True)) if arguments.input else {}
    with stages("report", len(boards) + 1) as begin:
        runs = []
        for board in boards:
            begin(board.name)
            runs.append(
                run_bundle(files, board, inputs, compiler=arguments.cc, listed="all", options=Options(timed=True))
            )
        begin("drawing")
        text = bundle_page(runs) if arguments.output else ""
    _write(arguments, text, bundle_document(runs))
    return 0


def _check_bundle_options(arguments: argparse.Namespace, hosts: list[str]) -> None:
    """Raises InputError for options that need a model, and for this machine, where no machine code of others runs."""
    given = [("--profile", arguments.profile), ("--labels", arguments.labels)]
    problems = [
        Problem(option, "was given for a bundle", "no such option", "a bundle is quantized already")
        for option, value in given
        if value
    ]
    problems += [
        Problem(f"--board {name}", "runs untrusted code on this machine", "an emulated board") for name in hosts
    ]
    if problems:
        raise InputError("the report cannot be made", problems)


def _write(arguments: argparse.Namespace, text: str, figures: dict[str, Any]) -> None:
    """The page as a file, the figures as JSON: what was asked for."""
    if arguments.output:
        write_result(arguments.output, text.encode("utf-8"))
        if not arguments.json:
            print(f"{arguments.output}: {len(text.encode('utf-8')):,} bytes; open it in a browser")
    if arguments.json:
        print(json.dumps(figures, indent=1, allow_nan=False))


def _report(arguments: argparse.Namespace) -> int:
    from tinyglow.pipeline.study.gather import Made, study
    from tinyglow.report.console import print_warnings, stages
    from tinyglow.report.page.document import document
    from tinyglow.report.page.render import page
    from tinyglow.targets.boards import load_board

    boards = [load_board(name) for name in dict.fromkeys(arguments.board)]
    inputs, labels = read_inputs(arguments), read_labels(arguments)
    made = quantized_of(arguments)
    compiled = Made(
        read_source(arguments),
        made.graph,
        made.profile,
        made.scheme,
        made.quantized,
        arguments.float_io,
        lambda board: target_of_options(arguments, board),
    )
    with stages("report", _PARTS_OF_A_BOARD * len(boards) + _PARTS) as begin:
        found = study(
            compiled,
            boards,
            inputs,
            labels=labels,
            vectors=arguments.vectors,
            advise=not arguments.no_advice,
            measured=arguments.measure_kernels,
            compiler=arguments.cc,
            progress=begin,
        )
        begin("drawing")
        text = page(found) if arguments.output else ""
    print_warnings(found.validation.warnings)
    _write(arguments, text, document(found))
    return 0 if all(one.equal for one in found.boards if one.fit.fits) else 1


def _diff(before: str, after: str) -> int:
    from tinyglow.report.page.compare import print_differences, read_document

    print_differences(read_document(before), read_document(after))
    return 0
