"""``tinyglow balance``."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinyglow.cli.options import AddCommand


def register(command: AddCommand) -> None:
    """Add the command and its options."""
    parser = command(
        "balance",
        run,
        "copy as many random samples of each class of a data set into a new folder",
        "tinyglow balance dataset -o balanced --count 100",
    )
    parser.add_argument("dataset", metavar="DIR", help="the data set, with a folder for each label")
    parser.add_argument("-o", "--output", metavar="DIR", required=True, help="the new data set; must not be there yet")
    parser.add_argument("--count", metavar="N", type=int, required=True, help="samples of each class")
    parser.add_argument("--seed", metavar="N", type=int, default=1, help="another seed, another choice (default: 1)")


def run(arguments: argparse.Namespace) -> int:
    """Copy the samples, and say how many each class had."""
    from tinyglow.dataset.divide import balance
    from tinyglow.report.console import stdout
    from tinyglow.report.tables import table

    had = balance(Path(arguments.dataset), Path(arguments.output), arguments.count, arguments.seed)
    stdout().print(
        table(("class", ">samples", ">copied"), [(name, size, arguments.count) for name, size in had.items()])
    )
    print(f"{arguments.output}: {arguments.count * len(had):,} samples of {len(had)} classes, seed {arguments.seed}")
    return 0
