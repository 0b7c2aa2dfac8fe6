"""Small files that ask for much: refused or read in time and memory that are in proportion to them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import tinyglow
from tests.helpers import NetBuilder, Place, run_cli
from tinyglow.errors import InputError, ModelError, Problem, ProfileError
from tinyglow.kernels.window import Window
from tinyglow.lowering.plan import Block, lower_bound, place
from tinyglow.quant.profile import load_profile

resource = pytest.importorskip("resource", reason="needs the account of memory of POSIX")
_KB = 1024 if sys.platform == "darwin" else 1  # of its figures


def _model(nodes: list[onnx.NodeProto], constants: dict[str, np.ndarray], shape: tuple[int, ...]) -> bytes:
    infos = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    outs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    graph = helper.make_graph(nodes, "g", infos, outs, [numpy_helper.from_array(a, n) for n, a in constants.items()])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return bytes(made.SerializeToString())


HUGE = {
    "Expand": ({"c": np.ones(1, np.float32), "s": np.array([2**28])}, ["c", "s"]),
    "Tile": ({"c": np.ones((1, 4), np.float32), "s": np.array([2**26, 1])}, ["c", "s"]),
    "ConstantOfShape": ({"s": np.array([2**14, 2**14])}, ["s"]),
    "ConstantOfShape of nothing": ({"s": np.array([0, 2**40, 2**40])}, ["s"]),
    "MatMul": ({"c": np.ones((2**14, 1), np.float32), "s": np.ones((1, 2**14), np.float32)}, ["c", "s"]),
}


@pytest.mark.parametrize("case", HUGE)
def test_constants_are_refused_before_they_are_made(case: str, tmp_path: Path) -> None:
    """Nodes that make a huge constant of a tiny file are named; the process stays small."""
    constants, inputs = HUGE[case]
    nodes = [
        helper.make_node(case.split(maxsplit=1)[0], inputs, ["e"], name="e"),
        helper.make_node("Add", ["x", "e"], ["y"]),
    ]
    (tmp_path / "m.onnx").write_bytes(_model(nodes, constants, (1, 4)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ModelError, match=r"node 'e'"):
        tinyglow.load(tmp_path / "m.onnx", "net")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before + 400_000 * _KB


@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool", "GlobalAveragePool"])
def test_pools_take_memory_in_proportion(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A window of 100 x 100 over 150 x 150 elements is not laid out tap by tap, in float or in integers."""
    monkeypatch.setattr(Window, "patches", None)
    attributes = {} if kind.startswith("Global") else {"kernel_shape": [60, 60], "pads": [30, 30, 29, 29]}
    nodes = [helper.make_node(kind, ["x"], ["y"], name="pool", **attributes)]
    (tmp_path / "m.onnx").write_bytes(_model(nodes, {}, (1, 1, 70, 70)))
    graph = tinyglow.load(tmp_path / "m.onnx", "net")
    x = np.random.default_rng(0).standard_normal((1, 1, 70, 70)).astype(np.float32)
    profile = tinyglow.profile(graph, {"x": x})
    (answer,) = tinyglow.interpret(tinyglow.lower(tinyglow.quantize(graph, profile)), {"x": x}).values()
    assert answer.size == (1 if kind.startswith("Global") else 70 * 70)


def test_windows_that_are_reduced_are_those_that_are_laid_out() -> None:
    """Maxima and sums over windows, with padding, strides and dilation, and the number of taps inside."""
    rng = np.random.default_rng(0)
    for kernel, strides, pads, dilation in (
        ((3, 2), (2, 1), (1, 1, 2, 0), (1, 2)),
        ((1, 1), (3, 3), (2, 2, 2, 2), (1, 1)),
        ((4, 5), (1, 2), (3, 4, 0, 4), (2, 1)),
    ):
        window = Window(kernel, strides, pads, dilation)
        x = rng.integers(1, 100, (2, 7, 9, 3)).astype(np.int32)
        taps = window.patches(x)
        np.testing.assert_array_equal(window.reduced(x, np.maximum, 0), taps.max(axis=3))
        np.testing.assert_array_equal(window.reduced(x, np.add, 0), taps.sum(axis=3))
        inside = window.patches(np.ones((1, 7, 9, 1), np.int32)).sum(axis=3)
        np.testing.assert_array_equal(window.taps_inside(7, 9), inside)
        rows = range(1, taps.shape[1])
        np.testing.assert_array_equal(window.patches(x, rows), taps[:, 1:])


