"""``tinyglow crosscheck`` and ``--explain-quantization`` on the recording that comes with the tests."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tinyglow.cli import main
from tinyglow.pipeline.golden import load_golden, scheme_of_flags
from tinyglow.quant.schema import Schema

ZOO = Path(__file__).parents[1] / "golden" / "ops_zoo"
MODEL, GOLDEN = ZOO / "ops_zoo.onnx", ZOO / "asymmetric"
MNIST = Path(__file__).parents[2] / "examples" / "mnist" / "mnist_nxp.onnx"
MNIST_PROFILE = ZOO.with_name("mnist_nxp") / "profile.yaml"


def _crosscheck(capsys: pytest.CaptureFixture[str], folder: Path, *options: str) -> tuple[int, str]:
    status = main(["crosscheck", str(folder), "--model", str(MODEL), *options])
    return status, capsys.readouterr().out


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A recording that may be tampered with."""
    shutil.copytree(ZOO, tmp_path / "ops_zoo")
    return tmp_path / "ops_zoo" / "asymmetric"


def test_recording_agrees(capsys: pytest.CaptureFixture[str]) -> None:
    """The recorded network is met in every value and vector."""
    status, text = _crosscheck(capsys, GOLDEN, "--json")
    found = json.loads(text)
    assert status == 0
    assert found["parameters_equal"] and found["values"] == 34
    assert found["vectors"] == found["vectors_equal"] == 32
    assert found["first_difference"] is None
    assert found["sizes"]["constant"] == {"glow": 5120, "ours": found["sizes"]["constant"]["ours"]}


def test_text_form_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """Without --json a summary; with --layers every value."""
    status, text = _crosscheck(capsys, GOLDEN, "--layers")
    assert status == 0
    assert "parameters: 34 of 34 values as in Glow" in text and "32 of 32 vectors identical" in text
    assert "_c_Conv__2" in text


def test_other_output_is_found(capsys: pytest.CaptureFixture[str], copy: Path) -> None:
    """One changed output element: exit status 1, one vector, one element, and by how much."""
    with np.load(copy / "io.npz") as arrays:
        io = {name: arrays[name].copy() for name in arrays.files}
    right = int(io["output.output"][7, 3])
    io["output.output"][7, 3] = right ^ 5
    difference = abs((right ^ 5) - right)
    np.savez(copy / "io.npz", **io)
    status, text = _crosscheck(capsys, copy, "--json")
    found = json.loads(text)
    assert status == 1
    assert (found["vectors_equal"], found["mismatches"], found["largest_difference"]) == (31, 1, difference)
    assert found["parameters_equal"] and found["first_difference"] == {"what": "output", "vector": 7}


def test_other_parameter_is_found_first(capsys: pytest.CaptureFixture[str], copy: Path) -> None:
    """A changed scale is named with both sides, before anything that follows from it."""
    graph = json.loads((copy / "graph.json").read_text(encoding="utf-8"))
    for node in graph["nodes"]:
        if node["id"] == "_b_Conv__7":
            node["fields"]["Result"]["scale"] *= 1.01
    (copy / "graph.json").write_text(json.dumps(graph), encoding="utf-8")
    status, text = _crosscheck(capsys, copy, "--json")
    found = json.loads(text)
    assert status == 1 and not found["parameters_equal"]
    assert found["first_difference"]["glow_name"] == "_b_Conv__7"


def test_other_number_of_nodes_is_found(capsys: pytest.CaptureFixture[str], copy: Path) -> None:
    """A node that no output needs: its kind, and how many of it both have."""
    graph = json.loads((copy / "graph.json").read_text(encoding="utf-8"))
    splat = next(node for node in graph["nodes"] if node["kind"] == "Splat")
    graph["nodes"].append({**splat, "id": "one_more"})
    (copy / "graph.json").write_text(json.dumps(graph), encoding="utf-8")
    status, text = _crosscheck(capsys, copy, "--json")
    found = json.loads(text)
    assert status == 1 and found["parameters_equal"] and found["differing_kinds"] == {"Splat": [2, 1]}
    assert "2 of kind Splat in Glow, 1 here" in _crosscheck(capsys, copy)[1]


def test_no_recording_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A folder without the three files: exit status 2 and what was expected."""
    assert main(["crosscheck", str(tmp_path), "--model", str(MODEL)]) == 2
    assert "this is no golden recording" in capsys.readouterr().err


def test_flags_choose_the_scheme() -> None:
    """Glow's options as they are recorded; an unknown one is an error."""
    flags = ["-load-profile=p.yaml", "-quantization-schema=symmetric", "-quantization-precision-bias=Int8"]
    scheme, float_io, profile = scheme_of_flags([*flags, "-enable-channelwise", "-quantization-calibration=KL"])
    assert scheme is not None
    assert (scheme.schema, scheme.bias_dtype, scheme.channelwise, scheme.calibrate) == (
        Schema.SYMMETRIC,
        "int8",
        True,
        True,
    )
    assert float_io and profile == "p.yaml"
    assert scheme_of_flags([])[0] is None
    with pytest.raises(ValueError, match="no-such-flag"):
        scheme_of_flags(["-no-such-flag"])


