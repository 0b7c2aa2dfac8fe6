"""A float network, its labelled samples and a scheme: what ``algorithm`` tunes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

from tinyglow.errors import InputError, ModelError, Problem, ProfileError
from tinyglow.interp import fits, run_graph
from tinyglow.ir.graph import Array, Graph
from tinyglow.ir.program import Program
from tinyglow.lowering.graph_to_program import lower
from tinyglow.pipeline.stations import quantize
from tinyglow.quant.profile import Profile
from tinyglow.quant.scheme import Scheme
from tinyglow.tuning.algorithm import Ranges
from tinyglow.tuning.evaluator import count_correct
from tinyglow.tuning.fingerprint import Fingerprint, Key, fingerprint, graph_key


class Counter(Protocol):
    """An Evaluator, or Workers."""

    def correct(self, program: Program, print_: Fingerprint | None = None) -> int:
        """How many samples a program gets right."""


def check_samples(graph: Graph, images: Array, labels: Array) -> None:
    """Raises InputError unless the network takes one such image and answers with a value for each class."""
    problems = []
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        found = f"has {len(graph.inputs)} inputs and {len(graph.outputs)} outputs"
        raise InputError("the network cannot be tuned", [Problem(graph.name, found, "one of each")])
    shape = graph.type_of(graph.inputs[0]).shape
    if not fits(images.shape[1:], shape):
        problems.append(Problem("the images", f"have shape {list(images.shape[1:])}", f"{list(shape)}"))
    classes = graph.type_of(graph.outputs[0].value).elements
    if len(images) != len(labels) or not len(images):
        problems.append(Problem("the labels", f"are {len(labels)} for {len(images)} images", "one for each"))
    elif labels.min() < 0 or labels.max() >= classes:
        found = f"range from {labels.min()} to {labels.max()}"
        problems.append(Problem("the labels", found, f"0 to {classes - 1}: the network has {classes} classes"))
    if problems:
        raise InputError("the samples do not fit the network", problems)


@dataclass
class TunedNetwork:
    """``algorithm.Network`` for a float graph.

    Attributes:
        graph: The float graph.
        profile: Everything but the ranges, which come with each test.
        scheme: How to quantize.
        images: float32 [samples, *shape].
        labels: [samples].
        counter: Counts right answers, on the same samples.
    """

    graph: Graph
    profile: Profile
    scheme: Scheme
    images: Array
    labels: Array
    counter: Counter
    _counted: dict[Key, int] = field(default_factory=dict)

    @property
    def samples(self) -> int:
        """Number of samples."""
        return len(self.images)

    def float_correct(self) -> int:
        """How many samples the float network gets right."""
        (name,) = self.graph.inputs
        shaped = self.images.reshape(-1, *self.graph.type_of(name).shape)
        (outputs,) = run_graph(self.graph, {name: shaped}).values()
        return count_correct(outputs.reshape(self.samples, -1), self.labels)

    def quantized(self, ranges: Ranges) -> Graph:
        """The network quantized by these ranges. Its placeholders stay float, as Glow's tuner has them."""
        return quantize(self.graph, replace(self.profile, ranges=ranges), self.scheme, float_io=True)

    def correct(self, ranges: Ranges) -> int:
        """As in ``algorithm.Network``; none, where the ranges are such that no kernel computes with them."""
        try:
            return self.count(self.quantized(ranges))
        except (ModelError, ProfileError):
            if ranges == self.profile.ranges:  # these must do
                raise
            return 0

    def count(self, quantized: Graph) -> int:
        """How many samples a quantized graph gets right. Equal graphs are lowered once, equal programs run once."""
        key = graph_key(quantized)
        if key not in self._counted:
            program = lower(quantized)
            print_ = fingerprint(program)
            if print_.output not in self._counted:
                self._counted[print_.output] = self.counter.correct(program, print_)
            self._counted[key] = self._counted[print_.output]
        return self._counted[key]
