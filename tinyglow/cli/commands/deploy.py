"""``tinyglow deploy``."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinyglow.cli.class_names import read_class_names
from tinyglow.cli.options import (
    AddCommand,
    add_board,
    add_inputs,
    add_model,
    add_place,
    add_scheme,
    add_stream,
    add_target,
)
from tinyglow.cli.reading import compiled_of, read_inputs, read_labels
from tinyglow.cli.several import add_several, separate
from tinyglow.errors import InputError, Problem


def register(command: AddCommand) -> None:
    """Add the command and its options."""
    parser = command(
        "deploy",
        run,
        "quantize a network and write a whole firmware project for a board",
        "tinyglow deploy mnist.onnx --define N=1 --profile p.yaml --board mps2-an500 --input image=x.npy -o fw",
        "tinyglow deploy words_bundle digits_bundle --shared-arena --board mps2-an500 -o fw",
        "make -C fw TOOLCHAIN=zig && tinyglow boot fw/build/firmware.elf --board mps2-an500",
    )
    add_model(parser)
    add_several(parser)
    add_board(parser)
    add_inputs(parser, required=False)
    parser.add_argument("--labels", metavar="Y.npy", help="the right class of each sample, or the folder of images")
    parser.add_argument(
        "--class-names",
        metavar="NAMES.txt",
        help="the name of each class, which the firmware prints: a file with one on each line, or the folder of images",
    )
    parser.add_argument(
        "--console", choices=("uart", "semihosting"), help="where it prints (default: the board's UART if it has one)"
    )
    parser.add_argument("-o", "--output", metavar="DIR", required=True, help="a new folder for the project")
    add_scheme(parser)
    add_stream(parser)
    add_target(parser)
    add_place(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write a project."""
    from tinyglow.targets.boards import load_board

    several = separate(arguments)
    name, files = _shared(arguments, several) if arguments.shared_arena else _one(several[0])
    folder = Path(arguments.output)
    print(f"{folder}: a project of {len(files)} files, '{name}' for {load_board(arguments.board).title}")
    print(f"  make -C {folder}                   with arm-none-eabi-gcc, or")
    print(f"  make -C {folder} TOOLCHAIN=zig     with zig; then")
    print(f"  tinyglow boot {folder / 'build' / 'firmware.elf'} --board {arguments.board}")
    return 0


def _shared(arguments: argparse.Namespace, several: list[argparse.Namespace]) -> tuple[str, dict[str, bytes]]:
    """A project with several networks: their name together, and its files."""
    from tinyglow.pipeline.deploy import deploy_shared
    from tinyglow.targets.boards import load_board

    given = {"--labels": arguments.labels, "--class-names": arguments.class_names, "--place": arguments.place}
    if problems := [Problem(option, "is for one network") for option, value in given.items() if value]:
        raise InputError("the networks cannot be deployed", problems)
    board = load_board(arguments.board)
    networks = [Path(one.model) if Path(one.model).is_dir() else compiled_of(one, one.name).program for one in several]
    project = arguments.project
    return project, deploy_shared(networks, board, Path(arguments.output), project, arguments.console)


def _one(arguments: argparse.Namespace) -> tuple[str, dict[str, bytes]]:
    """A project with one network: its name, and the project's files."""
    from tinyglow.pipeline.deploy import deploy
    from tinyglow.pipeline.placing import place_constants
    from tinyglow.targets.boards import load_board

    if not arguments.input:
        problem = Problem("--input", "is missing", "the samples that the firmware runs")
        raise InputError("the network cannot be deployed", [problem])
    board, inputs = load_board(arguments.board), read_inputs(arguments)
    labels, names = read_labels(arguments), read_class_names(arguments.class_names) if arguments.class_names else ()
    program = compiled_of(arguments, arguments.name).program
    if arguments.place:
        program = place_constants(program, board, arguments.place)
    return program.name, deploy(program, board, Path(arguments.output), inputs, labels, arguments.console, names)
