"""``tinyglow split``."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

from tinyglow.cli.options import AddCommand
from tinyglow.errors import InputError, Problem

PARTS = ("train", "test", "validation")
_MOST_NAMED = 8


def register(command: AddCommand) -> None:
    """Add the command and its options."""
    parser = command(
        "split",
        run,
        "copy a data set into parts for training, testing and validation that share no picture, nor writer if asked",
        "tinyglow split dataset -o parts",
        "tinyglow split dataset -o parts --train 80 --test 20 --validation 0 --by-writer",
    )
    parser.add_argument("dataset", metavar="DIR", help="the data set, with a folder for each label")
    parser.add_argument("-o", "--output", metavar="DIR", required=True, help="gets a folder for each part; must be new")
    for part, share in zip(PARTS, (70, 15, 15), strict=True):
        help_ = f"share of the part {part}; 0: none (default: %(default)s)"
        parser.add_argument(f"--{part}", metavar="SHARE", type=float, default=share, help=help_)
    parser.add_argument("--by-writer", action="store_true", help="also keep all samples of a writer in one part")
    parser.add_argument("--seed", metavar="N", type=int, default=1, help="another seed, another choice (default: 1)")


def run(arguments: argparse.Namespace) -> int:
    """Copy the samples, and say how many each part has."""
    from tinyglow.dataset.divide import split
    from tinyglow.report.console import stdout
    from tinyglow.report.tables import table

    shares = {part: getattr(arguments, part) for part in PARTS}
    bad = [
        Problem(f"--{part}", f"is {share}", "0 or more")
        for part, share in shares.items()
        if not (math.isfinite(share) and share >= 0)
    ]
    if bad:
        raise InputError("the options are not understood", bad)
    found = split(Path(arguments.dataset), Path(arguments.output), shares, arguments.seed, arguments.by_writer)
    parts = list(found.counts)
    rows = [(label, *(found.counts[part][label] for part in parts)) for label in found.counts[parts[0]]]
    rows.append(("all", *(sum(found.counts[part].values()) for part in parts)))
    stdout().print(table(("class", *(f">{part}" for part in parts)), rows))
    if found.repeated:
        print(f"{found.repeated:,} samples repeat the pixels of another one; each stands in the same part as that")
    for first, second in found.contradictions[:_MOST_NAMED]:
        print(f"note: {first} and {second} have the same pixels and different classes", file=sys.stderr)
    if len(found.contradictions) > _MOST_NAMED:
        print(f"note: {len(found.contradictions) - _MOST_NAMED} more such pairs", file=sys.stderr)
    return 0
