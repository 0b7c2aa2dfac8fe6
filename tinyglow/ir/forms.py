"""Which forms an operator supports: for each operator type of a model file, the versions and the attributes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from tinyglow.ir.record import Record


class OnnxForm(Record):
    """The form in which an operator type of ONNX is supported. The frontend refuses all other forms by name.

    Attributes:
        version: The newest version of its schema (``since_version``) that was read when the operator was written. What
            a later one changes is not known.
        attributes: Those that ``from_onnx`` reads.
        without_effect: Attributes that may have any value, because they change nothing in what is supported, with the
            reason. Any other attribute must have its schema's default.
    """

    version: int
    attributes: tuple[str, ...] = ()
    without_effect: Mapping[str, str] = field(default_factory=dict)


class TFLiteForm(Record):
    """The form in which an operator type of TFLite is supported, as ``OnnxForm``.

    Attributes:
        version: The newest one of the operator (LiteRT, tflite/converter/tools/versioning/op_version.cc) whose meaning
            is known here. Types that it adds are checked with the tensors.
        options: The schema's table that holds the attributes.
        attributes: Those that ``from_tflite`` reads.
        without_effect: As of ``OnnxForm``.
    """

    version: int
    options: str = ""
    attributes: tuple[str, ...] = ()
    without_effect: Mapping[str, str] = field(default_factory=dict)


OnnxForms = Mapping[str, OnnxForm]
TFLiteForms = Mapping[str, TFLiteForm]
