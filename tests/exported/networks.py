"""The networks of ``tests/exported``, in PyTorch: small ones of the kinds that people export for microcontrollers."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class LstmKeywords(nn.Module):
    """An LSTM over frames of features; the last state is classified."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.head = nn.LSTM(10, 16, batch_first=True), nn.Linear(16, 6)

    def forward(self, x: Tensor) -> Tensor:
        """X [1, frames, 10] -> scores [1, 6]."""
        y, _ = self.cell(x)
        return self.head(y[:, -1])


class GruKeywords(LstmKeywords):
    """The same with a GRU."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRU(10, 16, batch_first=True)


class GruStep(nn.Module):
    """One step of a GRU, whose state goes in and out."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.head = nn.GRU(10, 16, batch_first=True), nn.Linear(16, 6)

    def forward(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """X [1, 1, 10], h [1, 1, 16] -> scores [1, 6], the next h."""
        y, h = self.cell(x, h)
        return self.head(y[:, -1]), h


class _Block(nn.Module):
    """A dilated convolution that is padded on both sides and cut at the end, with a residual connection."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.cut = 2 * dilation
        self.conv = nn.Conv1d(channels, channels, 3, dilation=dilation, padding=self.cut)
        self.norm = nn.BatchNorm1d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.norm(self.conv(x)[:, :, : -self.cut]))


class CausalConvolutions(nn.Module):
    """A temporal convolutional network: padding before the sequence, dilations 1, 2 and 4."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(6, 8, 3)
        self.blocks = nn.Sequential(*(_Block(8, dilation) for dilation in (1, 2, 4)))
        self.last = nn.Conv1d(8, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        """X [1, 6, time] -> [1, 3, time]."""
        return self.last(self.blocks(functional.relu(self.first(functional.pad(x, (2, 0))))))


class Transformer(nn.Module):
    """Two layers of a transformer's encoder, and a head on the mean of the tokens."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
        self.encoder, self.head = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        """X [1, tokens, 16] -> scores [1, 5]."""
        return self.head(self.encoder(x).mean(1))


class UNet(nn.Module):
    """One step down, one up with a transposed convolution, joined with what was before."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 6, 3, padding=1), nn.ReLU())
        self.low = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(6, 12, 3, padding=1), nn.ReLU())
        self.up = nn.ConvTranspose2d(12, 6, 2, stride=2)
        self.last = nn.Sequential(nn.Conv2d(12, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 2, 1))

    def forward(self, x: Tensor) -> Tensor:
        """X [1, 1, 16, 16] -> [1, 2, 16, 16]."""
        before = self.down(x)
        return self.last(torch.cat([before, self.up(self.low(before))], 1))


class SsdHead(nn.Module):
    """Features of two sizes, each with a head for classes and one for boxes; anchors one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU6())
        self.second = nn.Sequential(nn.Conv2d(8, 12, 3, stride=2, padding=1), nn.ReLU6())
        self.classes = nn.ModuleList([nn.Conv2d(8, 2 * 3, 3, padding=1), nn.Conv2d(12, 2 * 3, 3, padding=1)])
        self.boxes = nn.ModuleList([nn.Conv2d(8, 2 * 4, 3, padding=1), nn.Conv2d(12, 2 * 4, 3, padding=1)])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """X [1, 3, 16, 16] -> scores [1, 160, 3], boxes [1, 160, 4]."""
        first = self.first(x)
        maps = (first, self.second(first))

        def heads(layers: nn.ModuleList, size: int) -> Tensor:
            parts = [
                layer(part).permute(0, 2, 3, 1).reshape(1, -1, size) for layer, part in zip(layers, maps, strict=True)
            ]
            return torch.cat(parts, 1)

        return torch.softmax(heads(self.classes, 3), -1), heads(self.boxes, 4)


class MobileBlock(nn.Module):
    """A block of MobileNetV3: expansion, depthwise convolution, squeeze and excitation, projection."""

    def __init__(self) -> None:
        super().__init__()
        self.expand = nn.Sequential(nn.Conv2d(8, 24, 1, bias=False), nn.BatchNorm2d(24), nn.Hardswish())
        self.depth = nn.Sequential(
            nn.Conv2d(24, 24, 3, padding=1, groups=24, bias=False), nn.BatchNorm2d(24), nn.Hardswish()
        )
        self.squeeze = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(24, 8, 1), nn.ReLU(), nn.Conv2d(8, 24, 1), nn.Hardsigmoid()
        )
        self.project = nn.Sequential(nn.Conv2d(24, 8, 1, bias=False), nn.BatchNorm2d(8))

    def forward(self, x: Tensor) -> Tensor:
        """X [1, 8, 8, 8] -> the same."""
        y = self.depth(self.expand(x))
        return x + self.project(y * self.squeeze(y))


# Each network with the shapes of its inputs.
NETWORKS: dict[str, tuple[type[nn.Module], dict[str, tuple[int, ...]]]] = {
    "lstm_keywords": (LstmKeywords, {"x": (1, 12, 10)}),
    "gru_keywords": (GruKeywords, {"x": (1, 12, 10)}),
    "gru_step": (GruStep, {"x": (1, 1, 10), "h": (1, 1, 16)}),
    "causal_convolutions": (CausalConvolutions, {"x": (1, 6, 32)}),
    "transformer": (Transformer, {"x": (1, 8, 16)}),
    "unet": (UNet, {"x": (1, 1, 16, 16)}),
    "ssd_head": (SsdHead, {"x": (1, 3, 16, 16)}),
    "mobile_block": (MobileBlock, {"x": (1, 8, 8, 8)}),
}
