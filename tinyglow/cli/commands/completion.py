"""``tinyglow completion``."""

from __future__ import annotations

import argparse

from tinyglow.cli.options import AddCommand
from tinyglow.errors import Problem, ToolError


def register(command: AddCommand) -> None:
    """Add the command and its options."""
    parser = command(
        "completion",
        run,
        "print a script that completes commands and options in a shell: bash reads it from "
        "~/.local/share/bash-completion/completions/tinyglow, zsh from a file _tinyglow in its fpath",
        "tinyglow completion bash",
    )
    parser.add_argument("shell", choices=("bash", "zsh", "tcsh"), help="the shell that will read it")


def run(arguments: argparse.Namespace) -> int:
    """Print the script."""
    from tinyglow.cli.parser import build_parser

    try:
        import shtab
    except ImportError as error:
        problem = Problem("shtab", "missing", hint="pip install tinyglow[completion]")
        raise ToolError("the script is made by a package that is not installed", [problem]) from error
    print(shtab.complete(build_parser(), arguments.shell))
    return 0
