"""``tinyglow validate``."""

from __future__ import annotations

import argparse
import json
import math

from tinyglow.cli.options import (
    AddCommand,
    add_compiler,
    add_inputs,
    add_json,
    add_model,
    add_profile,
    add_scheme,
)
from tinyglow.cli.reading import quantized_of, read_inputs, read_labels
from tinyglow.errors import InputError, Problem


def register(command: AddCommand) -> None:
    """Add the command and its options."""
    parser = command(
        "validate",
        run,
        "compare the quantized network with the float one, layer by layer, and try what would bring them closer",
        "tinyglow validate mnist.onnx --define N=1 --profile profile.yaml --input image=digits.npy --labels labels.npy",
    )
    add_model(parser)
    add_profile(parser)
    add_inputs(parser)
    parser.add_argument(
        "--labels",
        metavar="L.npy",
        help="the right class of each sample: an array of integers (.npy, .csv), or the folder of images itself",
    )
    parser.add_argument("--min-snr", metavar="DB", type=float, help="exit status 1 if an output is below so many dB")
    parser.add_argument(
        "--no-advice", action="store_true", help="do not try other options, which takes most of the time"
    )
    parser.add_argument(
        "--board", metavar="BOARD", help="also compare numpy, host C and this board bit for bit, as verify"
    )
    add_scheme(parser)
    add_compiler(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print what was found; 1 if an output is below --min-snr, or a board does not answer as numpy does."""
    from tinyglow.interp import sample_count
    from tinyglow.pipeline.compare import verify as compare
    from tinyglow.pipeline.stations import lower, target_of
    from tinyglow.pipeline.trials import MOST_TRIALS
    from tinyglow.pipeline.validate import validate
    from tinyglow.report.console import print_warnings, progress
    from tinyglow.report.validation import as_json, print_validation
    from tinyglow.targets.boards import load_board

    if arguments.min_snr is not None and not math.isfinite(arguments.min_snr):
        raise InputError("the option --min-snr is not understood", [Problem("", "is no number of dB", "such as 25")])
    board = load_board(arguments.board) if arguments.board else None
    inputs = read_inputs(arguments)
    labels = read_labels(arguments)
    made = quantized_of(arguments)
    steps = sample_count(inputs) + (0 if arguments.no_advice or made.graph.is_quantized else MOST_TRIALS)
    with progress("validating", steps) as advance:
        found = validate(
            made.graph,
            made.profile,
            inputs,
            made.scheme,
            arguments.float_io,
            labels=labels,
            advise=not arguments.no_advice,
            progress=advance,
            tried=advance,
        )
    comparisons = []
    if board is not None:
        program = lower(made.quantized, target=target_of(board))
        with progress(f"verifying on {board.name}", (1 if board.is_host else 2) * sample_count(inputs)) as advance:
            comparisons = compare(program, board, inputs, arguments.cc, advance)
    print_warnings(found.warnings)
    if arguments.json:
        print(json.dumps(as_json(found, comparisons, arguments.min_snr), indent=1))
    else:
        print_validation(found, comparisons)
    return _status(arguments, found.snr, all(comparison.equal for comparison in comparisons))


def _status(arguments: argparse.Namespace, snr: float, equal: bool) -> int:
    """1 if something is not as it should be, with the reason on stderr."""
    import sys

    below = arguments.min_snr is not None and snr < arguments.min_snr
    if below:
        print(f"the lowest SNR of an output is {snr:.1f} dB, below {arguments.min_snr:g} dB", file=sys.stderr)
    return 0 if equal and not below else 1
