"""The tables of findings and mutations name tests that there are; and the tests of a few findings that belong here.

With ``TINYGLOW_FULL=1`` each mutation is planted in a copy, and its test fails there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from tests.cases.tables import FINDINGS, MUTATIONS, ROOT, Mutation, exists, planted
from tests.helpers import NetBuilder, Place, run_cli
from tests.tflite.builder import Quant, TFLiteBuilder
from tinyglow.testing import is_full


@pytest.mark.parametrize("number", range(1, 19))
def test_a_finding_has_its_tests(number: int) -> None:
    """Each of the 18 is in the table, with tests by their names of today."""
    assert [test for test in FINDINGS[number].tests if not exists(test)] == []


def test_a_mutation_has_its_test() -> None:
    """There are twelve; each has one place in the code of today, and a test by its name of today."""
    assert len(MUTATIONS) == 12 and len(FINDINGS) == 18
    for mutation in MUTATIONS:
        text = (ROOT / mutation.file).read_text(encoding="utf-8")
        assert planted(mutation, text) != text and exists(mutation.test)


@pytest.mark.skipif(not is_full(), reason="takes minutes: TINYGLOW_FULL=1")
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: f"{Path(m.file).stem}_{m.new}")
def test_a_mutation_is_noticed(mutation: Mutation, tmp_path: Path) -> None:
    """With the token changed, its test fails; as it is, it passes."""
    for folder in ("tinyglow", "runtime_c", "tests", "boards", "templates", "examples"):
        shutil.copytree(
            ROOT / folder,
            tmp_path / folder,
            ignore=shutil.ignore_patterns("__pycache__", "golden*", "recordings", "models"),
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", mutation.test]
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "TINYGLOW_FULL": ""}

    def status() -> int:
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False).returncode

    assert status() == 0
    path = tmp_path / mutation.file
    path.write_text(planted(mutation, path.read_text(encoding="utf-8")), encoding="utf-8")
    assert status() == 1


def test_an_operator_set_beyond_all(place: Place) -> None:
    """The largest number of 64 bits names no operator set; the newest one that is known is said."""
    build = NetBuilder()
    model = build.build({"x": (1, 8)}, [build.node("Relu", "x")]).proto
    model.opset_import[0].version = 2**63 - 1
    place.refuses_model(
        place.file("m.onnx", model), because="operator set: is version 9223372036854775807; expected 1 to"
    )


def test_an_input_without_a_name(place: Place) -> None:
    """What reads nothing has nothing to read: the input and the node are named."""
    build = NetBuilder()
    model = build.build({"x": (1, 8)}, [build.node("Relu", "x", name="r")]).proto
    model.graph.input[0].name = model.graph.node[0].input[0] = ""
    place.refuses_model(place.file("m.onnx", model), because="an input of the graph: has no name")


def test_two_inputs_with_one_name(place: Place) -> None:
    """Of types of which one alone is computed with as it is."""
    x = [helper.make_tensor_value_info("x", type_, [2, 3]) for type_ in (TensorProto.DOUBLE, TensorProto.INT32)]
    y = helper.make_tensor_value_info("y", TensorProto.DOUBLE, None)
    graph = helper.make_graph([helper.make_node("CumProd", ["x", "x"], ["y"])], "net", x, [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 26)], ir_version=8)
    place.refuses_model(place.file("m.onnx", model), because="x: is defined more than once")


def _refused_tflite(builder: TFLiteBuilder, x: int, y: int, because: str, folder: Path) -> None:
    path = folder / "net.tflite"
    path.write_bytes(builder.build([x], [y]))
    answer = run_cli("compile", path, "--board", "host", "-o", folder / "out")
    assert answer.status == 2 and because in answer.err, answer.err
    assert not (folder / "out").exists()


@pytest.mark.parametrize("op_type", ["MUL", "SUB", "ADD"])
@pytest.mark.parametrize("dtype", ["INT64", "INT32", "BOOL"])
def test_a_product_declared_as_another_type(op_type: str, dtype: str, tmp_path: Path) -> None:
    """A result of int8 operands is no INT64; the node is named when the file is read."""
    build = TFLiteBuilder()
    x = build.tensor("x", (1, 2, 2, 3), "INT8", Quant([0.05], [-3]))
    other = build.constant("c", np.ones((1, 2, 2, 3), np.int8), Quant([0.1], [0]))
    y = build.node(op_type, [x, other], (1, 2, 2, 3), dtype=dtype, options=f"{op_type.capitalize()}Options")
    because = f"({op_type}): a result of real numbers; expected {dtype}, as the file has it"
    _refused_tflite(build, x, y, because, tmp_path)


def test_a_constant_of_nothing_but_huge(tmp_path: Path) -> None:
    """A 0 among huge dimensions makes no elements, and no shape that anything could have."""
    build = TFLiteBuilder()
    x = build.tensor("x", (1, 2, 2, 3))
    huge = build.tensor("huge", (1702521203, 0, 1310732, 983044))
    y = build.node("ADD", [x, huge], (1, 2, 2, 3), options="AddOptions")
    _refused_tflite(build, x, y, "huge: has shape [1702521203, 0, 1310732, 983044]", tmp_path)


@pytest.mark.parametrize("value", ["!!timestamp 2001-01-01", "!!bool maybe", '!!int ""', "!!float x", "!own 1"])
def test_tags_of_a_profile(value: str, place: Place) -> None:
    """Tags, which profiles have none of, are refused before the YAML library makes anything of them."""
    text = f"---\n- NodeOutputName: 'x:0'\n  Min: {value}\n  Max: 1.0\n  Histogram: [ 1 ]\n"
    place.refuses(*place.compile(profile=place.file("bad.yaml", text)), because="it has tags: ")
