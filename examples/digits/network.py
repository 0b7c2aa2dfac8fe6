"""AN13438's network and its training, in numpy alone: small enough that no framework is needed.

Three times a max pool of 2 x 2 and a 3 x 3 convolution of four channels with ReLU, then 28 units with ReLU, and a value
for each of ten classes: 1,662 parameters. The loss is cross entropy, the optimizer Adam (Kingma and Ba, 2015).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Array = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]

SHAPES = ((9, 4), (36, 4), (36, 4), (36, 28), (28, 10))  # of the weights: terms of a sum, units
CONVOLUTIONS = 3
_BATCH = 50


def pool(x: Array) -> Array:
    """[n, h, w, c]: the maximum of each 2 x 2 block; an odd row or column is left out."""
    n, h, w, c = x.shape
    return x[:, : h // 2 * 2, : w // 2 * 2].reshape(n, h // 2, 2, w // 2, 2, c).max(axis=(2, 4))


def pool_back(x: Array, pooled: Array, gradient: Array) -> Array:
    """The gradient of ``pool``'s input: it goes to the largest element of each block, in equal parts to equal ones."""
    n, h, w, c = pooled.shape
    blocks = x[:, : h * 2, : w * 2].reshape(n, h, 2, w, 2, c)
    largest = (blocks == pooled[:, :, None, :, None]).astype(np.float32)
    shared = largest * (gradient[:, :, None, :, None] / largest.sum(axis=(2, 4), keepdims=True))
    result = np.zeros_like(x)
    result[:, : h * 2, : w * 2] = shared.reshape(n, h * 2, w * 2, c)
    return result


def patches(x: Array) -> Array:
    """[n, h, w, c] -> [n * h * w, 9 * c]: the 3 x 3 windows around each pixel, zeros outside."""
    n, h, w, c = x.shape
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    taps = [padded[:, i : i + h, j : j + w] for i in range(3) for j in range(3)]
    return np.stack(taps, axis=3).reshape(n * h * w, 9 * c)


def patches_back(gradient: Array, shape: tuple[int, ...]) -> Array:
    """The gradient of ``patches``' input of ``shape``."""
    n, h, w, c = shape
    taps = gradient.reshape(n, h, w, 9, c)
    padded = np.zeros((n, h + 2, w + 2, c), np.float32)
    for tap in range(9):
        i, j = divmod(tap, 3)
        padded[:, i : i + h, j : j + w] += taps[:, :, :, tap]
    return padded[:, 1:-1, 1:-1]


