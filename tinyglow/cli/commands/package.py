"""``tinyglow package``."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinyglow.bundle.packages import formats
from tinyglow.cli.options import AddCommand, add_board, add_inputs, add_model, add_scheme, add_target
from tinyglow.cli.reading import compiled_of, read_inputs
from tinyglow.cli.several import add_several, separate
from tinyglow.errors import InputError, Problem


def register(command: AddCommand) -> None:
    """Add the command and its options."""
    parser = command(
        "package",
        run,
        "quantize a network and write a library for the build system of an application",
        "tinyglow package mnist.onnx --define N=1 --profile p.yaml --board cortex-m4 --format cmake -o mnist",
        "cmake -S mnist -B build && cmake --build build && ctest --test-dir build",
        "tinyglow package bundle --format arduino -o mnist_arduino",
        "tinyglow package words_bundle digits_bundle --shared-arena --format zephyr -o networks",
    )
    add_model(parser)  # or the folder of a bundle
    add_several(parser)
    add_board(parser, required=False)
    known = formats()
    words = "; ".join(f"{one.name}: {one.summary}" for one in known.values())
    parser.add_argument("--format", choices=tuple(known), required=True, help=f"the kind of library. {words}")
    add_inputs(parser, required=False)
    parser.add_argument("--package-version", metavar="V", default="1.0.0", help="its version (default: %(default)s)")
    parser.add_argument("-o", "--output", metavar="DIR", required=True, help="a new folder for the library")
    add_scheme(parser)
    add_target(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write a library."""
    several = separate(arguments)
    files = _shared(arguments, several) if arguments.shared_arena else _one(several[0])
    print(f"{arguments.output}: {len(files)} files for {arguments.format}; README.md says how to use them")
    return 0


def _shared(arguments: argparse.Namespace, several: list[argparse.Namespace]) -> dict[str, bytes]:
    """A library of several networks."""
    from tinyglow.pipeline.package import package_shared
    from tinyglow.targets.boards import HOST, load_board

    if not arguments.board and not all(Path(one.model).is_dir() for one in several):
        raise _no_board()
    board = load_board(arguments.board) if arguments.board else HOST
    networks = [Path(one.model) if Path(one.model).is_dir() else compiled_of(one, one.name).program for one in several]
    folder, version = Path(arguments.output), arguments.package_version
    return package_shared(networks, folder, arguments.format, arguments.project, board, version)


def _one(arguments: argparse.Namespace) -> dict[str, bytes]:
    """A library of one network."""
    from tinyglow.pipeline.package import package, package_bundle
    from tinyglow.targets.boards import HOST, load_board

    inputs = read_inputs(arguments) if arguments.input else None
    folder, kind, version = Path(arguments.output), arguments.format, arguments.package_version
    if Path(arguments.model).is_dir():
        _check_bundle_options(arguments)
        board = load_board(arguments.board) if arguments.board else HOST
        return package_bundle(Path(arguments.model), folder, kind, board, inputs, version)
    if not arguments.board:
        raise _no_board()
    return package(compiled_of(arguments, arguments.name).program, folder, kind, inputs, version)


def _no_board() -> InputError:
    problem = Problem("--board", "is missing", "the board that kernels are chosen for, such as cortex-m4")
    return InputError("the package cannot be written", [problem])


def _check_bundle_options(arguments: argparse.Namespace) -> None:
    """Raises InputError for options that a bundle has no use for."""
    given = [("--profile", arguments.profile), ("--name", arguments.name)]
    problems = [
        Problem(option, "was given for a bundle", hint="it is compiled already") for option, value in given if value
    ]
    if problems:
        raise InputError("the package cannot be written", problems)
