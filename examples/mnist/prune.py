"""Makes ``mnist_nxp_pruned.onnx``: three weights of four are zero. No training, no data set.

1. Half of the units of each layer but the last go: one after the other, the one without which the next layer's sums can
   be told best from what is left, by least squares. That leaves a quarter of most layers' weights.
2. Layer by layer, single weights go until a quarter is left: always the one whose loss changes the layer's sums least
   when all others of its unit make up for it as well as they can (Hassibi and Stork, Optimal Brain Surgeon, 1993: with
   H = X'X over the layer's inputs X, removing weight q of a unit w costs w[q]^2 / H^-1[q, q] and moves the unit by
   -w[q] / H^-1[q, q] * H^-1[:, q]). Inputs are those of the pruned layers before it, on digits that the demo draws.

    python examples/mnist/prune.py -o pruned.onnx
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from tinyglow.demo.digits import calibration_set

HERE = Path(__file__).parent
# Of the five layers: units that stay, and weights. 403 of 1,612 are a quarter.
UNITS = (1, 2, 2, 13, 10)
WEIGHTS = (6, 12, 25, 230, 130)
DIGITS = 1000
Array = npt.NDArray[np.float64]


def pool(x: Array) -> Array:
    """[n, c, h, w]: the maximum of each 2 x 2 square; an odd row or column is left out."""
    n, c, h, w = x.shape
    return x[:, :, : h // 2 * 2, : w // 2 * 2].reshape(n, c, h // 2, 2, w // 2, 2).max(axis=(3, 5))


def patches(x: Array) -> Array:
    """[n, c, h, w] -> [n, h, w, c * 9]: the 3 x 3 windows around each pixel, zeros outside."""
    n, c, h, w = x.shape
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    taps = [padded[:, :, i : i + h, j : j + w] for i in range(3) for j in range(3)]
    return np.stack(taps, axis=2).reshape(n, c * 9, h, w).transpose(0, 2, 3, 1)


def flat(x: Array) -> Array:
    """What the first fully connected layer gets: rows, columns, channels."""
    return x.transpose(0, 2, 3, 1).reshape(len(x), -1) if x.ndim == 4 else x


@dataclass
class Layer:
    """One layer with weights; channel_of: of which channel of the layer before each term is."""

    names: tuple[str, str]
    conv: bool
    pooled: bool
    shape: tuple[int, ...]
    weights: Array  # [units, terms]
    bias: Array

    @property
    def channel_of(self) -> npt.NDArray[np.int64]:
        """The channel of the layer before that each column of the weights reads."""
        terms = np.arange(self.weights.shape[1])
        return terms // 9 if self.conv else terms % self.before

    before: int = 1  # channels of the layer before

    def columns(self, x: Array) -> Array:
        """The inputs of the layer's sums as rows of terms."""
        return patches(x) if self.conv else flat(x)

    def after(self, y: Array) -> Array:
        """What the next layer gets for these sums."""
        y = np.maximum(y, 0)
        if self.conv:
            y = y.transpose(0, 3, 1, 2)
        return pool(y) if self.pooled else y


def layers_of(model: onnx.ModelProto) -> list[Layer]:
    """The convolutions and matrix products of mnist_nxp, in order."""
    data = {tensor.name: numpy_helper.to_array(tensor).astype(np.float64) for tensor in model.graph.initializer}
    readers = {name: node for node in model.graph.node for name in node.input}
    found: list[Layer] = []
    for node in model.graph.node:
        if node.op_type in ("Conv", "MatMul"):
            conv = node.op_type == "Conv"
            names = node.input[1], node.input[2] if conv else readers[node.output[0]].input[1]
            relu = readers.get(node.output[0])
            pooled = conv and relu is not None and readers[relu.output[0]].op_type == "MaxPool"
            matrix = data[names[0]]
            weights = matrix.reshape(len(matrix), -1) if conv else matrix.T
            before = len(found[-1].bias) if found else 1
            found.append(Layer(names, conv, pooled, matrix.shape, weights.copy(), data[names[1]], before))
    return found


