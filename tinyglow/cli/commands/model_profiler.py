"""``tinyglow model-profiler``: Glow's tool that profiles a network on raw tensors."""

from __future__ import annotations

import argparse

from tinyglow.cli.glow.parse import parse
from tinyglow.cli.options import AddCommand
from tinyglow.errors import InputError, Problem


def register(command: AddCommand) -> None:
    """Add the command."""
    command("model-profiler", run, "Glow's model-profiler: ranges of all values over files of raw numbers", raw=True)


def run(arguments: argparse.Namespace) -> int:
    """Write a profile."""
    options = parse("model-profiler", arguments.rest)
    if options is None:
        return 0
    from tinyglow.cli.glow.profiling import read_datasets, write_profile
    from tinyglow.cli.glow.session import load_model

    if options.given("load-profile"):
        problem = Problem("-load-profile", "cannot be used together with -dump-profile")
        raise InputError("the options do not fit together", [problem])
    graph = load_model(options)
    write_profile(options, graph, read_datasets(options, graph))
    return 0
