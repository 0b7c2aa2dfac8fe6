"""Nodes of an ONNX file.

Each must follow its schema and be of a form that its operator supports; others are refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx

from tinyglow.frontend import onnx_old
from tinyglow.frontend import onnx_quantized as quantized
from tinyglow.frontend.names import shown
from tinyglow.frontend.onnx_tensors import Tensors
from tinyglow.frontend.refusal import unsupported
from tinyglow.ir.forms import OnnxForm
from tinyglow.ir.op import Attribute, UnsupportedError
from tinyglow.registry import ONNX_OPS

MIN_OPSET = onnx_old.FIRST  # nodes of older operator sets are brought to it
DOMAINS = ("", "ai.onnx")  # both are ONNX's own operators
CLASSICAL = "ai.onnx.ml"  # of which the newest version is read: other attributes are refused
_ALSO = {"com.microsoft": quantized.FORMS}  # what onnxruntime has again, for more types

# A Constant is no operator here: the frontend reads its value. Nor are the conversions of quantized models.
CONSTANT_TYPE = "Constant"
CONSTANT = OnnxForm(25, ("value", "value_float", "value_floats", "value_int", "value_ints"))
FRONTEND_FORMS = {CONSTANT_TYPE: CONSTANT, **quantized.FORMS}
_ATTRIBUTE_TYPES = {
    number: getattr(onnx.defs.OpSchema.AttrType, name, None)
    for name, number in onnx.AttributeProto.AttributeType.items()
}


class MalformedError(UnsupportedError):
    """A node that is not what its operator's schema defines: no other way to import it is tried."""


def checked_attributes(
    node: onnx.NodeProto, opset: int, tensors: Tensors, form: OnnxForm | None = None
) -> dict[str, Attribute]:
    """The attributes of a node by name, of those that its operator reads.

    tensors: reads the constants among them. form: what is read of the operator, where that is not its own class's to
    say. Raises UnsupportedError unless the operator is supported, its version
    known, and the node what ONNX defines.
    """
    schema, form = _schema(node, opset, form)
    counts = [
        (len(node.input), schema.min_input, schema.max_input, "inputs"),
        (len(node.output), schema.min_output, schema.max_output, "outputs"),
    ]
    for count, least, most, kind in counts:
        if not least <= count <= most:
            raise MalformedError(f"has {count} {kind}", f"{least}" if least == most else f"{least} to {most}")
    result: dict[str, Attribute] = {}
    for attribute in node.attribute:
        if attribute.name in result:
            raise MalformedError(f"attribute {shown(attribute.name)} is given twice", "each attribute once")
        result[attribute.name] = _checked(attribute, schema, form, tensors)
    for name, declared in schema.attributes.items():
        if declared.required and name not in result:
            raise MalformedError(f"attribute {name} is missing", "what ONNX requires")
    return {name: value for name, value in result.items() if name in form.attributes}


def _schema(node: onnx.NodeProto, opset: int, given: OnnxForm | None = None) -> tuple[onnx.defs.OpSchema, OnnxForm]:
    """What ONNX says of a node's operator, and what is read of it here."""
    operator = ONNX_OPS.get(node.op_type)
    known = operator.onnx_types[node.op_type] if operator else FRONTEND_FORMS.get(node.op_type, CONSTANT)
    form = given or known
    is_ours = node.domain in DOMAINS or given is not None or node.op_type in _ALSO.get(node.domain, ())
    if not is_ours or (given is None and operator is None and node.op_type not in FRONTEND_FORMS):
        domain = f" of domain {node.domain!r}" if node.domain not in DOMAINS else ""
        hint = "" if domain or onnx.defs.has(node.op_type) else "ONNX has no operator of that name"
        raise unsupported(f"{shown(node.op_type)}{domain}", hint)
    if getattr(node, "overload", ""):
        raise MalformedError(f"is the overload {shown(node.overload)}", "an operator of ONNX")
    try:
        if given is not None and node.domain not in DOMAINS:
            return onnx.defs.get_schema(node.op_type, node.domain), given
        schema = onnx.defs.get_schema(node.op_type, max(opset, MIN_OPSET), "")
    except onnx.defs.SchemaError as error:
        raise UnsupportedError(f"is no operator of operator set {opset}") from error
    if schema.since_version > form.version:
        found = f"is {node.op_type} of operator set {schema.since_version}"
        raise UnsupportedError(found, f"up to {form.version}", f"export the model for operator set {form.version}")
    return schema, form


def _checked(attribute: onnx.AttributeProto, schema: onnx.defs.OpSchema, form: OnnxForm, tensors: Tensors) -> Attribute:
    """An attribute's value. Raises UnsupportedError unless it is one that may be given here."""
    name = attribute.name
    declared = schema.attributes.get(name)
    if declared is None:
        raise MalformedError(
            f"attribute {shown(name)} is not one of this operator's", ", ".join(schema.attributes) or "none"
        )
    if attribute.ref_attr_name or declared.type != _ATTRIBUTE_TYPES.get(attribute.type):
        expected = str(declared.type).rpartition(".")[2]
        raise MalformedError(f"attribute {shown(name)} is of the wrong type", expected)
    value = _value(attribute, tensors)
    if name in form.attributes or name in form.without_effect:
        return value
    has_default = bool(declared.default_value.ByteSize())
    default = _value(declared.default_value, tensors) if has_default else None
    if not has_default or not _is_same(value, default):
        supported = f"{default!r}" if has_default else f"none of that name, but {', '.join(form.attributes) or 'none'}"
        raise UnsupportedError(f"attribute {shown(name)} is {_brief(value)}", supported)
    return value


def _is_same(value: Attribute, default: Attribute) -> bool:
    return type(value) is type(default) and bool(np.array_equal(np.asarray(value), np.asarray(default)))


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _value(attribute: onnx.AttributeProto, tensors: Tensors) -> Attribute:
    """An attribute as plain data: number, text, array, or list of numbers. Raises UnsupportedError if malformed."""
    try:
        value = onnx.helper.get_attribute_value(attribute)
    except (ValueError, TypeError) as error:
        raise UnsupportedError(f"attribute {attribute.name} is malformed: {error}") from error
    if isinstance(value, onnx.TensorProto):
        return tensors.array(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, int | float | np.ndarray):
        return value
    try:
        return [item.decode("utf-8", "replace") if isinstance(item, bytes) else item for item in value]
    except TypeError:
        return None


def title(node: onnx.NodeProto, name: str) -> str:
    """What messages call a node."""
    return f"node {name!r} ({shown(node.op_type)})"
