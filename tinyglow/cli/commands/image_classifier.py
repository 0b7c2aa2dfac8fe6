"""``tinyglow image-classifier``: Glow's tool that classifies images, or profiles a network on them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tinyglow.cli.glow.parse import GlowArguments, parse
from tinyglow.cli.options import AddCommand
from tinyglow.errors import InputError, Problem, reason
from tinyglow.resources import require_file

if TYPE_CHECKING:
    from tinyglow.ir.graph import Array, Graph


def register(command: AddCommand) -> None:
    """Add the command."""
    command("image-classifier", run, "Glow's image-classifier: classify images, or profile a network on them", raw=True)


def run(arguments: argparse.Namespace) -> int:
    """Classify or profile; 1 if an image has not the class that -expected-labels gives."""
    options = parse("image-classifier", arguments.rest)
    if options is None:
        return 0
    from tinyglow.cli.glow.bundle import check_names, write_bundle
    from tinyglow.cli.glow.imaged import load_model_and_images
    from tinyglow.cli.glow.profiling import write_profile

    check_names(options)
    files = _files(options)
    batch = _check(options, len(files))
    graph, images = load_model_and_images(options, files)
    inputs = {graph.inputs[0]: images}
    heading = f"Model: {_folder(options.text('model'))}\nRunning 1 thread(s)."
    if options.given("dump-profile"):
        print(heading, flush=True)
        write_profile(options, graph, inputs, batch)
        return 0
    if options.given("emit-bundle"):
        print(heading)
        write_bundle(options, graph)
        return 0
    scores = _scores(options, graph, inputs)
    print(heading)
    return _print_classes(options, scores, files)


def _folder(model: str) -> str:
    """The folder of the model as Glow prints it: what stands before the last slash."""
    return model.rpartition("/")[0] if "/" in model else "."


def _files(options: GlowArguments) -> list[str]:
    """The images, from where Glow looks for them. Raises InputError if there are none."""
    from tinyglow.images import image_files

    folders, lists = options.texts("input-image-dir"), options.texts("input-image-list-file")
    if sum(map(bool, (options.files, folders, lists))) != 1:
        expected = "images, or -input-image-dir, or -input-image-list-file; one of the three"
        found = "are given in two ways" if options.files or folders or lists else "are missing"
        raise InputError("no images to work on", [Problem("images", found, expected)])
    files = list(options.files)
    files += [str(path) for folder in folders for path in image_files(folder)]
    for name in lists:
        try:
            require_file(name)
            files += [line for line in Path(name).read_text(encoding="utf-8").splitlines() if line]
        except (OSError, UnicodeDecodeError) as error:
            raise InputError("the list of images cannot be read", [Problem(name, reason(error))]) from error
    if not files:
        raise InputError("no images to work on", [Problem(", ".join([*folders, *lists]), "holds no images")])
    return files


def _check(options: GlowArguments, images: int) -> int:
    """Size of a mini-batch. Raises InputError for options that do not fit together or the number of images."""
    batch = options.count("minibatch") or images
    problems = []
    if images % batch:
        problems.append(Problem(f"-minibatch={batch}", f"does not divide the {images} images"))
    if options.given("dump-profile") and options.given("load-profile"):
        problems.append(Problem("-dump-profile", "cannot be used together with -load-profile"))
    if options.flag("convert-placeholders") and not options.given("emit-bundle"):
        problems.append(Problem("-convert-placeholders", "is for bundles", "-emit-bundle"))
    labels = options.texts("expected-labels")
    if labels and len(labels) != images:
        problems.append(Problem("-expected-labels", f"has {len(labels)} classes for {images} images"))
    bad = [label for label in labels if not (label.isascii() and label.isdigit())]
    problems += [Problem(f"-expected-labels={label[:80]}", "is no class", "a whole number") for label in bad]
    if problems:
        raise InputError("the options do not fit together", problems)
    return batch


def _scores(options: GlowArguments, graph: Graph, inputs: dict[str, Array]) -> Array:
    """[images, classes]. Raises InputError for networks that do not classify, or not into so many classes."""
    from tinyglow.cli.glow.session import runner
    from tinyglow.report.classes import class_scores

    outputs = runner(options, graph)(inputs)
    names = {graph.source_names.get(name, name): name for name in outputs}
    chosen = options.text("output-name") or (next(iter(names)) if len(names) == 1 else "")
    if chosen not in names:
        problem = Problem(f"-output-name={chosen}", "is none of the outputs", ", ".join(names))
        raise InputError("it is not said which output to classify by", [problem])
    scores = class_scores(outputs[names[chosen]])
    if options.count("topk") > scores.shape[1]:
        problem = Problem(f"-topk={options.text('topk')}", f"of {scores.shape[1]} classes", "fewer")
        raise InputError("there are not so many classes", [problem])
    return scores


def _print_classes(options: GlowArguments, scores: Array, files: list[str]) -> int:
    from tinyglow.report.classes import result_lines, softmax, top_classes

    count, offset = options.count("topk"), options.count("label-offset")
    labels = [int(label) for label in options.texts("expected-labels")]
    wrong = 0
    for index, file in enumerate(files) if count else ():
        row = softmax(scores[index]) if options.flag("compute-softmax") else scores[index]
        best = top_classes(row, count)
        print(result_lines(file, row, best, offset))
        if labels and labels[index] not in [label - offset for label in best]:
            print(f" File: {file} doesn't match index: {labels[index]} in the top {count} pairs")
            wrong += 1
    return 1 if wrong else 0