@dataclass
class Network:
    """Weights [terms, units] and biases [units] of five layers; convolutions' terms are in the order of ``patches``.

    Attributes:
        weights: One array for each layer.
        biases: As ``weights``.
        frozen: How many of the first layers training leaves as they are.
    """

    weights: list[Array]
    biases: list[Array]
    frozen: int = 0
    _moments: list[tuple[Array, Array]] = field(default_factory=list)
    _steps: int = 0

    @classmethod
    def random(cls, seed: int) -> Network:
        """He's initialization (He et al., 2015)."""
        rng = np.random.default_rng(seed)
        weights = [(rng.standard_normal(s) * np.sqrt(2 / s[0])).astype(np.float32) for s in SHAPES]
        return cls(weights, [np.zeros(units, np.float32) for _, units in SHAPES])

    @classmethod
    def load(cls, path: str | Path) -> Network:
        """The weights of a network that ``save`` wrote, or of ``examples/mnist/mnist_nxp.onnx``."""
        tensors = onnx.load(path).graph.initializer
        arrays = [numpy_helper.to_array(tensor) for tensor in tensors if tensor.data_type == TensorProto.FLOAT]
        weights = [a.transpose(2, 3, 1, 0).reshape(-1, len(a)) if a.ndim == 4 else a for a in arrays[::2]]
        assert tuple(weight.shape for weight in weights) == SHAPES, "not AN13438's network"
        return cls([np.array(weight) for weight in weights], [np.array(bias) for bias in arrays[1::2]])

    def transferred(self, seed: int) -> Network:
        """A network for other pictures: the convolutions stay as they are, the last layers begin anew."""
        fresh = Network.random(seed)
        kept = CONVOLUTIONS
        return Network(self.weights[:kept] + fresh.weights[kept:], self.biases[:kept] + fresh.biases[kept:], kept)

    def _forward(self, images: Array) -> tuple[Array, list[tuple[Array, Array, Array]]]:
        """Scores, and of each layer: its input before pooling (or flattening), the rows it multiplied, its sums."""
        x, kept = images, []
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            conv = layer < CONVOLUTIONS
            pooled = pool(x) if conv else x.reshape(len(x), -1)
            rows = patches(pooled) if conv else pooled
            sums = rows @ weight + bias
            kept.append((x, rows, sums))
            active = np.maximum(sums, 0) if layer < len(SHAPES) - 1 else sums
            x = active.reshape(*pooled.shape[:3], -1) if conv else active
        return x, kept

    def scores(self, images: Array) -> Array:
        """float32 [n, 10] of images [n, 28, 28, 1] in 0..1."""
        return np.concatenate([self._forward(images[i : i + 500])[0] for i in range(0, len(images), 500)])

    def accuracy(self, images: Array, labels: Labels) -> float:
        """The share of images that are recognized, 0 to 1."""
        return float((self.scores(images).argmax(axis=1) == labels).mean())

    def gradients(self, images: Array, labels: Labels) -> tuple[float, list[tuple[Array, Array]]]:
        """The mean cross entropy, and its gradient by the weights and biases of each layer that is not frozen."""
        scores, kept = self._forward(images)
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        loss = float(-np.log(np.maximum(shares[np.arange(len(labels)), labels], 1e-12)).mean())
        shares[np.arange(len(labels)), labels] -= 1
        gradient, found = shares / np.float32(len(labels)), []
        for layer in reversed(range(self.frozen, len(SHAPES))):
            x, rows, sums = kept[layer]
            if layer < len(SHAPES) - 1:
                gradient = gradient.reshape(sums.shape) * (sums > 0)
            found.append((rows.T @ gradient, gradient.sum(axis=0)))
            gradient = gradient @ self.weights[layer].T
            if layer < CONVOLUTIONS:
                pooled = pool(x)
                gradient = pool_back(x, pooled, patches_back(gradient, pooled.shape))
            gradient = gradient.reshape(x.shape)
        return loss, found[::-1]

    def step(self, gradients: list[tuple[Array, Array]], rate: float) -> None:
        """One step of Adam with its usual constants."""
        trained = [array for pair in zip(self.weights, self.biases, strict=True) for array in pair][2 * self.frozen :]
        if not self._moments:
            self._moments = [(np.zeros_like(array), np.zeros_like(array)) for array in trained]
        self._steps += 1
        flat = [gradient for pair in gradients for gradient in pair]
        correction = np.float32(rate * np.sqrt(1 - 0.999**self._steps) / (1 - 0.9**self._steps))
        for array, gradient, (mean, square) in zip(trained, flat, self._moments, strict=True):
            np.add(mean, np.float32(0.1) * (gradient - mean), out=mean)
            np.add(square, np.float32(0.001) * (gradient**2 - square), out=square)
            np.subtract(array, correction * mean / (np.sqrt(square) + np.float32(1e-7)), out=array)

    def train(
        self, images: Array, labels: Labels, epochs: int, seed: int, after: Callable[[int, float], None] | None = None
    ) -> None:
        """Train with a rate that falls from 0.004 along a cosine; ``after(epoch, loss)`` is called after each epoch."""
        rng = np.random.default_rng(seed)
        for epoch in range(epochs):
            rate = 0.002 * (1 + np.cos(np.pi * epoch / epochs))
            order, losses = rng.permutation(len(images)), []
            for begin in range(0, len(order), _BATCH):
                batch = order[begin : begin + _BATCH]
                loss, gradients = self.gradients(images[batch], labels[batch])
                self.step(gradients, rate)
                losses.append(loss)
            if after:
                after(epoch, float(np.mean(losses)))

    def save(self, path: str | Path) -> None:
        """Write an ONNX file: ``image`` float32 [1, 28, 28, 1] in 0..1 to ``scores`` float32 [1, 10]."""
        nodes = [helper.make_node("Transpose", ["image"], ["x0"], perm=[0, 3, 1, 2])]
        constants, x = [], "x0"

        def add(kind: str, name: str, *inputs: str, **attributes: object) -> str:
            nodes.append(helper.make_node(kind, list(inputs), [name], name, **attributes))
            return name

        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True), 1):
            conv, last = layer <= CONVOLUTIONS, layer == len(SHAPES)
            stored = weight.reshape(3, 3, -1, weight.shape[1]).transpose(3, 2, 0, 1) if conv else weight
            for name, array in ((f"w{layer}", stored), (f"b{layer}", bias)):
                constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
            if conv:
                x = add("MaxPool", f"pool{layer}", x, kernel_shape=[2, 2], strides=[2, 2])
                x = add("Conv", f"conv{layer}", x, f"w{layer}", f"b{layer}", kernel_shape=[3, 3], pads=[1, 1, 1, 1])
            else:
                if layer == CONVOLUTIONS + 1:
                    x = add("Transpose", "rows", x, perm=[0, 2, 3, 1])
                    x = add("Flatten", "flat", x)
                x = add("Gemm", "scores" if last else f"dense{layer}", x, f"w{layer}", f"b{layer}")
            x = x if last else add("Relu", f"relu{layer}", x)
        image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 28, 28, 1])
        scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 10])
        graph = helper.make_graph(nodes, "digits", [image], [scores], constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        onnx.checker.check_model(model)
        onnx.save(model, path)
