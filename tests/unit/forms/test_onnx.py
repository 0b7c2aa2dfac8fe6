"""Every attribute of every version of every ONNX operator is honoured or refused by name, and never ignored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

import tinyglow
from tests.unit.forms.onnx_cases import FORMS, NEWEST_OPSET, VALUES, build, cases, is_known, opset_of, schemas
from tests.unit.forms.references import expected
from tests.unit.operators.single import loaded, one_node, refusal, samples
from tinyglow.errors import ModelError
from tinyglow.interp import run_graph
from tinyglow.operators.generic.declare import GENERAL
from tinyglow.testing.budget import is_full


def _versions(op_type: str) -> set[int]:
    """The operator sets to try: of each operator the oldest and the newest version, all in full mode."""
    known = [opset_of(schema) for schema in schemas(op_type)]
    return set(known if is_full() else known[:1] + known[-1:])


@pytest.mark.parametrize("op_type", sorted(VALUES))
def test_every_value_is_computed_or_refused(op_type: str, tmp_path: Path) -> None:
    """A model with any value of any attribute computes what ONNX says, or is not read at all."""
    outcomes = set()
    for opset, attributes in cases(op_type, _versions(op_type)):
        proto = build(op_type, opset, **attributes)
        try:
            graph = loaded(proto, tmp_path)
        except ModelError as error:
            outcomes.add("refused")
            # An empty shape is refused at what computes with it, which the model puts after the node.
            assert "node 'node'" in str(error) or "node 'y' (Mul): a result of shape [0]" in str(error)
            continue
        inputs = samples(proto)
        results = run_graph(graph, inputs)
        for output, right in zip(graph.outputs, expected(proto, op_type, opset, attributes, inputs["x"]), strict=True):
            got = results[output.name]
            assert got.shape == right.shape, (opset, attributes)
            np.testing.assert_allclose(got, right, rtol=1e-4, atol=1e-5, err_msg=f"{opset} {attributes}")
        outcomes.add("computed")
    assert "computed" in outcomes


def test_no_attribute_of_a_schema_is_left_out() -> None:
    """The values that are tried are of all attributes that the schemas have, so that a new one is noticed."""
    for op_type in FORMS:
        known = {name for schema in schemas(op_type) for name in schema.attributes}
        tried = set(VALUES.get(op_type, {}))
        assert known == tried if is_known(op_type) else known <= tried, op_type


def test_forms_name_what_schemas_have() -> None:
    """What an operator claims to read exists, and the newest version that it claims to know is one."""
    for op_type, form in FORMS.items():
        history = [s for s in onnx.defs.get_all_schemas_with_history() if s.name == op_type and not s.domain]
        assert form.version <= NEWEST_OPSET, f"{op_type} is read up to {form.version}: NEWEST_OPSET is behind"
        assert not set(form.attributes) & set(form.without_effect)
        if not is_known(op_type):
            continue
        assert form.version in {schema.since_version for schema in history}
        # Slices and pads, which operator set 7 has as attributes, were defined before it.
        named = {name for schema in history for name in schema.attributes if schema.since_version <= form.version}
        assert {*form.attributes, *form.without_effect} <= named, op_type


@pytest.mark.parametrize("op_type", sorted(FORMS))
def test_a_newer_version_is_refused_by_name(op_type: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator whose schema changed after the code here was written is refused, whatever changed."""
    newest = schemas(op_type)[-1]
    for form in (FORMS[op_type], *([GENERAL[op_type].form] if op_type in GENERAL else [])):
        monkeypatch.setitem(vars(form), "version", newest.since_version - 1)
    message = refusal(build(op_type, opset_of(newest)), tmp_path)
    assert f"is {op_type} of operator set {newest.since_version}; expected up to {newest.since_version - 1}" in message


def _twice(node: onnx.NodeProto) -> None:
    node.attribute.append(helper.make_attribute("axis", 1))


def _of_a_function(node: onnx.NodeProto) -> None:
    node.attribute[0].ref_attr_name = "axis"


def _of_another_type(node: onnx.NodeProto) -> None:
    node.attribute[0].CopyFrom(helper.make_attribute("axis", [1]))


def _of_nobody(node: onnx.NodeProto) -> None:
    node.attribute.append(helper.make_attribute("exclude", 0))


def _of_microsoft(node: onnx.NodeProto) -> None:
    node.domain = "com.microsoft"


def _of_an_overload(node: onnx.NodeProto) -> None:
    node.overload = "own"


@pytest.mark.parametrize(
    ("change", "because"),
    [
        (_twice, "node 'node' (Softmax): attribute axis is given twice"),
        (_of_a_function, "node 'node' (Softmax): attribute axis is of the wrong type; expected INT"),
        (_of_another_type, "node 'node' (Softmax): attribute axis is of the wrong type; expected INT"),
        (_of_nobody, "node 'node' (Softmax): attribute exclude is not one of this operator's; expected axis"),
        (_of_microsoft, "node 'node' (Softmax): unsupported operator Softmax of domain 'com.microsoft'"),
        (_of_an_overload, "node 'node' (Softmax): is the overload own"),
    ],
)
def test_malformed_nodes(change: Callable[[onnx.NodeProto], None], because: str, tmp_path: Path) -> None:
    """Attributes given twice, of another type or of nobody, domains that are not ONNX's: each is named."""
    proto = one_node("Softmax", (2, 3), axis=1)
    change(proto.graph.node[0])
    assert because in refusal(proto, tmp_path)


def _newer(proto: onnx.ModelProto) -> None:
    proto.opset_import[0].version = onnx.defs.onnx_opset_version() + 1


def _two(proto: onnx.ModelProto) -> None:
    proto.opset_import.append(helper.make_opsetid("ai.onnx", 15))


def _redefined(proto: onnx.ModelProto) -> None:
    body = [helper.make_node("Neg", ["a"], ["b"])]
    proto.functions.append(helper.make_function("", "Relu", ["a"], ["b"], body, [helper.make_opsetid("", 13)]))


@pytest.mark.parametrize(
    ("change", "because"),
    [
        (_newer, f"operator set: is version {onnx.defs.onnx_opset_version() + 1}; expected 1 to "),
        (_two, "operator set: is given as [13, 15]; expected one version"),
        (_redefined, "function 'Relu': is an operator that the file defines anew"),
    ],
)
def test_operator_sets_that_are_not_known(
    change: Callable[[onnx.ModelProto], Any], because: str, tmp_path: Path
) -> None:
    """A newer operator set than onnx knows, two of them, or a function in an operator's place: refused by name."""
    proto = one_node("Relu", (2, 3))
    change(proto)
    assert because in refusal(proto, tmp_path)


def test_both_names_of_the_domain(tmp_path: Path) -> None:
    """ai.onnx is the long name of ONNX's own domain."""
    proto = one_node("Relu", (2, 3))
    proto.opset_import[0].domain = proto.graph.node[0].domain = "ai.onnx"
    path = tmp_path / "net.onnx"
    path.write_bytes(proto.SerializeToString())
    assert tinyglow.load(path).outputs
