"""model-tuner -search: from options to the scheme that is tuned then."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tinyglow.cli.glow.parse import GlowArguments
from tinyglow.cli.writing import write_result
from tinyglow.errors import InputError, Problem

if TYPE_CHECKING:
    from tinyglow.ir.graph import Array, Graph
    from tinyglow.quant.profile import Profile
    from tinyglow.quant.scheme import Scheme
    from tinyglow.targets.boards import Board

OPTIONS = ("board", "max-cycles", "max-flash", "search-trials", "search-report")
# What a search decides by itself.
_CHOSEN = (
    *("quantization-schema", "quantization-precision-bias", "quantization-calibration", "enable-channelwise"),
    *("channelwise-node", "float-node"),
)


def check_search(options: GlowArguments) -> Board | None:
    """The board to search for; None if no search is asked for. Raises InputError for options that do not fit."""
    from tinyglow.targets.boards import load_board

    if not options.flag("search"):
        problems = [Problem(f"-{name}", "is for a search", "-search") for name in OPTIONS if options.given(name)]
    else:
        problems = [Problem(f"-{name}", "is what -search chooses") for name in _CHOSEN if options.given(name)]
        if not options.given("board"):
            problems.append(Problem("-board", "is missing", "the board whose cycles and flash count"))
        if options.given("quantization-precision") and options.text("quantization-precision") != "Int8":
            problems.append(Problem("-quantization-precision", "is what -search chooses", "", "with -graph=tiny"))
    if problems:
        raise InputError("the options do not fit together", problems)
    if not options.flag("search"):
        return None
    board = load_board(options.text("board"))
    if board.is_host:
        raise InputError("the options do not fit together", [Problem("-board=host", "counts no cycles", "a board")])
    return board


def search_scheme(
    options: GlowArguments, board: Board, graph: Graph, profile: Profile, images: Array, labels: list[int], base: Scheme
) -> Scheme:
    """Search, print the Pareto front, and return the most accurate scheme within -max-cycles and -max-flash."""
    import numpy as np

    from tinyglow.pipeline.stations import target_of
    from tinyglow.report.console import print_note, progress
    from tinyglow.report.search import as_json, print_explored
    from tinyglow.tuning.costs import Costs, run_on
    from tinyglow.tuning.explore import NetworkTrials, explore, layers_of
    from tinyglow.tuning.network import check_samples
    from tinyglow.tuning.search import Limits
    from tinyglow.tuning.tune import counter

    classes = np.asarray(labels)
    check_samples(graph, images, classes)
    limits = Limits(
        options.count("max-cycles") if options.given("max-cycles") else None,
        options.count("max-flash") if options.given("max-flash") else None,
    )
    costs, trials_left = Costs(board, run_on(board), {graph.inputs[0]: images[:1]}), options.count("search-trials")
    float_io = not options.flag("convert-placeholders")
    where = (options.count("jobs"), options.text("executor"), print_note)
    with counter(images, classes, *where) as count, progress("searching", trials_left) as advance:
        trials = NetworkTrials(graph, profile, images, classes, count, costs, target_of(board), float_io)
        explored = explore(trials, base, limits, trials_left, advance)
    layers = layers_of(graph)
    print_explored(explored, layers, len(images), board)
    if options.given("search-report"):
        data = json.dumps(as_json(explored, layers, len(images), board), indent=1) + "\n"
        write_result(options.text("search-report"), data.encode("utf-8"))
    return explored.best.scheme
