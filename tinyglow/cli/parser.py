"""Options of every command."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from tinyglow import __version__
from tinyglow.cli import commands

_EXAMPLES = """\
examples:
  tinyglow demo
  tinyglow profile mnist.onnx --define N=1 --input image=samples.npy -o profile.yaml
  tinyglow compile mnist.onnx --define N=1 --profile profile.yaml --board frdm-ke16z --name mnist -o bundle
  tinyglow run bundle --board frdm-ke16z --input image=digits.npy -o answers.npz
  tinyglow verify mnist.onnx --define N=1 --profile profile.yaml --board mimxrt1060-evk --input image=digits.npy
"""


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the examples' lines."""


def _example(*lines: str) -> str:
    return "example:\n" + "\n".join(f"  {line}" for line in lines)


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="the network, an ONNX file")
    parser.add_argument(
        "--define", metavar="N=1", action="append", default=[], help="size of a symbolic dimension; may be repeated"
    )
    parser.add_argument("--dump", metavar="DIR", help="write each station's result there as text")


def _add_inputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--input",
        metavar="NAME=X.npy",
        action="append",
        default=[],
        required=True,
        help="samples for an input: a .npy array whose first dimension counts samples; one for each input",
    )


def _add_board(parser: argparse.ArgumentParser, required: bool = True) -> None:
    help_ = "a board ('tinyglow boards' lists them), 'host', or a board file"
    parser.add_argument("--board", metavar="BOARD", required=required, help=help_)


def _add_compiler(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--cc",
        metavar="CC",
        default="auto",
        help="C compiler: auto, zig, gcc (arm-none-eabi-gcc for boards), clang or a path (default: %(default)s)",
    )


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; ``arguments.run(arguments)`` does the work."""
    parser = argparse.ArgumentParser(
        prog="tinyglow",
        description="Neural networks as C that runs on the smallest Arm chips, exactly.",
        epilog=_EXAMPLES,
        formatter_class=_Formatter,
    )
    parser.add_argument("--version", action="version", version=f"tinyglow {__version__}")
    parser.add_argument("--debug", action="store_true", help="show a traceback when something fails")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], int], text: str, *lines: str) -> argparse.ArgumentParser:
        added = subparsers.add_parser(
            name, help=text, description=text, epilog=_example(*lines), formatter_class=_Formatter
        )
        # Also accepted behind the command; SUPPRESS keeps it from undoing the one before.
        added.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        added.set_defaults(run=run)
        return added

    demo = command("demo", commands.demo, "AN13438's MNIST network on two emulated boards", "tinyglow demo")
    demo.add_argument("-o", "--output", metavar="DIR", help="keep the bundles and the profile there")
    _add_compiler(demo)

    profile = command(
        "profile",
        commands.profile,
        "run a network on samples and record each value's range",
        "tinyglow profile mnist.onnx --define N=1 --input image=samples.npy -o profile.yaml",
    )
    _add_model(profile)
    _add_inputs(profile)
    profile.add_argument("-o", "--output", metavar="FILE", required=True, help="the profile, a YAML file as Glow's")

    compile_ = command(
        "compile",
        commands.compile_,
        "quantize a network and write its C bundle",
        "tinyglow compile mnist.onnx --define N=1 --profile profile.yaml --board frdm-ke16z --name mnist -o bundle",
    )
    _add_model(compile_)
    compile_.add_argument("--profile", metavar="FILE", required=True, help="ranges, from 'tinyglow profile' or Glow")
    _add_board(compile_)
    compile_.add_argument("--name", metavar="NET", help="name of the network in C (default: from the file's name)")
    compile_.add_argument("-o", "--output", metavar="DIR", required=True, help="folder for the bundle")
    compile_.add_argument("--float-io", action="store_true", help="keep inputs and outputs float32")

    run = command(
        "run",
        commands.run,
        "run a bundle on this machine or an emulated board",
        "tinyglow run bundle --board frdm-ke16z --input image=digits.npy -o answers.npz --json",
    )
    run.add_argument("bundle", metavar="DIR", help="the bundle's folder")
    _add_board(run)
    _add_inputs(run)
    run.add_argument("-o", "--output", metavar="OUT.npz", help="write the outputs there, by placeholder name")
    _add_compiler(run)
    _add_json(run)

    verify = command(
        "verify",
        commands.verify,
        "compare numpy, host C and a board bit for bit (exit status 1 on any difference)",
        "tinyglow verify mnist.onnx --define N=1 --profile profile.yaml --board frdm-ke16z --input image=digits.npy",
    )
    _add_model(verify)
    verify.add_argument("--profile", metavar="FILE", required=True, help="ranges, from 'tinyglow profile' or Glow")
    _add_board(verify)
    _add_inputs(verify)
    verify.add_argument("--float-io", action="store_true", help="keep inputs and outputs float32")
    _add_compiler(verify)
    _add_json(verify)

    boards = command("boards", commands.boards, "list the boards", "tinyglow boards")
    _add_json(boards)
    return parser