def moments(x: Array) -> Array:
    """X'X of rows of inputs and a 1, with a little added to its diagonal so that it can be inverted."""
    x = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    hessian = x.T @ x
    return hessian + np.eye(len(hessian)) * 1e-3 * np.trace(hessian) / len(hessian)


def units_to_keep(next_layer: Layer, x: Array, count: int) -> npt.NDArray[np.bool_]:
    """Which units of a layer are to stay, by what the next layer's sums need; x: [rows, terms] of that one."""
    hessian = moments(x)
    channel_of = np.append(next_layer.channel_of, -1)
    target = hessian @ np.concatenate([next_layer.weights, next_layer.bias[:, None]], axis=1).T
    kept = np.ones(next_layer.before, bool)
    while kept.sum() > count:
        gains = {}
        for unit in np.flatnonzero(kept):
            terms = np.flatnonzero((channel_of == -1) | (kept[channel_of] & (channel_of != unit)))
            part = target[terms]
            gains[int(unit)] = float((part * np.linalg.solve(hessian[np.ix_(terms, terms)], part)).sum())
        kept[max(gains, key=lambda unit: gains[unit])] = False
    return kept


def thin_out(layer: Layer, units: npt.NDArray[np.bool_], x: Array, y: Array, count: int) -> None:
    """Leave the layer those units, and count of its weights, such that x [rows, terms] gives y."""
    kept = np.outer(units, x.any(axis=0))
    hessian = moments(x)
    start = np.concatenate([np.where(kept, layer.weights, 0.0), layer.bias[:, None]], axis=1)
    with_one = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    start += np.linalg.solve(hessian, with_one.T @ (y - with_one @ start.T)).T
    inverses = [np.linalg.inv(hessian) for _ in start]
    while kept.sum() > count:
        costs = np.stack([w[:-1] ** 2 / np.diag(h)[:-1] for w, h in zip(start, inverses, strict=True)])
        unit, term = np.unravel_index(np.argmin(np.where(kept, costs, np.inf)), kept.shape)
        inverse, column = inverses[unit], inverses[unit][:, term].copy()
        start[unit] -= start[unit, term] / column[term] * column
        inverse -= np.outer(column, column) / column[term]
        inverse[term], inverse[:, term], inverse[term, term] = 0.0, 0.0, 1.0  # the weight is gone, and stays at 0
        kept[unit, term] = False
    layer.weights = np.where(kept, start[:, :-1], 0.0)
    layer.bias = np.where(units, start[:, -1], 0.0)


def prune(model: onnx.ModelProto, images: Array) -> None:
    """Replace the weights of mnist_nxp; images [n, 28, 28] in 0..1."""
    layers = layers_of(model)
    dense = thin = pool(images[:, None])
    for layer, following, units_left, weights_left in zip(layers, [*layers[1:], None], UNITS, WEIGHTS, strict=True):
        columns = layer.columns(dense)
        sums = columns @ layer.weights.T + layer.bias
        dense, units = layer.after(sums), np.ones(units_left, bool)
        if following is not None:
            x = following.columns(dense)
            units = units_to_keep(following, x.reshape(-1, x.shape[-1]), units_left)
        x = layer.columns(thin)
        thin_out(layer, units, x.reshape(-1, x.shape[-1]), sums.reshape(-1, len(units)), weights_left)
        thin = layer.after(x @ layer.weights.T + layer.bias)
    data = {tensor.name: tensor for tensor in model.graph.initializer}
    for layer in layers:
        matrix = layer.weights.reshape(layer.shape) if layer.conv else layer.weights.T
        for name, array in zip(layer.names, (matrix, layer.bias), strict=True):
            data[name].CopyFrom(numpy_helper.from_array(np.ascontiguousarray(array, np.float32), name))


def main() -> None:
    """Write the pruned network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True)
    output = parser.parse_args().output
    model = onnx.load(HERE / "mnist_nxp.onnx")
    prune(model, calibration_set(DIGITS)[0].astype(np.float64).reshape(-1, 28, 28))
    onnx.save(model, output)


if __name__ == "__main__":
    main()
