"""Constants of TensorFlow Lite Micro's requantization below a ReLU: the same as of any."""

from __future__ import annotations

from tinyglow.testing.epilogues.tflm import constants

__all__ = ["constants"]
