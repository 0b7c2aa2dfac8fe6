"""``tinyglow model-compiler``: Glow's tool that writes bundles."""

from __future__ import annotations

import argparse

from tinyglow.cli.glow.parse import parse
from tinyglow.cli.options import AddCommand
from tinyglow.errors import InputError, Problem


def register(command: AddCommand) -> None:
    """Add the command."""
    command("model-compiler", run, "Glow's model-compiler: a bundle from a model and a profile", raw=True)


def run(arguments: argparse.Namespace) -> int:
    """Write a bundle."""
    options = parse("model-compiler", arguments.rest)
    if options is None:
        return 0
    from tinyglow.cli.glow.bundle import check_names, draw, write_bundle
    from tinyglow.cli.glow.session import load_model

    if options.given("dump-profile"):
        problem = Problem("-dump-profile", "needs inputs", "image-classifier or model-profiler")
        raise InputError("the options do not fit together", [problem])
    check_names(options)
    # Without a profile nothing of Glow's rounding is to be met: the simplest graph is the best.
    like_glow = None if options.given("load-profile") else False
    graph = load_model(options, like_glow=like_glow, types=("float", "int8q"))
    if options.given("dump-graph-DAG-before-compile"):
        draw(graph, options.text("dump-graph-DAG-before-compile"))
    write_bundle(options, graph)
    return 0
