"""``tinyglow check-proof``."""

from __future__ import annotations

import argparse

from tinyglow.cli.options import AddCommand
from tinyglow.errors import InputError, Problem

_MOST_FAULTS = 100  # that are printed


def register(command: AddCommand) -> None:
    """Add the command and its options."""
    parser = command(
        "check-proof",
        run,
        "check a bundle's proof against its files: no overflow, no access out of bounds, no more stack than it says",
        "tinyglow check-proof bundle",
    )
    parser.add_argument("bundle", metavar="BUNDLE", help="the folder of a bundle that 'tinyglow compile' wrote")


def run(arguments: argparse.Namespace) -> int:
    """Print what holds."""
    from tinyglow.checker.check import check_proof
    from tinyglow.checker.findings import BrokenError

    try:
        found = check_proof(arguments.bundle)
    except BrokenError as error:
        raise InputError(
            "the bundle has no proof to check", [Problem(error.where, error.found, error.expected)]
        ) from None
    if found.faults:
        problems = [Problem(fault.where, fault.found, fault.expected) for fault in found.faults[:_MOST_FAULTS]]
        if len(found.faults) > _MOST_FAULTS:
            problems.append(Problem("the bundle", f"{len(found.faults) - _MOST_FAULTS} more faults"))
        raise InputError("the bundle's proof does not hold", problems)
    print("\n".join(found.facts))
    print("the proof holds")
    return 0
