"""What Glow's lowering makes of Pad and Tile: an InsertTensor each, into a Splat or into memory that it fills.

That it is put into is no value of the graph here.
"""

from __future__ import annotations

from typing import ClassVar

from tinyglow.ir.forms import OnnxForms, TFLiteForms
from tinyglow.operators.pad import Pad
from tinyglow.operators.tile import Tile


class InsertedPad(Pad):
    """A Pad that is lowered."""

    onnx_types: ClassVar[OnnxForms] = {}
    tflite_types: ClassVar[TFLiteForms] = {}


class InsertedTile(Tile):
    """A Tile that is lowered."""

    onnx_types: ClassVar[OnnxForms] = {}
    tflite_types: ClassVar[TFLiteForms] = {}
