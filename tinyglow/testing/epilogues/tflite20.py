"""Constants of the ``tflite`` epilogue for sums of 20 bits: the same as of any."""

from __future__ import annotations

from tinyglow.testing.epilogues.tflite import constants

__all__ = ["constants"]