def test_convolutions_are_laid_out_in_blocks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Row by row a float convolution gives what it gives at once."""
    build = NetBuilder()
    build.node("Conv", "x", build.weights(4, 3, 3, 3), build.weights(4), pads=[1, 1, 1, 1], strides=[2, 1], output="y")
    net = build.build({"x": (1, 3, 9, 7)}, ["y"])
    graph, samples = tinyglow.load(net.save(tmp_path), "net"), net.samples(2)
    whole = tinyglow.profile(graph, samples)
    monkeypatch.setattr("tinyglow.operators.conv2d._MOST_PATCHES", 1)
    rows = tinyglow.profile(graph, samples)
    for name, range_ in whole.ranges.items():
        np.testing.assert_allclose(
            (rows.ranges[name].low, rows.ranges[name].high), (range_.low, range_.high), rtol=1e-6
        )


NUMBERS = ("1" + ":1" * 200_000, "1" * 400_000, "0x" + "f" * 400_000, "1_" * 200_000)


@pytest.mark.parametrize("number", NUMBERS, ids=["sexagesimal", "digits", "hexadecimal", "underscores"])
def test_numbers_of_profiles_are_short(number: str, tmp_path: Path) -> None:
    """The time that YAML takes for a number grows with the square of its length."""
    path = tmp_path / "p.yaml"
    path.write_text(f"---\n- NodeOutputName: 'x'\n  Min: {number}\n  Max: 1.0\n", encoding="utf-8")
    with pytest.raises(ProfileError, match=r"a number or a plain word of .* characters"):
        load_profile(path)


BOARDS = {
    "nested lists": "title = " + "[" * 5_000,
    "nested tables": "[" + "a." * 3_000 + "b]\n",
    "closed lists": "title = " + "[" * 50 + "]" * 50,
    "an integer of many digits": "clock_hz = " + "1" * 5_000,
    "an integer of many digits in base 16": "clock_hz = 0x" + "f" * 5_000,
    "no text": b"\xff\xfe",
}


@pytest.mark.parametrize("case", BOARDS)
def test_board_files_that_ask_for_much(case: str, place: Place) -> None:
    """Nesting and numbers that no board has are errors of the file."""
    board = place.file("b.toml", BOARDS[case])
    place.refuses(*place.compile(board=board), because=("b.toml", "cannot read board file"))


def test_pipes_and_devices_are_no_files(place: Place) -> None:
    """A pipe is not waited for, and a device not read: whatever an option names as a file must be one."""
    pipe = place.folder / "tmp/pipe"
    os.mkfifo(pipe)  # without POSIX (os.name) this file is skipped
    samples = ("--input", f"x={place.folder / 'x.npy'}")
    for path in (pipe, Path("/dev/zero")):
        answers = [
            run_cli("profile", path, *samples, "-o", place.folder / "q.yaml"),
            run_cli("profile", place.folder / "dense.onnx", "--input", f"x={path}", "-o", place.folder / "q.yaml"),
            run_cli(*place.compile(profile=path)),
            run_cli(*place.compile(board=f"{path}.toml" if path == pipe else path)),
            run_cli("boot", path, "--board", "cortex-m7"),
            run_cli("run-bundle", "--object", path, "--header", path, "--weights-file", path, "--cpu", "cortex-m7"),
        ]
        for answer in answers:
            assert answer.status == 2 and "internal error" not in answer.err, answer
        assert "is no regular file" in answers[0].err and "is no regular file" in answers[2].err


def test_messages_are_bounded() -> None:
    """A name or a list of millions of characters is shown by its ends, thousands of problems by their number."""
    text = str(InputError("x" * 10_000, [Problem("w" * 10_000, "f" * 10**6, "e" * 10**6, "h" * 10**6)] * 5_000))
    assert len(text) < 300_000 and "characters ..." in text and text.endswith(" more")
    short = Problem("where", "found", "expected", "hint")
    assert str(short) == "where: found; expected expected (hint)"


def test_a_permutation_of_a_million_is_refused_in_a_few_lines(place: Place) -> None:
    """What the file holds at length is not printed at length."""
    nodes = [helper.make_node("Transpose", ["x"], ["y"], name="t", perm=list(range(10**6)))]
    model = place.file("perm.onnx", _model(nodes, {}, (1, 8)))
    answer = place.refuses_model(model, because="node 't' (Transpose)")
    assert len(answer.err) < 20_000


def test_warnings_of_numpy_stay_inside(place: Place) -> None:
    """A header that Python 2 wrote is read without a word on stderr."""
    array = np.load(place.folder / "x.npy")
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({array.shape[0]}L, 8L), }}".ljust(117) + "\n"
    data = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + array.tobytes()
    old = place.file("old.npy", data)
    command = ["profile", place.folder / "dense.onnx", "--input", f"x={old}", "-o", place.folder / "q.yaml"]
    line = [sys.executable, "-m", "tinyglow", *map(str, command)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(line, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert "Warning" not in done.stderr and "numpy" not in done.stderr, done.stderr


# Many nodes


def _work(monkeypatch: pytest.MonkeyPatch, net: onnx.ModelProto, folder: Path) -> int:
    """How many lines of tinyglow's own code the compilation of a model runs."""
    (folder / "m.onnx").write_bytes(net.SerializeToString())
    lines = 0

    def count(_frame: object, event: str, _argument: object) -> object:
        nonlocal lines
        lines += event == "line"
        return count

    names = [info.name for info in net.graph.input]
    sys.settrace(count)  # type: ignore[arg-type]
    try:
        graph = tinyglow.load(folder / "m.onnx", "net")
        profile = tinyglow.profile(graph, {name: np.ones((1, 1, 1), np.float32) for name in names})
        tinyglow.lower(tinyglow.quantize(graph, profile))
    finally:
        sys.settrace(None)
    return lines


