"""Every option of every TFLite operator is honoured or refused by name, and never ignored; so are versions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest

pytest.importorskip("tflite", reason="needs the package tflite, of the extra tinyglow[tflite]")

from tests.tflite import cases, int8_cases, int16_cases
from tests.tflite.builder import TFLiteBuilder
from tinyglow.errors import ModelError
from tinyglow.frontend import tflite_schema
from tinyglow.frontend.tflite import graph_of
from tinyglow.frontend.tflite_file import FileModel, FileOperator, read_tflite
from tinyglow.interp import run_graph
from tinyglow.ir.op import Attribute
from tinyglow.registry import TFLITE_OPS

# Options of custom operators are no tables of the schema; ``tests/unit/test_tflite_states.py`` tries theirs.
FORMS = {name: cls.tflite_types[name] for name, cls in TFLITE_OPS.items() if not name.startswith("CUSTOM ")}
DECLARED = [(name, attribute) for name, form in FORMS.items() for attribute in form.attributes]
TEXTS = {
    "padding": ["SAME", "VALID", "number 7"],
    "fused_activation_function": ["NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT", "number 9"],
    "weights_format": ["DEFAULT", "SHUFFLED4x16INT8", "number 3"],
    "mode": ["REFLECT", "SYMMETRIC", "number 2"],
    "container": ["", "elsewhere"],
    "shared_name": ["", "another"],
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[FileModel, cases.Array]]:
    """All cases, read, with their inputs."""
    path = tmp_path_factory.mktemp("models") / "net.tflite"
    result = []
    for kind in (cases, int8_cases, int16_cases):
        for name in kind.names():
            case = kind.case(name)
            path.write_bytes(case.model)
            result.append((read_tflite(path), case.inputs))
    return result


def with_operator(model: FileModel, index: int, **changes: Any) -> FileModel:
    """The model with another operator in that place."""
    operators = list(model.operators)
    operators[index] = replace(operators[index], **changes)
    return replace(model, operators=tuple(operators))


Models = list[tuple[FileModel, cases.Array]]


def places(models: Models, op_type: str) -> Iterator[tuple[FileModel, cases.Array, int, FileOperator]]:
    """Every case that has such an operator, and where."""
    for model, inputs in models:
        for index, operator in enumerate(model.operators):
            if operator.op_type == op_type:
                yield model, inputs, index, operator


def answers(model: FileModel, inputs: cases.Array) -> list[cases.Array] | str:
    """The outputs of a float graph, the operators of another, or the message with which the model is refused."""
    try:
        graph = graph_of(model, "net")
    except ModelError as error:
        return str(error)
    if graph.is_quantized:
        return [np.array([str(node.op) for node in graph.nodes], "U200")]
    (name,) = graph.given
    return list(run_graph(graph, {name: inputs}).values())


def others(name: str, value: Attribute) -> list[Attribute]:
    """Other values of an attribute."""
    if isinstance(value, str):
        return [text for text in TEXTS[name] if text != value]
    if isinstance(value, list):
        return [[*value, 2], value[:-1]] if value else [[2]]
    assert isinstance(value, int | float)
    return [value + 1, value - 1, 2 * value + 5] if not isinstance(value, bool) else [not value]


def same(one: list[cases.Array] | str, other: list[cases.Array] | str) -> bool:
    """Whether two answers are the same outputs."""
    if isinstance(one, str) or isinstance(other, str):
        return False
    pairs = zip(one, other, strict=True)
    return all(a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a, b) for a, b in pairs)


@pytest.mark.parametrize(("op_type", "attribute"), DECLARED)
def test_declared_attributes_matter(models: Models, op_type: str, attribute: str) -> None:
    """Another value changes what a model of the operator computes, or the model is refused."""
    for model, inputs, index, operator in places(models, op_type):
        if attribute not in operator.attributes:
            continue
        given = model
        if attribute == "new_shape":  # of which the second operand is the newer form
            given = with_operator(model, index, inputs=operator.inputs[:1])
        before = answers(given, inputs)
        assert not isinstance(before, str)
        for value in others(attribute, operator.attributes[attribute]):
            changed = {**operator.attributes, attribute: value}
            if not same(before, answers(with_operator(given, index, attributes=changed), inputs)):
                return
    pytest.fail("no model noticed")


def test_forms_name_all_that_the_schema_has() -> None:
    """Each field of each operator's options is read, or said to be without effect: a new one is noticed."""
    for op_type, form in FORMS.items():
        fields = set(tflite_schema.fields(form.options)) if form.options else set()
        assert {*form.attributes, *form.without_effect} == fields, op_type
        assert not set(form.attributes) & set(form.without_effect)


@pytest.mark.parametrize("op_type", sorted(FORMS))
def test_what_is_not_declared_is_refused(models: Models, op_type: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An attribute that an operator does not know, a newer version, foreign options: each is refused by name."""
    form = FORMS[op_type]
    model, inputs, index, _ = next(
        place for place in places(models, op_type) if place[3].options == form.options or not form.options
    )
    newer = answers(with_operator(model, index, version=form.version + 1), inputs)
    assert f"({op_type}): is version {form.version + 1} of the operator; expected up to {form.version}" in newer
    foreign = {"options": "LSHProjectionOptions", "attributes": {"type": 1}}
    assert "attribute type of its LSHProjectionOptions is 1" in answers(with_operator(model, index, **foreign), inputs)
    assert "has what nobody reads" in answers(with_operator(model, index, fault="has what nobody reads"), inputs)
    for name in (*form.attributes, *form.without_effect):
        defaults = dict(tflite_schema.defaults(form.options))
        value = others(name, defaults[name])[0]
        with monkeypatch.context() as patch:
            patch.setitem(vars(form), "attributes", ())
            patch.setitem(vars(form), "without_effect", {})
            changed = with_operator(model, index, attributes={**defaults, name: value})
            assert f"attribute {name} of its {form.options} is {value}" in answers(changed, inputs)
            plain = with_operator(model, index, attributes=defaults)
            assert f"attribute {name} of its" not in str(answers(plain, inputs))


def _softmax(folder: Path) -> Path:
    b = TFLiteBuilder()
    x = b.tensor("x", (2, 3))
    path = folder / "net.tflite"
    path.write_bytes(b.build([x], [b.node("SOFTMAX", [x], (2, 3), options="SoftmaxOptions", Beta=1.0)]))
    return path


def test_fields_of_a_newer_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A field of an options table that the package's schema does not have is noticed, and refused by its number."""
    path = _softmax(tmp_path)
    assert answers(read_tflite(path), cases.numbers(1, 2, 3)) != ""
    monkeypatch.setattr(tflite_schema, "field_count", lambda options: 0)
    assert "(SOFTMAX): has a field number 0 in its SoftmaxOptions" in answers(read_tflite(path), cases.numbers(1, 2, 3))


def test_the_count_of_fields() -> None:
    """It is the schema's, and only fields beyond it that a file gives are new."""
    assert tflite_schema.field_count("StridedSliceOptions") == 6
    assert tflite_schema.defaults("SoftmaxOptions") == {"beta": 0.0}
    assert tflite_schema.defaults("AddOptions")["pot_scale_int16"]
    builder = flatbuffers.Builder(64)
    builder.StartObject(4)
    builder.PrependFloat32Slot(0, 2.0, 0.0)
    builder.PrependInt32Slot(3, 5, 0)
    builder.Finish(builder.EndObject())
    data = bytes(builder.Output())
    table = flatbuffers.table.Table(data, int.from_bytes(data[:4], "little"))
    assert tflite_schema.newer_fields("SoftmaxOptions", table) == [3]
