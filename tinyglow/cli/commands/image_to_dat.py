"""``tinyglow image-to-dat``."""

from __future__ import annotations

import argparse

from tinyglow.cli.converting import converted
from tinyglow.cli.options import AddCommand


def register(command: AddCommand) -> None:
    """Add the command and its options."""
    parser = command(
        "image-to-dat",
        run,
        "write the images of a data set, 28 x 28 pixels each, as .DAT files in the same folders",
        "tinyglow image-to-dat images -o dataset",
    )
    parser.add_argument("dataset", metavar="DIR", help="the data set, with a folder for each label")
    parser.add_argument("-o", "--output", metavar="DIR", required=True, help="the new data set; must not be there yet")


def run(arguments: argparse.Namespace) -> int:
    """Convert, and say how many there are."""
    return converted(arguments.dataset, arguments.output, ".DAT")
