"""AN13438's network with weights or whole units taken away, trained on with what is left.

Magnitude pruning (Han et al., 2015) takes the smallest weights of all layers; structured pruning (Li et al., 2017)
takes the units of each layer with the smallest sums of weights. What was taken stays zero while the rest is trained.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "digits"))

import numpy as np
import numpy.typing as npt
from network import CONVOLUTIONS, SHAPES, Array, Network

Mask = npt.NDArray[np.bool_]


@dataclass
class PrunedNetwork(Network):
    """A network of which training leaves zeros at zero.

    Attributes:
        kept: For each layer, which weights [terms, units] may be other than zero.
        units: For each layer, which units [units] may answer anything but zero.
    """

    kept: list[Mask] = field(default_factory=list)
    units: list[Mask] = field(default_factory=list)

    @classmethod
    def of(cls, network: Network) -> PrunedNetwork:
        """A copy of a network, with all its weights."""
        weights, biases = [w.copy() for w in network.weights], [b.copy() for b in network.biases]
        return cls(
            weights,
            biases,
            kept=[np.ones(w.shape, bool) for w in weights],
            units=[np.ones(b.shape, bool) for b in biases],
        )

    def copy(self) -> PrunedNetwork:
        """The same network, for training from its first step on."""
        made = PrunedNetwork.of(self)
        made.kept, made.units = [k.copy() for k in self.kept], [u.copy() for u in self.units]
        return made

    def step(self, gradients: list[tuple[Array, Array]], rate: float) -> None:
        """A step of Adam; then what was pruned is zero again."""
        super().step(gradients, rate)
        self._apply()

    def _apply(self) -> None:
        for array, stays in zip(self.weights + self.biases, self.kept + self.units, strict=True):
            array[~stays] = 0

    @property
    def zeros(self) -> float:
        """The share of weights that are pruned, 0 to 1."""
        return 1 - sum(int(kept.sum()) for kept in self.kept) / sum(kept.size for kept in self.kept)

    def prune_weights(self, share: float) -> None:
        """Take the smallest weights of all layers until ``share`` of them (0 to 1) is gone.

        Layers differ in the size of their weights, so each counts in units of its layer's root mean square.
        """
        sizes = [
            np.where(kept, np.abs(weight) / np.sqrt(np.mean(weight[kept] ** 2)), -1.0)
            for weight, kept in zip(self.weights, self.kept, strict=True)
        ]
        ranked = np.sort(np.concatenate([size.ravel() for size in sizes]))
        limit = ranked[min(round(share * len(ranked)), len(ranked) - 1)]
        self.kept = [kept & (size >= limit) for kept, size in zip(self.kept, sizes, strict=True)]
        self._apply()

    def prune_units(self, shares: float) -> None:
        """Leave each layer but the last ``shares`` (0 to 1) of its units, at least one: those with the largest weights.

        What a following layer reads of a unit that is gone goes with it.
        """
        for layer in range(len(SHAPES) - 1):
            weight = np.abs(self.weights[layer])
            count = max(round(shares * weight.shape[1]), 1)
            stays = np.zeros(weight.shape[1], bool)
            stays[np.argsort(-weight.sum(axis=0), kind="stable")[:count]] = True
            self.units[layer] &= stays
            self.kept[layer] &= stays
            following = len(self.weights[layer + 1])
            reads = np.arange(following) % len(stays) if layer < CONVOLUTIONS else np.arange(following)
            self.kept[layer + 1] &= stays[reads][:, None]
        self._apply()
