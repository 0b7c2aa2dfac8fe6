"""Makes ``mnist_nxp_pruned.onnx``: three weights of four are zero. No training, no data set.

Layer by layer, weights are removed one after the other, always the one whose loss changes the layer's sums least when
all others of its unit make up for it as well as they can (Hassibi and Stork, Optimal Brain Surgeon, 1993, equations 5
and 6): with H = X'X over the layer's inputs X, removing weight q of unit w costs w[q]^2 / (2 H^-1[q, q]) and moves the
unit by -w[q] / H^-1[q, q] * H^-1[:, q]. Inputs are those of the pruned layers before it, on digits that the demo draws.
The bias takes part as a weight that stays.

    python examples/mnist/prune.py
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from tinyglow.demo.digits import calibration_set

HERE = Path(__file__).parent
ZEROS = 0.75
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


def removed(weights: Array, bias: Array, x: Array, y: Array, zeros: float) -> tuple[Array, Array]:
    """Weights [units, terms] and bias [units], a share of ``zeros`` removed, such that x [rows, terms] gives y."""
    x = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    hessian = x.T @ x
    hessian += np.eye(len(hessian)) * 1e-3 * np.trace(hessian) / len(hessian)
    # What fits y best is where removing starts: layers before this one have changed.
    start = np.concatenate([weights, bias[:, None]], axis=1)
    start = start + np.linalg.solve(hessian, x.T @ (y - x @ start.T)).T
    inverses = [np.linalg.inv(hessian) for _ in start]
    kept = np.ones(weights.shape, bool)
    for _ in range(round(zeros * weights.size)):
        costs = np.stack([w[:-1] ** 2 / np.diag(h)[:-1] for w, h in zip(start, inverses, strict=True)])
        unit, term = np.unravel_index(np.argmin(np.where(kept, costs, np.inf)), costs.shape)
        inverse, column = inverses[unit], inverses[unit][:, term].copy()
        pivot = column[term]
        start[unit] -= start[unit, term] / pivot * column
        inverse -= np.outer(column, column) / pivot
        inverse[term], inverse[:, term], inverse[term, term] = 0.0, 0.0, 1.0  # the weight is gone, and stays at 0
        kept[unit, term] = False
    return np.where(kept, start[:, :-1], 0.0), start[:, -1]


def prune(model: onnx.ModelProto, images: Array, zeros: float = ZEROS) -> None:
    """Replace the weights of mnist_nxp; images [n, 28, 28] in 0..1."""
    data = {tensor.name: tensor for tensor in model.graph.initializer}
    old = new = pool(images[:, None])
    for node in model.graph.node:
        if node.op_type not in ("Conv", "MatMul"):
            continue
        after = [other for other in model.graph.node if node.output[0] in other.input]
        names = node.input[1], node.input[2] if node.op_type == "Conv" else after[0].input[1]
        matrix, bias = (numpy_helper.to_array(data[name]).astype(np.float64) for name in names)
        conv = node.op_type == "Conv"
        weights = matrix.reshape(len(matrix), -1) if conv else matrix.T
        x_old, x_new = (patches(x) if conv else flat(x) for x in (old, new))
        y = x_old @ weights.T + bias
        terms = weights.shape[1]
        weights, bias = removed(weights, bias, x_new.reshape(-1, terms), y.reshape(-1, len(bias)), zeros)
        shaped = weights.reshape(matrix.shape) if conv else weights.T
        for name, array in zip(names, (shaped, bias), strict=True):
            data[name].CopyFrom(numpy_helper.from_array(np.ascontiguousarray(array, np.float32), name))
        old, new = np.maximum(y, 0), np.maximum(x_new @ weights.T + bias, 0)
        if conv:
            old, new = (x.transpose(0, 3, 1, 2) for x in (old, new))
            if node is not [n for n in model.graph.node if n.op_type == "Conv"][-1]:
                old, new = pool(old), pool(new)


def flat(x: Array) -> Array:
    """What the first fully connected layer gets: rows, columns, channels."""
    return x.transpose(0, 2, 3, 1).reshape(len(x), -1) if x.ndim == 4 else x


def main() -> None:
    """Write the pruned network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=HERE / "mnist_nxp_pruned.onnx")
    output = parser.parse_args().output
    model = onnx.load(HERE / "mnist_nxp.onnx")
    images = calibration_set(DIGITS)[0].astype(np.float64).reshape(-1, 28, 28)
    prune(model, images)
    onnx.save(model, output)


if __name__ == "__main__":
    main()
