"""A search on a network, its samples and a board."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from tinyglow.errors import BoardError, InputError, ModelError, Problem, ProfileError
from tinyglow.ir.graph import Array, Graph
from tinyglow.ir.program import Program
from tinyglow.ir.target import Target
from tinyglow.lowering.graph_to_program import lower
from tinyglow.operators.conv2d import Conv2D
from tinyglow.operators.fully_connected import FullyConnected
from tinyglow.passes.fuse import fuse
from tinyglow.pipeline.stations import quantize
from tinyglow.quant.calibration import QUANTIZED_BINS
from tinyglow.quant.profile import Profile
from tinyglow.quant.scheme import Scheme
from tinyglow.tuning.costs import Costs
from tinyglow.tuning.network import Counter, TunedNetwork
from tinyglow.tuning.search import DEFAULT_TRIALS, Candidate, Cost, Layers, Limits, front, search


def layers_of(graph: Graph) -> Layers:
    """The model's nodes that have weights, in order."""
    convolutions = [node.origin for node in graph.nodes if isinstance(node.op, Conv2D)]
    weighted = [node.origin for node in graph.nodes if isinstance(node.op, Conv2D | FullyConnected)]
    return Layers(tuple(filter(None, dict.fromkeys(convolutions))), tuple(filter(None, dict.fromkeys(weighted))))


@dataclass
class NetworkTrials:
    """``search.Trials`` of a float graph: right answers are counted, costs are predicted for a target.

    Attributes:
        graph: The float graph.
        profile: Its ranges.
        images: float32 [samples, *shape].
        labels: [samples].
        counter: Counts right answers.
        costs: Predicts costs.
        target: What kernels are chosen for.
        float_io: Whether the network whose cost counts has float placeholders.
        misfit: Why the first network that did not fit the board did not.
    """

    graph: Graph
    profile: Profile
    images: Array
    labels: Array
    counter: Counter
    costs: Costs
    target: Target
    float_io: bool = True
    misfit: BoardError | None = None

    def __post_init__(self) -> None:
        self._network = TunedNetwork(self.graph, self.profile, Scheme(), self.images, self.labels, self.counter)

    def correct(self, scheme: Scheme) -> int | None:
        """How many samples are right by a scheme; None if the network cannot be compiled so."""
        self._network.scheme = scheme
        try:
            return self._network.count(self._network.quantized(self.profile.ranges))
        except (ModelError, ProfileError):
            return None

    def program(self, scheme: Scheme) -> Program:
        """What is paid for, lowered and not planned."""
        graph = quantize(self.graph, self.profile, scheme, self.float_io)
        return lower(fuse(graph, self.target), self.target)

    def cost(self, scheme: Scheme) -> Cost | None:
        """The predicted cost by a scheme; None if it does not fit the board."""
        try:
            return self.costs.predicted(self.program(scheme))
        except BoardError as error:
            self.misfit = self.misfit or error
            return None

    def measured(self, candidate: Candidate) -> Candidate | None:
        """The candidate with the costs of its whole program; None if it does not fit the board after all."""
        try:
            return replace(candidate, cost=self.costs.measured(self.program(candidate.scheme)))
        except BoardError as error:
            self.misfit = self.misfit or error
            return None


@dataclass(frozen=True)
class Explored:
    """The front, by measured costs; what was predicted of each of its members; and how many schemes were tried."""

    front: tuple[Candidate, ...]
    predicted: tuple[Cost, ...]
    tried: int

    @property
    def best(self) -> Candidate:
        """The most accurate; of equals the cheapest."""
        return max(self.front, key=lambda found: (found.correct, -found.cost.cycles, -found.cost.flash))


def explore(
    trials: NetworkTrials,
    base: Scheme,
    limits: Limits,
    most: int = DEFAULT_TRIALS,
    advance: Callable[[int], None] = lambda trials: None,
) -> Explored:
    """Search, and measure the front on the board. Raises InputError if nothing is within the limits."""
    calibration = any(len(range_.histogram) >= QUANTIZED_BINS for range_ in trials.profile.ranges.values())
    found, tried = search(trials, base, layers_of(trials.graph), limits, calibration, most, advance)
    measured = [result for candidate in found if (result := trials.measured(candidate))]
    kept = front(measured, limits)
    if not kept:
        if trials.misfit is not None and not (measured or tried):
            raise trials.misfit
        raise InputError("no scheme is within the limits", _cheapest(measured or tried))
    predicted = {candidate.scheme: candidate.cost for candidate in found}
    return Explored(tuple(kept), tuple(predicted[candidate.scheme] for candidate in kept), len(tried))


def _cheapest(candidates: list[Candidate]) -> list[Problem]:
    if not candidates:
        return [Problem("", "the network can be quantized by none of the schemes")]
    cycles = min(candidate.cost.cycles for candidate in candidates)
    flash = min(candidate.cost.flash for candidate in candidates)
    return [
        Problem("cycles", f"the fewest are {cycles:,}", "a limit above"),
        Problem("flash", f"the fewest bytes are {flash:,}", "a limit above"),
    ]
