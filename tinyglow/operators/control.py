"""TFLite's control flow, whose course must be known when the file is read. In the graph it is what it comes to."""

from __future__ import annotations

from typing import ClassVar

from tinyglow.ir.forms import OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.operators.reshape import Reshape

CONTROL: TFLiteForms = {
    "IF": TFLiteForm(1, "IfOptions", ("then_subgraph_index", "else_subgraph_index")),
    "WHILE": TFLiteForm(1, "WhileOptions", ("cond_subgraph_index", "body_subgraph_index")),
}


class Control(Reshape):
    """What the frontend replaces by the subgraph that runs, as often as it does (``frontend.tflite_control``)."""

    onnx_types: ClassVar[OnnxForms] = {}
    tflite_types: ClassVar[TFLiteForms] = CONTROL
