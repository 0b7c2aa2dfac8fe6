"""``tinyglow review``."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinyglow.cli.options import AddCommand, add_port
from tinyglow.errors import InputError, Problem


def register(command: AddCommand) -> None:
    """Add the command and its options."""
    parser = command(
        "review",
        run,
        "look through a data set: a page on this machine on which samples get another label or are removed",
        "tinyglow review dataset",
    )
    parser.add_argument("dataset", metavar="DIR", help="the data set, with a folder for each label")
    add_port(parser)


def run(arguments: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C; say how many samples there are then."""
    from tinyglow.cli.serving import serve
    from tinyglow.dataset.review import Reviewer
    from tinyglow.dataset.site import Server
    from tinyglow.dataset.store import Store, class_names

    folder = Path(arguments.dataset)
    labels = class_names(folder)
    if not labels:
        expected = "a folder with a folder for each label"
        raise InputError("the data set is empty", [Problem(str(folder), "holds no folders", expected)])
    store = Store(folder, labels)
    serve(Server(Reviewer(store).site, arguments.port), f"review {folder}")
    print(f"{folder}: {sum(store.counts()):,} samples of {len(labels)} labels")
    return 0
