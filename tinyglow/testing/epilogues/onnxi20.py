"""Constants of the ``onnxi`` epilogue for sums of 20 bits: the same as of any."""

from __future__ import annotations

from tinyglow.testing.epilogues.onnxi import constants

__all__ = ["constants"]
