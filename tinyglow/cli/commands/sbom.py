"""``tinyglow sbom``."""

from __future__ import annotations

import argparse
import json

from tinyglow.cli.options import AddCommand
from tinyglow.cli.writing import write_result


def register(command: AddCommand) -> None:
    """Add the command and its options."""
    parser = command(
        "sbom",
        run,
        "a bundle's bill of materials: every file with its hash, every kernel with its version, as CycloneDX",
        "tinyglow sbom bundle -o bundle.cdx.json",
    )
    parser.add_argument("bundle", metavar="BUNDLE", help="the folder of a bundle that 'tinyglow compile' wrote")
    parser.add_argument("-o", "--output", metavar="OUT.json", help="where to write it (default: it is printed)")


def run(arguments: argparse.Namespace) -> int:
    """Write or print the document."""
    from tinyglow.bundle.sbom import bill_of_materials

    text = json.dumps(bill_of_materials(arguments.bundle), indent=1) + "\n"
    if arguments.output:
        write_result(arguments.output, text.encode("utf-8"))
    else:
        print(text, end="")
    return 0
