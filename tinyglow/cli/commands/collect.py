"""``tinyglow collect``."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from tinyglow.cli.options import AddCommand, add_port
from tinyglow.errors import InputError, Problem


def register(command: AddCommand) -> None:
    """Add the command and its options."""
    parser = command(
        "collect",
        run,
        "gather a data set: a page on this machine on which digits, or other signs, are drawn",
        "tinyglow collect -o dataset --writer anna",
        "tinyglow collect -o shapes --labels circle,square,star",
    )
    parser.add_argument("-o", "--output", metavar="DIR", required=True, help="the data set, a folder for each label")
    parser.add_argument(
        "--labels", metavar="A,B,C", default="0,1,2,3,4,5,6,7,8,9", help="what is drawn (default: the digits)"
    )
    parser.add_argument("--writer", metavar="NAME", default="", help="who draws: begins the names of the files")
    parser.add_argument("--goal", metavar="N", type=int, default=100, help="samples of each label (default: 100)")
    parser.add_argument("--boxes", metavar="N", type=int, default=4, help="drawings at a time (default: 4)")
    parser.add_argument(
        "--pen", metavar="PIXELS", type=float, default=1.0, help="width of a line in the 28 x 28 picture (default: 1)"
    )
    add_port(parser)


def run(arguments: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C; say how many samples there are then."""
    from tinyglow.cli.serving import serve
    from tinyglow.dataset.collect import MOST_BOXES, Collector
    from tinyglow.dataset.names import checked_labels, checked_writer
    from tinyglow.dataset.site import Server
    from tinyglow.dataset.store import Store

    problems = []
    if not 1 <= arguments.boxes <= MOST_BOXES:
        problems.append(Problem("--boxes", f"is {arguments.boxes}", f"1 to {MOST_BOXES}"))
    if not 1 <= arguments.goal <= 1_000_000:
        problems.append(Problem("--goal", f"is {arguments.goal}", "1 to 1000000"))
    if not (math.isfinite(arguments.pen) and 0.5 <= arguments.pen <= 5):
        problems.append(Problem("--pen", f"is {arguments.pen}", "0.5 to 5 pixels"))
    if problems:
        raise InputError("the options are not understood", problems)
    labels, writer = checked_labels(arguments.labels.split(",")), checked_writer(arguments.writer)
    store = Store(Path(arguments.output), labels)
    collector = Collector(store, writer, arguments.boxes, arguments.goal, arguments.pen)
    serve(Server(collector.site, arguments.port), f"draw samples for {arguments.output}")
    print(f"{arguments.output}: {sum(store.counts()):,} samples of {len(labels)} labels")
    return 0
