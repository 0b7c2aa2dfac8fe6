"""Writes small TFLite models for tests."""

from __future__ import annotations

from tinyglow.ir.graph import Array
from tinyglow.testing.graphs.tflite_writer import Body, Quant, TFLiteBuilder

__all__ = ["Array", "Body", "Quant", "TFLiteBuilder"]
