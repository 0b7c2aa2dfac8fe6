"""Which forms an operator supports: for each operator type of a model file, the versions and the attributes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class OnnxForm:
    """One operator type of ONNX, as it is read here. The frontend refuses all else by name.

    version: the newest version of its schema (``since_version``) that was read when the operator was written; what a
    later one changes is not known. attributes: those that ``from_onnx`` reads. without_effect: attributes that may have
    any value, since they change nothing in what is supported; with the reason. Any other attribute must have its
    schema's default.
    """

    version: int
    attributes: tuple[str, ...] = ()
    without_effect: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TFLiteForm:
    """One operator type of TFLite, as ``OnnxForm``.

    version: the newest one of the operator (LiteRT, tflite/converter/tools/versioning/op_version.cc) whose meaning is
    known here; types that it adds are checked with the tensors. options: the schema's table that holds the attributes.
    """

    version: int
    options: str = ""
    attributes: tuple[str, ...] = ()
    without_effect: Mapping[str, str] = field(default_factory=dict)


OnnxForms = Mapping[str, OnnxForm]
TFLiteForms = Mapping[str, TFLiteForm]
