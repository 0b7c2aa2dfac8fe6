"""The shipped network at every station, for one who follows it: what the tour prints and the guide explains."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

from tinyglow import resources
from tinyglow.demo.digits import calibration_set, demo_set
from tinyglow.frontend.read import load_model
from tinyglow.frontend.request import Request
from tinyglow.ir.graph import Array, Graph
from tinyglow.ir.program import Program
from tinyglow.pipeline.stations import interpret, load, lower, profile, quantize, target_of
from tinyglow.pipeline.study.steps import Step, steps_of
from tinyglow.quant.profile import Profile
from tinyglow.quant.scheme import Scheme
from tinyglow.targets.boards import Board, load_board

MODEL = resources.EXAMPLES / "mnist" / "mnist_nxp.onnx"
INPUT, OUTPUT, NAME = "max_pooling_1_input", "dense_2", "mnist"
CALIBRATION_IMAGES = 100
BOARD = "frdm-ke16z"
# The sample that is followed: the number of a picture in ``digits.demo_set``.
FOLLOWED = 7

_SIZES = {"N": 1}


@dataclass(frozen=True, eq=False)
class Walk:
    """The network of NXP's AN13438 from its file to a program for a Cortex-M0+.

    Attributes:
        source: The graph as the model file holds it.
        graph: The float graph after station 2.
        profile: The ranges over the calibration images.
        quantized: The int8 graph after station 5.
        images: float32 [20, 28, 28, 1]: the drawn digits.
        labels: int64 [20]: which digits they are.
    """

    source: Graph
    graph: Graph
    profile: Profile
    quantized: Graph
    images: Array
    labels: Array

    @cached_property
    def board(self) -> Board:
        """The board with the Cortex-M0+."""
        return load_board(BOARD)

    @cached_property
    def program(self) -> Program:
        """What runs on the board."""
        return lower(self.quantized, target=target_of(self.board))

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The graph after each pass that changed it."""
        return steps_of(self.source, self.profile, Scheme(), False, target_of(self.board))

    @property
    def sample(self) -> dict[str, Array]:
        """The picture that is followed, float32 [1, 28, 28, 1], by input name."""
        return {INPUT: self.images[FOLLOWED : FOLLOWED + 1]}

    @cached_property
    def values(self) -> dict[str, Array]:
        """What each layer of the int8 graph makes of the followed picture, [1, *shape], by value name."""
        return interpret(lower(self.quantized), self.sample, layers=True)

    def range_of(self, value: str) -> tuple[float, float]:
        """The smallest and the largest of a value of the float graph over the calibration images."""
        found = self.profile.ranges[f"{value}:0"]
        return found.low, found.high


@lru_cache(maxsize=1)
def walk() -> Walk:
    """Take the network through stations 1 to 5: its profile is that of ``CALIBRATION_IMAGES`` drawn digits."""
    source = load_model(MODEL, NAME, Request(_SIZES, {}, (), False))
    graph = load(MODEL, NAME, _SIZES)
    recorded = profile(graph, {INPUT: calibration_set(CALIBRATION_IMAGES)[0]})
    images, labels = demo_set()
    return Walk(source, graph, recorded, quantize(graph, recorded), images, labels)


def cut_after(output: str) -> Graph:
    """The int8 graph that ends with a value of the model file, with the scales of the whole network.

    Args:
        output: Name of the value, such as "sequential/conv2d_1/Relu:0".

    Returns:
        The quantized graph.

    Raises:
        ModelError: The model has no such value.
    """
    return quantize(load(MODEL, NAME, _SIZES, outputs=[output]), walk().profile)
