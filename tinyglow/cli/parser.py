"""The parser of all commands."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from tinyglow import __version__
from tinyglow.cli.commands import register

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


def build_parser(wanted: str = "") -> argparse.ArgumentParser:
    """The parser of all commands, or of a ``wanted`` one; ``arguments.run(arguments)`` does the work."""
    parser = argparse.ArgumentParser(
        prog="tinyglow",
        description="Neural networks as C that runs on the smallest Arm chips, exactly.",
        epilog=_EXAMPLES,
        formatter_class=_Formatter,
    )
    parser.add_argument(
        "--version",
        action="version",
        version=f"tinyglow {__version__}",
        help="show the version; with --json also those of packages and tools",
    )
    parser.add_argument("--debug", action="store_true", help="show a traceback when something fails")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(
        name: str, run: Callable[[argparse.Namespace], int], text: str, *lines: str, raw: bool = False
    ) -> argparse.ArgumentParser:
        if raw:
            # No argument starts with a NUL: all pass through as they are, --help too.
            added = subparsers.add_parser(name, help=text, prefix_chars="\0", add_help=False)
            added.add_argument("rest", nargs=argparse.REMAINDER)
            added.set_defaults(run=run)
            return added
        added = subparsers.add_parser(
            name, help=text, description=text, epilog=_example(*lines), formatter_class=_Formatter
        )
        # Also accepted after the command; SUPPRESS keeps it from undoing the one before.
        added.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        added.set_defaults(run=run)
        return added

    register(command, wanted)
    return parser
