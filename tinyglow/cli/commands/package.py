"""``tinyglow package``."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinyglow.bundle.packages import formats
from tinyglow.cli.options import AddCommand, add_board, add_inputs, add_model, add_profile, add_scheme, add_target
from tinyglow.cli.reading import compiled_of, read_inputs


def register(command: AddCommand) -> None:
    """Add the command and its options."""
    parser = command(
        "package",
        run,
        "quantize a network and write a library for the build system of an application",
        "tinyglow package mnist.onnx --define N=1 --profile p.yaml --board cortex-m4 --format cmake -o mnist",
        "cmake -S mnist -B build && cmake --build build && ctest --test-dir build",
    )
    add_model(parser)
    add_profile(parser)
    add_board(parser)
    known = formats()
    words = "; ".join(f"{one.name}: {one.summary}" for one in known.values())
    parser.add_argument("--format", choices=tuple(known), required=True, help=f"the kind of library. {words}")
    add_inputs(parser, required=False)
    parser.add_argument("--name", metavar="NET", help="name of the network in C (default: from the file's name)")
    parser.add_argument("--package-version", metavar="V", default="1.0.0", help="its version (default: %(default)s)")
    parser.add_argument("-o", "--output", metavar="DIR", required=True, help="a new folder for the library")
    add_scheme(parser)
    add_target(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write a library."""
    from tinyglow.pipeline.package import package

    inputs = read_inputs(arguments) if arguments.input else None
    program = compiled_of(arguments, arguments.name).program
    folder = Path(arguments.output)
    files = package(program, folder, arguments.format, inputs, arguments.package_version)
    print(f"{folder}: {len(files)} files, '{program.name}' for {arguments.format}; README.md says how to use them")
    return 0
