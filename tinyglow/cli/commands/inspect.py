"""``tinyglow inspect``."""

from __future__ import annotations

import argparse
import json

from tinyglow.cli.options import AddCommand, add_json, add_model
from tinyglow.cli.reading import defines, input_shapes


def register(command: AddCommand) -> None:
    """Add the command and its options."""
    parser = command(
        "inspect",
        run,
        "a model's inputs, outputs, operators, parameters and multiply-adds, and what of it is supported",
        "tinyglow inspect mnist.onnx",
    )
    add_model(parser, dump=False)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print what was found; 1 if something is not supported."""
    from tinyglow.pipeline.inspect import inspect
    from tinyglow.report.inspection import as_json, print_inspection

    found = inspect(
        arguments.model, defines(arguments), input_shapes(arguments), arguments.output_name, arguments.model_weights
    )
    if arguments.json:
        print(json.dumps(as_json(found), indent=1))
    else:
        print_inspection(found)
    return 0 if found.is_supported else 1