@pytest.mark.parametrize("joined", [False, True])
def test_work_is_in_proportion_to_the_nodes(joined: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Twice as many inputs, each with a node of its own or all in one Concat, take about twice the steps."""
    steps = []
    for count in (60, 120):
        infos = [helper.make_tensor_value_info(f"x{i}", TensorProto.FLOAT, [1, 1]) for i in range(count)]
        if joined:
            nodes = [helper.make_node("Concat", [info.name for info in infos], ["y0"], axis=1)]
        else:
            nodes = [helper.make_node("Relu", [f"x{i}"], [f"y{i}"], name=f"r{i}") for i in range(count)]
        outs = [helper.make_tensor_value_info(node.output[0], TensorProto.FLOAT, None) for node in nodes]
        graph = helper.make_graph(nodes, "g", infos, outs)
        net = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        steps.append(_work(monkeypatch, net, tmp_path))
    assert steps[1] < 2.4 * steps[0]


def test_the_bound_of_a_placement_is_the_fullest_step() -> None:
    """By a sweep over the steps, as by looking at each; with outputs that overlap their inputs."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        first = rng.integers(0, 20, 12)
        blocks = [
            Block(f"b{i}", int(rng.integers(1, 50)), int(at), int(at + rng.integers(0, 6)))
            for i, at in enumerate(first)
        ]
        fullest = max(sum(b.size for b in blocks if b.first <= step <= b.last) for step in range(30))
        assert lower_bound(blocks) == fullest <= place(blocks)[1]
