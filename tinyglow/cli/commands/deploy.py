"""``tinyglow deploy``."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinyglow.cli.options import (
    AddCommand,
    add_board,
    add_inputs,
    add_model,
    add_profile,
    add_scheme,
    add_stream,
    add_target,
)
from tinyglow.cli.reading import compiled_of, read_inputs, read_labels


def register(command: AddCommand) -> None:
    """Add the command and its options."""
    parser = command(
        "deploy",
        run,
        "quantize a network and write a whole firmware project for a board",
        "tinyglow deploy mnist.onnx --define N=1 --profile p.yaml --board mps2-an500 --input image=x.npy -o fw",
        "make -C fw TOOLCHAIN=zig && tinyglow boot fw/build/firmware.elf --board mps2-an500",
    )
    add_model(parser)
    add_profile(parser)
    add_board(parser)
    add_inputs(parser)
    parser.add_argument("--labels", metavar="Y.npy", help="the right class of each sample, or the folder of images")
    parser.add_argument(
        "--console", choices=("uart", "semihosting"), help="where it prints (default: the board's UART if it has one)"
    )
    parser.add_argument("--name", metavar="NET", help="name of the network in C (default: from the file's name)")
    parser.add_argument("-o", "--output", metavar="DIR", required=True, help="a new folder for the project")
    add_scheme(parser)
    add_stream(parser)
    add_target(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write a project."""
    from tinyglow.pipeline.deploy import deploy
    from tinyglow.targets.boards import load_board

    board, inputs = load_board(arguments.board), read_inputs(arguments)
    labels = read_labels(arguments)
    program = compiled_of(arguments, arguments.name).program
    folder = Path(arguments.output)
    files = deploy(program, board, folder, inputs, labels, arguments.console)
    print(f"{folder}: a project of {len(files)} files, '{program.name}' for {board.title}")
    print(f"  make -C {folder}                   with arm-none-eabi-gcc, or")
    print(f"  make -C {folder} TOOLCHAIN=zig     with zig; then")
    print(f"  tinyglow boot {folder / 'build' / 'firmware.elf'} --board {arguments.board}")
    return 0
