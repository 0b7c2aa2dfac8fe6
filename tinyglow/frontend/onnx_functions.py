"""Functions of ONNX: nodes that stand for other nodes, by the operator's schema or by the model itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import onnx

from tinyglow.frontend.onnx_node import CLASSICAL
from tinyglow.ir.op import UnsupportedError

DEEPEST = 24  # of functions in functions
_MOST_NODES = 20_000  # of one function
PREVIEW = "ai.onnx.preview"


def schema_of(node: onnx.NodeProto, opset: int) -> onnx.defs.OpSchema | None:
    """ONNX's definition of a node's operator; None if it has none."""
    domain = "" if node.domain == "ai.onnx" else node.domain
    version = opset if domain == "" else 1
    try:
        if domain == CLASSICAL:
            return onnx.defs.get_schema(node.op_type, domain)
        return onnx.defs.get_schema(node.op_type, version, domain)
    except onnx.defs.SchemaError:
        return None


def _functions_of(schema: onnx.defs.OpSchema) -> Any:
    """The schema as what it is at run time: onnx's stubs do not have all of it, nor have old versions of onnx."""
    return schema


def is_functional(schema: onnx.defs.OpSchema | None) -> bool:
    """Whether ONNX defines an operator by a function."""
    return bool(getattr(schema, "has_function", False) or getattr(schema, "has_context_dependent_function", False))


def body_of(
    node: onnx.NodeProto, schema: onnx.defs.OpSchema, opset: int, types: Sequence[onnx.TypeProto]
) -> onnx.FunctionProto | None:
    """The function that ONNX defines a node's operator by; None if there is none for this node.

    Args:
        node: The node.
        schema: Its operator's.
        opset: The model's version of the operator set.
        types: Of the inputs.
    """
    data, known = b"", _functions_of(schema)
    try:
        plain = [version for version in getattr(known, "function_opset_versions", ()) if version <= opset]
        dependent = [
            version for version in getattr(known, "context_dependent_function_opset_versions", ()) if version <= opset
        ]
        if dependent:
            given = [type_.SerializeToString() for type_ in types]
            data = known.get_context_dependent_function_with_opset_version(
                max(dependent), node.SerializeToString(), given
            )
        elif plain:
            data = known.get_function_with_opset_version(max(plain))
    except (onnx.defs.SchemaError, RuntimeError, ValueError, IndexError):
        return None
    if not data:
        return None
    function = onnx.FunctionProto()
    function.ParseFromString(data)
    return function if function.node and len(function.node) <= _MOST_NODES else None


def expanded(
    function: onnx.FunctionProto,
    node: onnx.NodeProto,
    schema: onnx.defs.OpSchema | None,
    unused: Callable[[str], str],
) -> list[onnx.NodeProto]:
    """The function's nodes in the place of a node, with names of their own.

    Args:
        function: The function.
        node: The node that calls it.
        schema: What has defaults of its attributes; None if the function itself has them.
        unused: Makes a name that nothing has yet.

    Raises:
        UnsupportedError: The node has more inputs or outputs than the function.
    """
    if len(node.input) > len(function.input) or len(node.output) > len(function.output):
        raise UnsupportedError("has more inputs or outputs than its function", "as many")
    given = {item.name: item for item in node.attribute}
    for default in function.attribute_proto:
        given.setdefault(default.name, default)
    for name, declared in (schema.attributes if schema is not None else {}).items():
        if declared.default_value.name and name not in given:
            given[name] = declared.default_value
    names = dict(zip(function.input, [*node.input, *[""] * len(function.input)], strict=False))
    names |= {inner: outer for inner, outer in zip(function.output, node.output, strict=False) if outer}
    stem = node.name or node.output[0] if node.output else node.op_type
    return [renamed(part, names, given, stem, unused) for part in function.node]


def renamed(
    part: onnx.NodeProto,
    names: dict[str, str],
    given: Mapping[str, onnx.AttributeProto],
    stem: str,
    unused: Callable[[str], str],
) -> onnx.NodeProto:
    """A node of a function or an inner graph, with the names and attributes of the place where it is called.

    Args:
        part: The node.
        names: The outer name of each inner one; those of the node's results are added.
        given: The caller's attributes.
        stem: What names of values inside begin with.
        unused: Makes a name that nothing has yet.
    """
    copy = onnx.NodeProto()
    copy.CopyFrom(part)
    del copy.input[:], copy.output[:], copy.attribute[:]
    copy.input.extend(names.get(name, name) for name in part.input)
    for name in part.output:
        if name and name not in names:
            names[name] = unused(f"{stem}/{name}")
    copy.output.extend(names.get(name, name) for name in part.output)
    copy.name = f"{stem}/{part.name or part.op_type}"
    for item in part.attribute:
        if item.ref_attr_name:
            if item.ref_attr_name in given:
                copy.attribute.add().CopyFrom(given[item.ref_attr_name])
                copy.attribute[-1].name = item.name
            continue
        copy.attribute.add().CopyFrom(item)
        if item.type == onnx.AttributeProto.GRAPH:
            _rename_graph(copy.attribute[-1].g, dict(names), given, stem, unused)
    return copy


def _rename_graph(
    graph: onnx.GraphProto,
    names: dict[str, str],
    given: Mapping[str, onnx.AttributeProto],
    stem: str,
    unused: Callable[[str], str],
) -> None:
    """A graph inside of a function: what it reads from outside has other names there."""
    own = {info.name for info in graph.input} | {tensor.name for tensor in graph.initializer}
    for name in own:
        names.pop(name, None)
    names |= {name: name for name in own}
    nodes = [renamed(part, names, given, stem, unused) for part in graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    for info in graph.output:
        info.name = names.get(info.name, info.name)
