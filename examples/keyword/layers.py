"""Layers of a depthwise separable convolutional network and their training, in numpy alone.

Maps are float32 [n, h, w, c]. The loss is cross entropy, the optimizer Adam (Kingma and Ba, 2015).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Array = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


class Convolution:
    """A convolution with ReLU whose map is as large as its input, divided by the stride and rounded up.

    Attributes:
        weight: [taps, channels] where it is depthwise, else [taps * channels, units].
        bias: [units].
    """

    def __init__(
        self, rng: np.random.Generator, kernel: tuple[int, int], channels: int, units: int, stride: int = 1
    ) -> None:
        """``units`` 0: depthwise. He's initialization (He et al., 2015)."""
        self.kernel, self.channels, self.stride, self.depthwise = kernel, channels, stride, units == 0
        taps = kernel[0] * kernel[1]
        shape = (taps, channels) if self.depthwise else (taps * channels, units)
        self.weight: Array = (rng.standard_normal(shape) * np.sqrt(2 / shape[0])).astype(np.float32)
        self.bias: Array = np.zeros(shape[1], np.float32)
        self._kept: tuple[Array, Array, tuple[int, ...]]

    def pads(self, size: int, axis: int) -> tuple[int, int]:
        """Rows or columns of zeros before and after; the odd one after."""
        total = max((-(-size // self.stride) - 1) * self.stride + self.kernel[axis] - size, 0)
        return total // 2, total - total // 2

    def _places(self, h: int, w: int) -> tuple[int, int, list[tuple[slice, slice]]]:
        height, width, step = -(-h // self.stride), -(-w // self.stride), self.stride
        rows = [slice(i, i + (height - 1) * step + 1, step) for i in range(self.kernel[0])]
        columns = [slice(j, j + (width - 1) * step + 1, step) for j in range(self.kernel[1])]
        taps = [(row, column) for row in rows for column in columns]
        return height, width, taps

    def forward(self, x: Array) -> Array:
        """Keeps what ``backward`` needs."""
        n, h, w, _ = x.shape
        padded = np.pad(x, ((0, 0), self.pads(h, 0), self.pads(w, 1), (0, 0)))
        height, width, places = self._places(h, w)
        rows = np.stack([padded[:, a, b] for a, b in places], axis=3)
        if self.depthwise:
            sums = (rows * self.weight).sum(axis=3) + self.bias
        else:
            rows = rows.reshape(n * height * width, -1)
            sums = (rows @ self.weight + self.bias).reshape(n, height, width, -1)
        result = np.maximum(sums, 0)
        self._kept = (rows, result, x.shape)
        return result

    def backward(self, gradient: Array) -> tuple[Array, Array, Array]:
        """The gradients of its input, weight and bias."""
        rows, result, (n, h, w, c) = self._kept
        gradient = gradient * (result > 0)
        height, width, places = self._places(h, w)
        if self.depthwise:
            weight = (rows * gradient[:, :, :, None]).sum(axis=(0, 1, 2))
            back = gradient[:, :, :, None] * self.weight
        else:
            flat = gradient.reshape(-1, gradient.shape[-1])
            weight = rows.T @ flat
            back = (flat @ self.weight.T).reshape(n, height, width, len(places), c)
        (top, bottom), (left, right) = self.pads(h, 0), self.pads(w, 1)
        padded = np.zeros((n, h + top + bottom, w + left + right, c), np.float32)
        for tap, (a, b) in enumerate(places):
            padded[:, a, b] += back[:, :, :, tap]
        return padded[:, top : top + h, left : left + w], weight, gradient.sum(axis=(0, 1, 2))


class Separable:
    """DS-CNN: a convolution, pairs of a depthwise 3 x 3 and a pointwise one, the map's mean, a layer of classes."""

    def __init__(self, classes: int, channels: int, blocks: int, seed: int) -> None:
        """Random weights."""
        rng = np.random.default_rng(seed)
        self.layers = [Convolution(rng, (10, 4), 1, channels, 2)]
        for _ in range(blocks):
            self.layers += [Convolution(rng, (3, 3), channels, 0), Convolution(rng, (1, 1), channels, channels)]
        self.weight: Array = (rng.standard_normal((channels, classes)) * np.sqrt(1 / channels)).astype(np.float32)
        self.bias: Array = np.zeros(classes, np.float32)

    def _forward(self, x: Array) -> tuple[Array, Array]:
        for layer in self.layers:
            x = layer.forward(x)
        return x.mean(axis=(1, 2)) @ self.weight + self.bias, x

    def scores(self, x: Array) -> Array:
        """float32 [n, classes], before softmax."""
        return np.concatenate([self._forward(x[i : i + 100])[0] for i in range(0, len(x), 100)])

    def _arrays(self) -> list[Array]:
        return [array for layer in (*self.layers, self) for array in (layer.weight, layer.bias)]

    def gradients(self, x: Array, labels: Labels) -> tuple[float, list[Array]]:
        """The mean cross entropy, and its gradient by each array."""
        scores, last = self._forward(x)
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        loss = float(-np.log(np.maximum(shares[np.arange(len(labels)), labels], 1e-12)).mean())
        shares[np.arange(len(labels)), labels] -= 1
        shares /= np.float32(len(labels))
        size = np.float32(last.shape[1] * last.shape[2])
        found = [shares.sum(axis=0), last.mean(axis=(1, 2)).T @ shares]
        gradient = np.broadcast_to((shares @ self.weight.T / size)[:, None, None], last.shape)
        for layer in reversed(self.layers):
            gradient, weight, bias = layer.backward(gradient)
            found += [bias, weight]
        return loss, found[::-1]

    def train(
        self, x: Array, labels: Labels, epochs: int, seed: int, after: Callable[[int, float], None] | None = None
    ) -> None:
        """Batches of 32, a rate that falls from 0.003 along a cosine; ``after(epoch, loss)`` after each epoch."""
        rng, arrays, steps = np.random.default_rng(seed), self._arrays(), 0
        moments = [(np.zeros_like(array), np.zeros_like(array)) for array in arrays]
        total = epochs * -(-len(x) // 32)
        for epoch in range(epochs):
            order, losses = rng.permutation(len(x)), []
            for begin in range(0, len(order), 32):
                batch = order[begin : begin + 32]
                loss, gradients = self.gradients(x[batch], labels[batch])
                losses.append(loss)
                rate = 0.0015 * (1 + np.cos(np.pi * steps / total))
                steps += 1
                rate *= np.sqrt(1 - 0.999**steps) / (1 - 0.9**steps)
                for array, gradient, (mean, square) in zip(arrays, gradients, moments, strict=True):
                    mean[...] += np.float32(0.1) * (gradient - mean)
                    square[...] += np.float32(0.001) * (gradient**2 - square)
                    array[...] -= np.float32(rate) * mean / (np.sqrt(square) + np.float32(1e-7))
            if after:
                after(epoch, float(np.mean(losses)))

    def save(self, path: str | Path, height: int, width: int) -> None:
        """Write ONNX: ``features`` float32 [1, height, width, 1] to ``shares`` [1, classes], which add up to 1."""
        nodes, constants, x = [], [], "map"
        nodes.append(helper.make_node("Transpose", ["features"], [x], "map", perm=[0, 3, 1, 2]))

        def add(kind: str, name: str, *arrays: Array, **attributes: object) -> None:
            nonlocal x
            names = [f"{name}_{i}" for i in range(len(arrays))]
            constants.extend(
                numpy_helper.from_array(np.ascontiguousarray(a), n) for a, n in zip(arrays, names, strict=True)
            )
            nodes.append(helper.make_node(kind, [x, *names], [name], f"{name}/{kind}", **attributes))
            x = name

        size = height, width
        for number, layer in enumerate(self.layers):
            (top, bottom), (left, right) = layer.pads(size[0], 0), layer.pads(size[1], 1)
            kernel = list(layer.kernel)
            shaped = layer.weight.reshape(*kernel, 1 if layer.depthwise else layer.channels, -1).transpose(3, 2, 0, 1)
            add(
                "Conv", f"conv{number}", shaped, layer.bias, kernel_shape=kernel, strides=[layer.stride] * 2,
                pads=[top, left, bottom, right], group=layer.channels if layer.depthwise else 1,
            )  # fmt: skip
            add("Relu", f"relu{number}")
            size = -(-size[0] // layer.stride), -(-size[1] // layer.stride)
        add("AveragePool", "mean", kernel_shape=list(size))
        add("Flatten", "flat")
        add("Gemm", "scores", self.weight, self.bias)
        add("Softmax", "shares", axis=1)
        source = helper.make_tensor_value_info("features", TensorProto.FLOAT, [1, height, width, 1])
        result = helper.make_tensor_value_info("shares", TensorProto.FLOAT, [1, len(self.bias)])
        graph = helper.make_graph(nodes, "kws", [source], [result], constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        onnx.checker.check_model(model)
        onnx.save(model, path)
