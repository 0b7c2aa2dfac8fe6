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


def _add_graph(parser: argparse.ArgumentParser) -> None:
    help_ = "tiny: the simplest graph (default); glow: exactly what Glow would quantize"
    parser.add_argument("--graph", choices=("tiny", "glow"), default="tiny", help=help_)


def _add_scheme(parser: argparse.ArgumentParser) -> None:
    """How to quantize; each option has Glow's name too."""
    group = parser.add_argument_group("quantization")
    schemas = ("asymmetric", "symmetric", "symmetric_with_uint8", "symmetric_with_power2_scale")
    group.add_argument(
        "--schema", "--quantization-schema", choices=schemas, default=schemas[0], help="default: %(default)s"
    )
    group.add_argument(
        "--bias",
        "--quantization-precision-bias",
        type=str.lower,
        choices=("int32", "int8"),
        default="int32",
        help="type of biases (default: %(default)s)",
    )
    group.add_argument(
        "--channelwise",
        "--enable-channelwise",
        action="store_true",
        help="convolutions get a scale for each output channel",
    )
    group.add_argument(
        "--calibration",
        "--quantization-calibration",
        type=str.lower,
        choices=("none", "kl"),
        default="none",
        help="kl: narrow ranges by divergence; the profile needs at least 255 bins (default: %(default)s)",
    )
    group.add_argument("--calibrate-constants", action="store_true", help="calibrate weights too")
    group.add_argument(
        "--keep-float",
        "--keep-original-precision-for-nodes",
        metavar="KINDS",
        default="",
        help="node kinds that stay float, by Glow's names, separated by commas",
    )
    group.add_argument("--float-io", action="store_true", help="keep inputs and outputs float32")
    _add_graph(parser)


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


def _add_making(command: Callable[..., argparse.ArgumentParser]) -> None:
    """The commands that make something of a model."""
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
    _add_graph(profile)
    profile.add_argument(
        "--bins",
        "--num-histogram-bins",
        metavar="N",
        type=int,
        default=10,
        help="histogram bins (default: %(default)s)",
    )
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
    _add_scheme(compile_)
    compile_.add_argument(
        "--explain-quantization", action="store_true", help="list each value's range, scale, offset, constants and why"
    )


def _add_running(command: Callable[..., argparse.ArgumentParser]) -> None:
    """The commands that run something."""
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
    _add_scheme(verify)
    _add_compiler(verify)
    _add_json(verify)

    crosscheck = command(
        "crosscheck",
        commands.crosscheck,
        "compare with a recording of the real Glow (exit status 1 on any difference)",
        "tinyglow crosscheck golden/mnist/asymmetric --model mnist.onnx",
    )
    crosscheck.add_argument("golden", metavar="GOLDEN_DIR", help="one configuration's folder of the recording")
    crosscheck.add_argument("--model", metavar="MODEL", required=True, help="the network, an ONNX file")
    crosscheck.add_argument("--profile", metavar="FILE", help="ranges (default: those recorded with it)")
    crosscheck.add_argument("--define", metavar="N=1", action="append", default=[], help="size of a symbolic dimension")
    crosscheck.add_argument("--board", metavar="BOARD", action="append", default=[], help="also run it there")
    crosscheck.add_argument("--layers", action="store_true", help="list every value, not the differing ones alone")
    _add_compiler(crosscheck)
    _add_json(crosscheck)

    boards = command("boards", commands.boards, "list the boards", "tinyglow boards")
    _add_json(boards)


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

    _add_making(command)
    _add_running(command)
    return parser
