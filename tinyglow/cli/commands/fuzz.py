"""``tinyglow fuzz``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from tinyglow.cli.options import AddCommand, add_compiler, add_json

if TYPE_CHECKING:
    from tinyglow.testing.fuzz import Outcome, Sweep

_COUNT = 60


def register(command: AddCommand) -> None:
    """Add the command and its options."""
    parser = command(
        "fuzz",
        run,
        "compile random networks with random options for random cores, and compare each with numpy (exit status 1 if "
        "one differs)",
        "tinyglow fuzz --minutes 10 --output found",
    )
    parser.add_argument("--minutes", metavar="N", type=float, help="begin no other network after so long")
    parser.add_argument(
        "--count", metavar="N", type=int, help=f"how many networks (default: {_COUNT}, or any number with --minutes)"
    )
    parser.add_argument(
        "--seed", metavar="N", type=int, default=0, help="of the first network; the others follow (default: 0)"
    )
    parser.add_argument(
        "--output",
        "-o",
        metavar="DIR",
        help="keep what fails there, each in a new folder: the network made small, its options, the commands that show "
        "the fault",
    )
    add_compiler(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Try networks; 1 if any showed a fault."""
    from tinyglow.errors import InputError, Problem
    from tinyglow.report.console import progress
    from tinyglow.testing.fuzz import fuzz

    if arguments.seed < 0:
        raise InputError("the options are not understood", [Problem("--seed", str(arguments.seed), "0 or more")])
    count = arguments.count
    if count is None and arguments.minutes is None:
        count = _COUNT
    # Of a run without a count, a step is a second.
    total = int(60 * arguments.minutes) + 1 if count is None else count
    with progress("networks" if count is not None else "seconds", max(1, total)) as advance:
        sweep = fuzz(
            arguments.seed,
            count,
            arguments.minutes,
            arguments.output,
            arguments.cc,
            _reporter(advance, in_seconds=count is None, quiet=arguments.json),
        )
    if arguments.json:
        print(json.dumps(_as_json(sweep), indent=1))
    else:
        _print(sweep)
    return 1 if sweep.found else 0


def _reporter(advance: Callable[[int], None], in_seconds: bool, quiet: bool) -> Callable[[int, Outcome], None]:
    """What is called after each network: it names a fault at once, and moves the bar on."""
    import time

    last = time.monotonic()

    def report(seed: int, outcome: Outcome) -> None:
        nonlocal last
        if outcome.is_fault and not quiet:
            print(f"seed {seed}: {outcome.kind}: {outcome.text}", flush=True)
        steps = int(time.monotonic() - last) if in_seconds else 1
        last += steps
        advance(steps)

    return report


def _print(sweep: Sweep) -> None:
    for seed, folder in sweep.folders.items():
        print(f"seed {seed} is kept in {folder}")
    last = sweep.first + max(0, sweep.trials - 1)
    print(
        f"networks {sweep.first} to {last}: {sweep.equal} equal numpy bit for bit, {sweep.refused} refused with a "
        f"reason, {len(sweep.found)} with a fault"
    )


def _as_json(sweep: Sweep) -> dict[str, object]:
    faults = [
        {"seed": seed, "kind": outcome.kind, "text": outcome.text, "folder": str(sweep.folders.get(seed, ""))}
        for seed, outcome in sweep.found.items()
    ]
    return {
        "first": sweep.first,
        "networks": sweep.trials,
        "equal": sweep.equal,
        "refused": sweep.refused,
        "faults": faults,
    }
