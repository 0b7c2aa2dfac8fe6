"""Evaluation: which of the labelled images does the float network get right, which the quantized one, which a board?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tinyglow.bundle.header import read_bundle
from tinyglow.errors import InputError, Problem
from tinyglow.ir.graph import Array, Graph
from tinyglow.pipeline.execute import simulate
from tinyglow.pipeline.execution import DEFAULTS, Execution, Options
from tinyglow.pipeline.fidelity import float_outputs, real_inputs, real_values
from tinyglow.pipeline.labels import class_output, label_problems
from tinyglow.pipeline.stations import interpret, lower, target_of
from tinyglow.targets.boards import Board

Classes = npt.NDArray[np.int64]
Progress = Callable[[int], None] | None


@dataclass(frozen=True)
class Answers:
    """What one of those that were compared says to each image.

    Attributes:
        by: "float", "int8" (or "int16"), or the name of a board.
        scores: float32 [images, classes].
        execution: Its costs, on a board.
    """

    by: str
    scores: npt.NDArray[np.float32]
    execution: Execution | None = None

    @property
    def classes(self) -> Classes:
        """The class with the highest score, of each image; the first of equal ones."""
        return self.scores.argmax(axis=1).astype(np.int64)


@dataclass(frozen=True)
class Evaluation:
    """The answers of all that were compared to the same labelled images.

    Attributes:
        network: Its name.
        names: Of the classes, by number.
        labels: The right class of each image.
        answers: In the order float, quantized, boards; at least one.
    """

    network: str
    names: tuple[str, ...]
    labels: Classes
    answers: tuple[Answers, ...]

    def right(self, answers: Answers) -> int:
        """How many images are recognized."""
        return int((answers.classes == self.labels).sum())

    def accuracy(self, answers: Answers) -> float:
        """The share of images that are recognized, 0 to 1."""
        return self.right(answers) / len(self.labels)

    def confusion(self, answers: Answers) -> Classes:
        """[classes, classes]: how many images of each right class (rows) were taken for each class (columns)."""
        matrix = np.zeros((len(self.names), len(self.names)), np.int64)
        np.add.at(matrix, (self.labels, answers.classes), 1)
        return matrix

    @property
    def wrong(self) -> list[int]:
        """Numbers of the images that any of those that were compared does not recognize."""
        return [int(i) for i in np.flatnonzero(np.any([a.classes != self.labels for a in self.answers], axis=0))]


def evaluate_network(
    graph: Graph,
    quantized: Graph,
    inputs: Mapping[str, Array],
    labels: Classes,
    names: Sequence[str] = (),
    boards: Sequence[Board] = (),
    precision: str = "int8",
    compiler: str | None = None,
    progress: Progress = None,
) -> Evaluation:
    """Compare a float network, the quantized one, and that on boards.

    Args:
        graph: The float graph; where the model came quantized, it has no float answers.
        quantized: The graph after quantization.
        inputs: Arrays [images, ...] by input name.
        labels: The right class of each image.
        names: Of the classes; () for their numbers.
        boards: Where the compiled network runs too.
        precision: What the quantized network is called.
        compiler: Which C compiler; None for any.
        progress: Is called with 1 after each image on a board.

    Raises:
        InputError: Inputs or labels do not fit, or the network does not classify.
    """
    program = lower(quantized)
    answers = []
    real = real_inputs(program, inputs)
    if not graph.is_quantized:
        answers.append(Answers("float", _scores(float_outputs(graph, real))))
    outputs = interpret(program, real)
    found = {name: real_values(array, program.buffers[name].type) for name, array in outputs.items()}
    answers.append(Answers(precision, _scores(found)))
    for board in boards:
        made = lower(quantized, target=target_of(board))
        execution = simulate(made, board, inputs, compiler, progress)
        found = {name: real_values(array, made.buffers[name].type) for name, array in execution.outputs.items()}
        answers.append(Answers(board.name, _scores(found), execution))
    return _evaluation(graph.name, answers, labels, names)


def evaluate_bundle(
    folder: Path,
    boards: Sequence[Board],
    images: Array,
    labels: Classes,
    names: Sequence[str] = (),
    compiler: str | None = None,
    progress: Progress = None,
    options: Options = DEFAULTS,
) -> Evaluation:
    """Run a bundle of one input on labelled ``images`` [images, ...], on each board. As ``evaluate_network``."""
    info = read_bundle(folder)
    if len(info.inputs) != 1:
        found = f"has {len(info.inputs)} inputs that are marked as such"
        raise InputError("the bundle cannot be evaluated", [Problem(str(folder), found, "one, for an image")])
    types = {placeholder.name: placeholder.type for placeholder in info.placeholders}
    answers = []
    for board in boards:
        execution = simulate(folder, board, {info.inputs[0].name: images}, compiler, progress, options)
        real = {name: real_values(array, types[name]) for name, array in execution.outputs.items()}
        answers.append(Answers(board.name, _scores(real), execution))
    return _evaluation(info.name, answers, labels, names)


def _scores(outputs: Mapping[str, Array]) -> npt.NDArray[np.float32]:
    """The first output that holds a value for each class, [images, classes]. Raises InputError."""
    found = outputs[class_output(outputs, "the network does not classify")]
    return found.reshape(len(found), -1).astype(np.float32)


def _evaluation(network: str, answers: Sequence[Answers], labels: Classes, names: Sequence[str]) -> Evaluation:
    count = answers[0].scores.shape[1]
    problems = label_problems(labels, answers[0].scores)
    if len(names) > count:
        problems.append(Problem("the classes", f"are {len(names)}", f"{count}, as the network has"))
    if problems:
        raise InputError("the labels do not fit the network", problems)
    # A data set may lack the last classes of a network.
    every = (*names, *map(str, range(len(names), count)))
    return Evaluation(network, every, labels, tuple(answers))
