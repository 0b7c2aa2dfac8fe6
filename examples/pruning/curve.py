"""Accuracy against cycles and flash: AN13438's network, pruned step by step and trained on after each.

    python examples/pruning/curve.py --plot pruning.svg                        (digits that the project draws)
    python examples/pruning/curve.py --data mnist.npz --train 60000 --test 10000 --epochs 10 --plot pruning.svg

Each line of the table is a network in int8, profiled on a hundred training pictures. Accuracy is that of the integers
on all test pictures. Cycles are those of the slowest of three test pictures in the simulator, and flash is code,
constants and weights; both on an FRDM-KE16Z (Cortex-M0+), where weights become instructions and a weight of zero
becomes none, and on a MIMXRT1060-EVK (Cortex-M7), where weights are data. What the emulated boards answer is compared
with numpy, bit by bit.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from data import Set, digits
from pruned import Network, PrunedNetwork

import tinyglow
from tinyglow.ir.target import WeightsAsCode
from tinyglow.targets.boards import load_board

BOARDS = ("frdm-ke16z", "mimxrt1060-evk")
PROFILED, RUN = 100, 3


@dataclass(frozen=True)
class Point:
    """One network: how it was pruned, the share of zeros, accuracy (0 to 1), and (cycles, bytes of flash) by board."""

    kind: str
    zeros: float
    accuracy: float
    int8: float
    costs: tuple[tuple[int, int], ...]


def answers(outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """The only output."""
    (found,) = outputs.values()
    return found


def measured(kind: str, network: PrunedNetwork, train: Set, test: Set) -> Point:
    """Compile a network for both boards, and run it there."""
    with tempfile.TemporaryDirectory() as name:
        network.save(Path(name) / "net.onnx")
        graph = tinyglow.load(Path(name) / "net.onnx", "net")
        quantized = tinyglow.quantize(graph, tinyglow.profile(graph, {"image": train[0][:PROFILED]}))
        host = tinyglow.lower(quantized)
        parts = [test[0][begin : begin + 1000] for begin in range(0, len(test[0]), 1000)]
        scores = np.concatenate([answers(tinyglow.interpret(host, {"image": part})) for part in parts])
        right = scores.reshape(len(test[1]), -1).argmax(axis=1) == test[1]
        costs = []
        for title, how in zip(BOARDS, (WeightsAsCode.ALWAYS, WeightsAsCode.AUTO), strict=True):
            board = load_board(title)
            program = tinyglow.lower(quantized, target=replace(tinyglow.target_of(board), weights_as_code=how))
            folder = Path(name) / title
            tinyglow.emit(program, folder)
            execution = tinyglow.simulate(folder, board, {"image": test[0][:RUN]}, "zig")
            if answers(execution.outputs).tobytes() != scores[:RUN].tobytes():
                raise SystemExit(f"{title} answers other than numpy: please report this network")
            cycles, sizes = execution.most("cycles"), execution.sizes
            assert cycles is not None and sizes is not None
            costs.append((cycles, sizes.flash))
    return Point(kind, network.zeros, network.accuracy(*test), float(right.mean()), tuple(costs))


def pruned(
    dense: Network, train: Set, epochs: int, seed: int, shares: Sequence[float], units: Sequence[float]
) -> Iterator[tuple[str, PrunedNetwork]]:
    """(kind, network) of each point; each begins where the last of its kind ended."""
    yield "dense", PrunedNetwork.of(dense)
    for kind, steps in (("magnitude", shares), ("structured", units)):
        network = PrunedNetwork.of(dense)
        for step in steps:
            network = network.copy()
            if kind == "magnitude":
                network.prune_weights(step)
            else:
                network.prune_units(step)
            network.train(*train, epochs, seed)
            yield kind, network


def plot(path: str, points: Sequence[Point], title: str) -> None:
    """Accuracy over cycles and over flash, a line for each kind and board; needs matplotlib."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 2, figsize=(9, 6), layout="constrained", sharey=True)
    for row, board in enumerate(BOARDS):
        for column, what in enumerate(("cycles", "flash, bytes")):
            cell = axes[row][column]
            for kind, marker in (("magnitude", "o"), ("structured", "s")):
                line = [point for point in points if point.kind in ("dense", kind)]
                cell.plot([p.costs[row][column] for p in line], [100 * p.int8 for p in line], marker=marker, label=kind)
            cell.set(xlabel=f"{what}, {board}", ylabel="" if column else "accuracy of int8, %")
            cell.grid(alpha=0.3)
    axes[0][0].legend()
    figure.suptitle(title)
    figure.savefig(path)


def table(points: Sequence[Point]) -> str:
    """The points as Markdown."""
    titles = [f"{what}, {board}" for board in ("M0+", "M7") for what in ("cycles", "flash")]
    lines = [f"| pruned | weights at zero | float | int8 | {' | '.join(titles)} |", "|---" + "|--:" * 7 + "|"]
    for p in points:
        costs = " | ".join(f"{value:,}" for pair in p.costs for value in pair)
        lines.append(
            f"| {p.kind} | {100 * p.zeros:.1f} % | {100 * p.accuracy:.2f} % | {100 * p.int8:.2f} % | {costs} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Train, prune, measure; print the table, and draw it if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", metavar="FILE", help="MNIST as Keras' mnist.npz (default: the project draws digits)")
    parser.add_argument("--train", type=int, default=2000, help="pictures to train on (default: %(default)s)")
    parser.add_argument("--test", type=int, default=500, help="pictures to test with (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=15, help="of each training (default: %(default)s)")
    parser.add_argument("--shares", default="0.5,0.75,0.875,0.94", help="zeros, magnitude (default: %(default)s)")
    parser.add_argument("--units", default="0.75,0.5,0.25", help="units that stay, structured (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plot", metavar="FILE", help="draw it there (.svg, .png; needs matplotlib)")
    arguments = parser.parse_args()
    begin = time.process_time()
    train, test, what = digits(arguments.data, arguments.train, arguments.test)
    dense = Network.random(arguments.seed)
    dense.train(*train, arguments.epochs, arguments.seed)
    shares, units = ([float(v) for v in text.split(",") if v] for text in (arguments.shares, arguments.units))
    points = []
    for kind, network in pruned(dense, train, arguments.epochs, arguments.seed, shares, units):
        points.append(measured(kind, network, train, test))
        p = points[-1]
        print(f"{kind}: {100 * p.zeros:.1f} % zeros, {100 * p.int8:.2f} % right", flush=True)
    note = f"{what}: {len(train[1])} training pictures, {len(test[1])} test pictures"
    print(
        f"\n{table(points)}\n\n{note}, {arguments.epochs} epochs each, seed {arguments.seed}, numpy {np.__version__};"
    )
    print(f"{time.process_time() - begin:.0f} s of computing time")
    if arguments.plot:
        plot(arguments.plot, points, note)
        print(arguments.plot)


if __name__ == "__main__":
    main()