def test_recording_is_read_whole() -> None:
    """Nodes, edges, inputs and outputs of the recording."""
    golden = load_golden(GOLDEN)
    assert golden.outputs_of == {"output": "_Softmax"}
    conv = golden.nodes["_a_Conv__15"]
    assert conv.kind == "Convolution" and len(conv.inputs) == 3
    assert golden.inputs["input"].shape[0] == 32


def test_every_decision_is_explained(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """--explain-quantization gives each value's range, parameters, requantize constants and the reason."""
    options = ["--profile", str(MNIST_PROFILE), "--board", "frdm-ke16z", "--define", "N=1"]
    arguments = ["compile", str(MNIST), *options, "--name", "m", "-o", str(tmp_path / "b"), "--explain-quantization"]
    assert main(arguments) == 0
    text = capsys.readouterr().out
    assert "forced equal to its input: MaxPool" in text
    assert "bias specialised" in text
    assert "the range of sequential_conv2d_1_Relu__1, which it took over" in text
    assert "(x >> 3) * 468 >> 15 + -128" in text


def test_profile_of_its_own_folder_comes_first(capsys: pytest.CaptureFixture[str], copy: Path) -> None:
    """A recording's own profile, where the folder above has another one."""
    shutil.move(copy.parent / "profile.yaml", copy / "profile.yaml")
    (copy.parent / "profile.yaml").write_text("---\n- NodeOutputName:  other:0\n", encoding="utf-8")
    status, _ = _crosscheck(capsys, copy)
    assert status == 0


def test_float_and_integer_outputs_are_compared_as_reals(capsys: pytest.CaptureFixture[str], copy: Path) -> None:
    """A recorded float output is compared with what the int8 one stands for, and the difference is in its units."""
    facts = json.loads((copy / "facts.json").read_text(encoding="utf-8"))
    (place,) = [p for p in facts["placeholders"] if p["name"] == "output"]
    scale, offset = place["type"]["scale"], place["type"]["offset"]
    place["type"] = {"kind": "float", "dims": place["type"]["dims"]}
    (copy / "facts.json").write_text(json.dumps(facts), encoding="utf-8")
    with np.load(copy / "io.npz") as arrays:
        io = {name: arrays[name].copy() for name in arrays.files}
    real = (io["output.output"].astype(np.float32) - offset) * np.float32(scale)
    real[3, 1] += 0.25
    np.savez(copy / "io.npz", **{**io, "output.output": real})
    status, text = _crosscheck(capsys, copy, "--json")
    found = json.loads(text)["outputs"]["output"]
    assert status == 1
    assert (found["mismatches"], found["unit"]) == (1, "real") and abs(found["largest"] - 0.25) < 1e-6


def test_all_of_a_tree(capsys: pytest.CaptureFixture[str], copy: Path) -> None:
    """--all: each recording is a row, with the first node kind that differs; a model that is missing is one too."""
    shutil.copytree(copy, copy.with_name("symmetric"))
    graph = json.loads((copy / "graph.json").read_text(encoding="utf-8"))
    for node in graph["nodes"]:
        if node["id"] == "_b_Conv__7":
            node["fields"]["Result"]["scale"] *= 1.01
    (copy / "graph.json").write_text(json.dumps(graph), encoding="utf-8")
    shutil.copytree(copy, copy.parents[1] / "other" / "asymmetric")
    assert main(["crosscheck", "--all", str(copy.parents[1]), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["configurations"] == {
        "asymmetric": {"outputs": 1, "refused": 1},
        "symmetric": {"strict": 1},
        "all": {"outputs": 1, "refused": 1, "strict": 1},
    }
    assert [cause["cause"] for cause in found["causes"]] == [
        "no ONNX or TFLite model beside the recording",
        "Convolution: type",
    ]
    assert found["recordings"][0]["where"] == "_b_Conv__7"
    assert main(["crosscheck", "--all", str(copy.parents[1])]) == 1
    assert "Convolution: type" in capsys.readouterr().out


def test_options_of_one_and_of_all(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """What goes with one recording alone, or with a tree alone, is said; so is a tree without recordings."""
    assert main(["crosscheck", "--all", str(tmp_path), "--model", "m.onnx"]) == 2
    assert "--model" in capsys.readouterr().err
    assert main(["crosscheck", str(GOLDEN)]) == 2
    assert "--model: is missing" in capsys.readouterr().err
    assert main(["crosscheck", "--all", str(tmp_path)]) == 2
    assert "holds no recording" in capsys.readouterr().err
