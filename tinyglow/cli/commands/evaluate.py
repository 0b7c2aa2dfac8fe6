"""``tinyglow evaluate``."""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tinyglow.cli.options import (
    AddCommand,
    add_compiler,
    add_image_options,
    add_json,
    add_model,
    add_profile,
    add_scheme,
    add_trust,
)
from tinyglow.cli.reading import quantized_of
from tinyglow.cli.writing import write_result
from tinyglow.errors import InputError, Problem

if TYPE_CHECKING:
    from tinyglow.cli.samples import LabelledImages
    from tinyglow.pipeline.evaluate import Evaluation


def register(command: AddCommand) -> None:
    """Add the command and its options."""
    parser = command(
        "evaluate",
        run,
        "which of the labelled images are recognized: by the float network, the quantized one, and on a board",
        "tinyglow evaluate net.onnx --profile profile.yaml --images parts/test --image-mode 0to1 --board frdm-ke16z "
        "-o evaluation.html",
        "tinyglow evaluate bundle --labels Labels.csv --image-mode 0to1 --board frdm-ke16z",
    )
    add_model(parser, dump=False)
    add_profile(parser)
    parser.add_argument("--images", metavar="DIR", help="a folder with one folder of images for each class")
    parser.add_argument(
        "--labels",
        metavar="CSV",
        help="instead: a file with an image and the number of its class on each line, 'a.png,3'; images are looked for "
        "in --images, or beside the file",
    )
    add_image_options(parser)
    parser.add_argument(
        "--board", metavar="BOARD", action="append", default=[], help="also run it there; may be repeated"
    )
    parser.add_argument("-o", "--output", metavar="OUT.html", help="write a page with the wrong images too")
    parser.add_argument("--draw", metavar="N", type=int, default=3, help="wrong images drawn as text (default: 3)")
    parser.add_argument(
        "--min-accuracy", metavar="PERCENT", type=float, help="exit status 1 if any column is below so many percent"
    )
    add_scheme(parser)
    add_trust(parser)
    add_compiler(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the evaluation; 1 if an accuracy is below --min-accuracy."""
    from tinyglow.cli.samples import labelled_images
    from tinyglow.images import image_bytes, read_pixels
    from tinyglow.report.evaluation import evaluation_json, print_evaluation
    from tinyglow.report.page.evaluation import evaluation_page

    least = arguments.min_accuracy
    problems = []
    if least is not None and not (math.isfinite(least) and 0 <= least <= 100):
        problems.append(Problem("--min-accuracy", f"is {least}", "0 to 100 percent"))
    if not 0 <= arguments.draw <= 1000:
        problems.append(Problem("--draw", f"is {arguments.draw}", "0 to 1000"))
    if not (arguments.images or arguments.labels):
        problems.append(Problem("--images", "is missing", "a folder with class folders, or --labels"))
    if problems:
        raise InputError("the options are not understood", problems)
    images = labelled_images(arguments)
    found = _evaluate(arguments, images)
    if arguments.output:

        def png_of(path: Path) -> bytes:
            pixels = read_pixels(path)
            return image_bytes(pixels if pixels.dtype == "uint8" else (pixels >> 8).astype("uint8"), ".png")

        write_result(arguments.output, evaluation_page(found, images.files, png_of).encode("utf-8"))
    if arguments.json:
        print(json.dumps(evaluation_json(found, images.files), indent=1))
    else:
        drawn = [(number, read_pixels(images.files[number])) for number in found.wrong[: arguments.draw]]
        print_evaluation(found, images.files, drawn)
    return _status(found, least)


def _evaluate(arguments: argparse.Namespace, images: LabelledImages) -> Evaluation:
    from tinyglow.pipeline.evaluate import evaluate_bundle, evaluate_network
    from tinyglow.pipeline.execution import Options
    from tinyglow.report.console import progress
    from tinyglow.targets.boards import load_board

    boards = [load_board(name) for name in dict.fromkeys(arguments.board)]
    count = len(images.files)
    if Path(arguments.model).is_dir():
        boards = boards or [load_board("host")]
        with progress("evaluating", len(boards) * count) as advance:
            options = Options(trusted=arguments.trust)
            folder = Path(arguments.model)
            return evaluate_bundle(
                folder, boards, images.values, images.labels, images.names, arguments.cc, advance, options
            )
    made = quantized_of(arguments)
    if len(made.graph.inputs) != 1:
        names = ", ".join(made.graph.inputs)
        raise InputError("the network cannot be evaluated", [Problem("inputs", f"are {names}", "one, for an image")])
    inputs = {made.graph.inputs[0]: images.values}
    precision = made.scheme.precision if not made.graph.is_quantized else "quantized"
    with progress("evaluating", len(boards) * count) as advance:
        return evaluate_network(
            made.graph, made.quantized, inputs, images.labels, images.names, boards, precision, arguments.cc, advance
        )


def _status(found: Evaluation, least: float | None) -> int:
    low = [a for a in found.answers if least is not None and 100 * found.accuracy(a) < least]
    for answers in low:
        print(f"{answers.by}: {100 * found.accuracy(answers):.2f} %, below {least:g} %", file=sys.stderr)
    return 1 if low else 0
