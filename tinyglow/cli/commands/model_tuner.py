"""``tinyglow model-tuner``: Glow's tool that narrows the ranges of a profile as long as a network gets better."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tinyglow.cli.glow.parse import GlowArguments, parse
from tinyglow.cli.options import AddCommand
from tinyglow.errors import InputError, Problem

if TYPE_CHECKING:
    from tinyglow.tuning.algorithm import TuningOptions


def register(command: AddCommand) -> None:
    """Add the command."""
    command("model-tuner", run, "Glow's model-tuner: narrow a profile's ranges for the best accuracy", raw=True)


def run(arguments: argparse.Namespace) -> int:
    """Write a tuned profile."""
    options = parse("model-tuner", arguments.rest)
    if options is None:
        return 0
    from tinyglow.tuning.threads import one_thread_each

    with one_thread_each():
        tuning = _tuning_options(options)  # imports numpy
    from tinyglow.cli.glow.imaged import load_model_and_images
    from tinyglow.cli.glow.labels import read_labels
    from tinyglow.cli.glow.searching import check_search, search_scheme
    from tinyglow.cli.glow.session import scheme_of
    from tinyglow.quant.profile import load_profile, save_profile
    from tinyglow.report.console import print_note, progress
    from tinyglow.tuning.tune import tune

    board = check_search(options)
    scheme, profile = scheme_of(options), load_profile(options.text("load-profile"))
    files, labels = read_labels(options.text("dataset-file"), options.text("dataset-path"))
    with progress("reading images", len(files)) as advance:
        graph, images = load_model_and_images(options, files, advance)
    tuned = Path(options.text("dump-tuned-profile"))
    _check_writable(options)
    if board is not None:
        scheme = search_scheme(options, board, graph, profile, images, labels, scheme)
    checkpoint = Path(options.text("checkpoint") or f"{tuned}.checkpoint")
    if options.flag("restart"):
        checkpoint.unlink(missing_ok=True)
    with progress("tuning", len(profile.ranges)) as advance:
        result = tune(
            graph,
            profile,
            images,
            labels,
            scheme,
            tuning,
            options.count("jobs"),
            checkpoint,
            options.text("executor"),
            print_note,
            lambda line: print(line, flush=True),
            advance,
            lambda answers: print_note(f"going on from {checkpoint}, which knows {answers} answers"),
        )
    save_profile(result, tuned)
    return 0


def _tuning_options(options: GlowArguments) -> TuningOptions:
    """Raises InputError for values that make no sense, and without a profile."""
    from tinyglow.tuning.algorithm import TuningOptions
    from tinyglow.tuning.executor import parse_executor

    problems = []
    if options.given("executor"):
        parse_executor(options.text("executor"))
        if options.given("jobs"):
            problems.append(Problem("-jobs", "cannot be used together with -executor", "", "-executor=local:N"))
    if not options.given("load-profile"):
        problems.append(Problem("-load-profile", "is missing", "the profile to tune"))
    if options.given("dump-profile"):
        problems.append(Problem("-dump-profile", "cannot be used together with -load-profile"))
    for name in ("target-accuracy", "acc-drop-skip"):
        if not 0 <= options.number(name) <= 1:
            problems.append(Problem(f"-{name}={options.text(name)}", "is no fraction", "0 to 1"))
    if problems:
        raise InputError("the options do not fit together", problems)
    return TuningOptions(
        options.number("target-accuracy"), options.count("max-iter-per-node"), options.number("acc-drop-skip")
    )


def _check_writable(options: GlowArguments) -> None:
    """Raises InputError if a result could not be written: better now than when it is there."""
    problems = []
    for name in ("dump-tuned-profile", "search-report"):
        path = Path(options.text(name))
        if options.given(name) and (path.is_dir() or not path.absolute().parent.is_dir()):
            found = "is a folder" if path.is_dir() else "is in a folder that does not exist"
            problems.append(Problem(f"-{name}={path}", found))
    if problems:
        raise InputError("the results cannot be written", problems)
