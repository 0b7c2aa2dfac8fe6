"""``tinyglow demo``."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinyglow.cli.options import AddCommand, add_compiler


def register(command: AddCommand) -> None:
    """Add the command and its options."""
    parser = command("demo", run, "AN13438's MNIST network on two emulated boards", "tinyglow demo")
    parser.add_argument("-o", "--output", metavar="DIR", help="keep the bundles and the profile there")
    add_compiler(parser)


def run(arguments: argparse.Namespace) -> int:
    """The guided tour."""
    from tinyglow.demo.tour import run_demo

    return run_demo(Path(arguments.output) if arguments.output else None, arguments.cc)
