"""``tinyglow verify``."""

from __future__ import annotations

import argparse
import json

from tinyglow.cli.options import (
    AddCommand,
    add_board_or_core,
    add_compiler,
    add_inputs,
    add_json,
    add_model,
    add_profile,
    add_scheme,
    add_sequence,
    add_stream,
    add_target,
    add_tcm,
)
from tinyglow.cli.reading import board_of, calls_of, compiled_of, read_inputs, streamed


def register(command: AddCommand) -> None:
    """Add the command and its options."""
    parser = command(
        "verify",
        run,
        "compare numpy, host C and a board bit for bit (exit status 1 on any difference); how near float they come",
        "tinyglow verify mnist.onnx --define N=1 --profile profile.yaml --board frdm-ke16z --input image=digits.npy",
    )
    add_model(parser)
    add_profile(parser)
    add_board_or_core(parser)
    add_inputs(parser)
    add_sequence(parser)
    add_stream(parser)
    add_scheme(parser)
    add_target(parser)
    add_tcm(parser)
    add_compiler(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Compare all targets; 1 if any differs."""
    from dataclasses import asdict

    from tinyglow.interp import sample_count
    from tinyglow.pipeline.compare import verify as compare
    from tinyglow.pipeline.fidelity import output_fidelity
    from tinyglow.report.console import progress
    from tinyglow.report.fidelity import output_json, print_outputs
    from tinyglow.report.tables import print_comparisons

    board, inputs = board_of(arguments), read_inputs(arguments)
    compiled = compiled_of(arguments)
    inputs, sequence = calls_of(arguments, compiled.graph, inputs)
    program = compiled.program
    targets = 1 if board.is_host else 2
    with progress(f"verifying on {board.name}", targets * sample_count(inputs)) as advance:
        comparisons = compare(program, board, inputs, arguments.cc, advance, sequence)
    equal = all(comparison.equal for comparison in comparisons)
    outputs = output_fidelity(streamed(arguments, compiled.graph), program, inputs, sequence)
    if arguments.json:
        compared = [asdict(comparison) for comparison in comparisons]
        report = {"equal": equal, "targets": compared, "outputs": [output_json(output) for output in outputs]}
        print(json.dumps(report, indent=1))
    else:
        print_outputs(outputs, compiled.graph.is_quantized)
        print_comparisons(comparisons)
    return 0 if equal else 1
