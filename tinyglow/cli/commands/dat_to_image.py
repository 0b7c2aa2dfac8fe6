"""``tinyglow dat-to-image``."""

from __future__ import annotations

import argparse

from tinyglow.cli.converting import converted
from tinyglow.cli.options import AddCommand


def register(command: AddCommand) -> None:
    """Add the command and its options."""
    parser = command(
        "dat-to-image",
        run,
        "write the .DAT files of a data set as images, in the same folders",
        "tinyglow dat-to-image dataset -o images",
        "tinyglow dat-to-image dataset -o images --format jpg",
    )
    parser.add_argument("dataset", metavar="DIR", help="the data set, with a folder for each label")
    parser.add_argument("-o", "--output", metavar="DIR", required=True, help="the new data set; must not be there yet")
    parser.add_argument(
        "--format", choices=("png", "jpg", "ppm"), default="png", help="jpg loses some detail (default: %(default)s)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Convert, and say how many there are."""
    return converted(arguments.dataset, arguments.output, f".{arguments.format}")
