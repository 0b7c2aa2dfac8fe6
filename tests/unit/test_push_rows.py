"""An input that is handed in a few rows at a time: the answers are those of the whole input, to the bit."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinyglow
from tests.benchmarks.line_buffers import PUSHED, load_record
from tests.helpers import Net, NetBuilder, run_cli
from tests.unit.bundle.cc import command_of, run, sources_in, vectors_for
from tests.unit.test_line_buffers import Drawn
from tinyglow.bundle.rows import Rows, rows_of, steps_of
from tinyglow.checker.check import check_proof
from tinyglow.errors import BoardError, InputError, ModelError
from tinyglow.ir.graph import Graph
from tinyglow.ir.program import Program, Region
from tinyglow.ir.target import Target
from tinyglow.lowering.rename import rename_placeholders
from tinyglow.pipeline.budget import lower_within
from tinyglow.pipeline.fit import made_up_profile
from tinyglow.pipeline.stations import target_of
from tinyglow.quant.profile import save_profile
from tinyglow.targets.boards import load_board
from tinyglow.testing import is_full

_SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-O1")
# As firmware with a camera has it: the rows of one call, and no place for the image.
_MAIN = """
#include <stdio.h>
#include "net.h"

GLOW_MEM_ALIGN(NET_MEM_ALIGN) static uint8_t constants[NET_CONSTANT_MEM_SIZE + 1] = {
#include "net.weights.txt"
};
GLOW_MEM_ALIGN(NET_MEM_ALIGN) static uint8_t placeholders[NET_PUSH_MUTABLE_MEM_SIZE];
GLOW_MEM_ALIGN(NET_MEM_ALIGN) static uint8_t arena[NET_ACTIVATIONS_MEM_SIZE];

int main(void) {
  uint32_t push = 0;
  uint8_t rows[NET_ROWS_MEM_SIZE];
  size_t count;
  while (push < NET_PUSHES && (count = fread(rows, 1, sizeof rows, stdin)) > 0) {
    if (net_push_rows(constants, placeholders, arena, rows, push++) != GLOW_SUCCESS) {
      return 1;
    }
  }
  if (net_push_rows(constants, placeholders, arena, rows, NET_PUSHES) == GLOW_SUCCESS) {
    return 2;
  }
  fwrite(placeholders + NET_y, 1, NET_y_BYTES, stdout);
  return 0;
}
"""


def _image(channels: int, last: bool, stride: int = 1) -> Net:
    """Convolutions, a pool and a residual addition on an image; last: whether channels come last in the file."""
    build, height, width = NetBuilder(channels), 13, 8
    x = build.node("Transpose", "x", perm=[0, 3, 1, 2]) if last else "x"
    pads = {"pads": [1, 1, 1, 1]}
    x = build.node("Conv", x, build.weights(8, channels, 3, 3), build.weights(8), strides=[stride, stride], **pads)
    x = build.node("Relu", x)
    y = build.node("Conv", x, build.weights(8, 1, 3, 3), build.weights(8), group=8, **pads)
    x = build.node("Add", build.node("Conv", y, build.weights(8, 8, 1, 1)), x)
    x = build.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    build.node("GlobalAveragePool", x, output="y")
    return build.build({"x": (1, height, width, channels) if last else (1, channels, height, width)}, ["y"])


def _sound() -> Net:
    """A chain of layers along time."""
    build = NetBuilder(5)
    x = build.node("Transpose", "x", perm=[0, 3, 1, 2])
    for _ in range(3):
        x = build.node("Conv", x, build.weights(4, 1, 1, 3), build.weights(4), group=4)
        x = build.node("Relu", build.node("Conv", x, build.weights(4, 4, 1, 1)))
    build.node("GlobalAveragePool", x, output="y")
    return build.build({"x": (1, 1, 40, 4)}, ["y"])


_NETS = {
    "one channel": lambda: _image(1, last=False),
    "channels last": lambda: _image(4, last=True),
    "three channels": lambda: _image(3, last=True),
    "rows left over": lambda: _image(4, last=True, stride=3),
    "sound": _sound,
}


def _quantized(net: Net, folder: Path, float_io: bool = False) -> Graph:
    loaded = tinyglow.load(net.save(folder), "net")
    return tinyglow.quantize(loaded, tinyglow.profile(loaded, net.samples(8)), float_io=float_io)


def _rows(program: Program) -> Rows:
    rows = rows_of(program)
    assert rows is not None
    return rows


@pytest.mark.parametrize("float_io", [False, True])
@pytest.mark.parametrize("name", _NETS)
def test_the_answers_are_those_of_the_whole_input(name: str, float_io: bool, tmp_path: Path) -> None:
    """In numpy; and in C that has no memory for the input, under sanitizers, from the rows alone."""
    graph = _quantized(_NETS[name](), tmp_path, float_io)
    target = target_of(load_board("cortex-m4"))
    program = tinyglow.lower(graph, target=replace(target, push_rows=True))
    source, rows, vectors = program.buffers["x"].type, _rows(program), vectors_for(program)[-5:]
    whole = {"x": vectors.reshape(len(vectors), *source.shape)}
    expected = tinyglow.interpret(tinyglow.lower(graph, target=target), whole)["y"]
    assert np.array_equal(tinyglow.interpret(program, whole)["y"], expected)
    assert rows.pushes > 2 and rows.pushes * rows.nbytes < source.nbytes + rows.nbytes
    assert program.sizes[Region.MUTABLE] - rows.mutable >= source.nbytes

    folder, command = tmp_path / "bundle", [*command_of("gcc"), *_SANITIZERS]
    tinyglow.emit(program, folder)
    assert not check_proof(folder).faults
    (tmp_path / "main.c").write_text(_MAIN, encoding="utf-8")
    if subprocess.run([*command, *_probe(tmp_path)], capture_output=True, check=False).returncode:
        pytest.skip("gcc has no sanitizer libraries")
    run([*command, "-I", folder, tmp_path / "main.c", *sources_in(folder), "-o", "program"], tmp_path)
    for vector, answer in zip(vectors, expected, strict=True):
        assert run([tmp_path / "program"], tmp_path, vector.tobytes()) == answer.tobytes()


@pytest.mark.parametrize("seed", range(200 if is_full() else 6))
def test_drawn_networks_answer_the_same(seed: int, tmp_path: Path) -> None:
    """Any layers that can be in a chain, on any core: numpy's answers, and a proof that holds."""
    net = Drawn(seed, channels_last=True).net(layers=2 + seed % 4)
    graph = _quantized(net, tmp_path)
    target = Target(("", "cortex-m0plus", "cortex-m4", "cortex-m7")[seed % 4], push_rows=True)
    try:
        program = tinyglow.lower(graph, target=target)
    except ModelError as error:
        assert "cannot be handed in by rows" in str(error)
        pytest.skip("rows that no kernel takes")
    samples = net.samples(2, seed=seed)
    expected = tinyglow.interpret(tinyglow.lower(graph), samples)
    for name, answer in tinyglow.interpret(program, samples).items():
        assert np.array_equal(answer, expected[name])
    tinyglow.emit(program, tmp_path / "bundle")
    assert not check_proof(tmp_path / "bundle").faults


def test_the_record_meets_its_limits() -> None:
    """Visual wake words in 20 KiB on every core."""
    record = load_record()
    for name, limit in PUSHED.items():
        assert len(record[name]["pushed"]) == 3
        assert all(row["ram"] <= limit for row in record[name]["pushed"].values())


def _probe(folder: Path) -> list[str | Path]:
    (folder / "probe.c").write_text("int main(void) { return 0; }\n", encoding="utf-8")
    return [folder / "probe.c", "-o", folder / "probe"]


@pytest.mark.long  # three emulated cores and this machine
@pytest.mark.parametrize("name", ["three channels", "sound"])
def test_the_whole_input_serves_too(name: str, tmp_path: Path) -> None:
    """Glow's interface takes the image as a whole, on emulated cores and this machine, and numpy's bits come."""
    pytest.importorskip("unicorn")
    net = _NETS[name]()
    graph = _quantized(net, tmp_path)
    for core in ("host", "cortex-m0plus", "cortex-m4", "cortex-m7"):
        board = load_board(core)
        program = tinyglow.lower(graph, target=replace(target_of(board), push_rows=True))
        for result in tinyglow.verify(program, board, net.samples(2)):
            assert result.equal and result.vectors == 2


def _two_inputs() -> Net:
    build = NetBuilder()
    build.node("Add", "a", "b", output="y")
    return build.build({"a": (1, 4, 8, 4), "b": (1, 4, 8, 4)}, ["y"])


def _dense() -> Net:
    build = NetBuilder()
    build.node("Gemm", "x", build.weights(8, 2), output="y")
    return build.build({"x": (1, 8)}, ["y"])


@pytest.mark.parametrize(
    ("net", "found"),
    [
        (_two_inputs, "the network has 2 inputs"),
        (_dense, r"x \[1 x 8\] is first read by FullyConnected"),
        (lambda: _image(4, last=False), r"x \[1 x 4 x 13 x 8\] is first read by Transpose"),
    ],
)
def test_what_has_no_rows_is_refused(net: Callable[[], Net], found: str, tmp_path: Path) -> None:
    """An error says what reads the input first, and what could be done."""
    graph = _quantized(net(), tmp_path)
    with pytest.raises(ModelError, match=f"cannot be handed in by rows(.|\n)*{found}"):
        tinyglow.lower(graph, target=Target(push_rows=True))


def test_an_input_that_is_not_there_cannot_be_reused(tmp_path: Path) -> None:
    """Python refuses both options together as the command line does, with and without a budget."""
    graph, target = _quantized(_image(4, last=True), tmp_path), Target("cortex-m4", push_rows=True, reuse_inputs=True)
    expected = "--reuse-inputs: puts activations where --push-rows has no input; expected one of both"
    with pytest.raises(InputError, match=expected):
        tinyglow.lower(graph, target=target)
    with pytest.raises(InputError, match=expected):
        lower_within(graph, load_board("cortex-m4"), target, max_ram=20_000)


@pytest.mark.long  # builds what is tried
def test_a_budget_counts_the_rows_of_one_call(tmp_path: Path) -> None:
    """The program that fits takes fewer rows a call than the fastest one; less than the least is refused."""
    graph, board = _quantized(_image(4, last=True), tmp_path), load_board("cortex-m4")
    target = replace(target_of(board), push_rows=True)

    def need(program: Program) -> int:
        return _rows(program).mutable + _rows(program).nbytes + program.sizes[Region.ACTIVATION]

    roomy = lower_within(graph, board, target, max_ram=1 << 20)
    tight = lower_within(graph, board, target, max_ram=need(tinyglow.lower(graph, target=target)) + 8)
    assert need(tight) < need(roomy)
    with pytest.raises(BoardError, match="the least found is"):
        lower_within(graph, board, target, max_ram=100)


def test_every_call_is_in_a_push(tmp_path: Path) -> None:
    """Also those before the call that takes the first rows."""
    program = tinyglow.lower(_quantized(_sound(), tmp_path), target=Target(push_rows=True))
    later = replace(program, calls=(program.calls[-1], *program.calls))
    assert (program.row_calls[0], later.row_calls[0]) == (0, 1)
    for each in (program, later):
        steps = steps_of(each)
        assert len(steps) == len(each.row_calls)
        assert [index for step in steps for index in step] == list(range(len(each.calls)))


def test_stations_write_the_bundles_own_program(tmp_path: Path) -> None:
    """--dump has the program with line buffers, not the one that it is compared with."""
    model = _image(4, last=True).save(tmp_path)
    save_profile(made_up_profile(tinyglow.load(model)), tmp_path / "profile.yaml")
    more = ("--board", "host", "--profile", tmp_path / "profile.yaml", "--name", "net", "--push-rows")
    assert run_cli("compile", model, *more, "--dump", tmp_path / "dump", "-o", tmp_path / "bundle").status == 0
    (text,) = (path.read_text(encoding="utf-8") for path in (tmp_path / "dump").glob("8_plan*"))
    assert "_handed_in_lines" in text


def test_a_renamed_input_stays_the_one_that_is_handed_in(tmp_path: Path) -> None:
    """As do the names in the bundle's C."""
    program = tinyglow.lower(_quantized(_sound(), tmp_path), target=Target(push_rows=True))
    renamed = rename_placeholders(program, {"x": "audio"})
    assert _rows(renamed) == replace(_rows(program), input="audio")
    tinyglow.emit(renamed, tmp_path / "bundle")
    assert "rows = mutableWeight + (uint32_t)net_at_audio + push" in (tmp_path / "bundle/net.c").read_text("utf-8")
    assert not check_proof(tmp_path / "bundle").faults


# The command, and bundles that are not what their proofs say


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of a network by rows, from the command."""
    folder = tmp_path_factory.mktemp("push_rows")
    model = _image(4, last=True).save(folder)
    save_profile(made_up_profile(tinyglow.load(model)), folder / "profile.yaml")
    more = ("--profile", folder / "profile.yaml", "--board", "cortex-m4", "--name", "net", "--push-rows")
    answer = run_cli("compile", model, *more, "-o", folder / "bundle")
    assert answer.status == 0, answer.err
    assert re.search(
        r"input by rows: net_push_rows \d+ times, \d+ rows? \([\d,]+ bytes\) each; RAM [\d,]+ bytes", answer.out
    )
    refused = run_cli("compile", model, *more, "--reuse-inputs", "-o", folder / "other")
    assert refused.status == 2 and "--reuse-inputs" in refused.err and not (folder / "other").exists()
    return folder / "bundle"


def _sub(pattern: str, to: str, count: int = 1) -> Callable[[str], str]:
    return lambda text: re.sub(pattern, to, text, count=count)


_FAULTS: list[tuple[str, Callable[[str], str], str]] = [
    ("net.c", _sub(r"push \* \d+u;", "push * 4u;"), "takes .* bytes of push|ROWS_MEM_SIZE"),
    ("net.c", _sub(r"push < \d+u", "push < 99u"), "the compiler's own text"),
    ("net.c", _sub(r"uint32_t\)net_at_x ", "uint32_t)net_at_y "), "before the input|of push"),
    ("net.c", _sub(r"\(rows \+ net_at_x_rows\)", "(mutableWeight + net_at_x)"), "in the first one alone"),
    ("net.c", _sub(r"    case 1:", "    case 2:"), "the compiler's own text"),
    ("net.h", _sub(r"(NET_PUSHES +)\d+", r"\g<1>99"), "says 99 for PUSHES"),
    ("net.h", _sub(r"(NET_PUSH_ROWS +)\d+", r"\g<1>99"), "says 99 for PUSH_ROWS"),
    ("net.h", _sub(r"(NET_PUSH_MUTABLE_MEM_SIZE +)\d+", r"\g<1>0"), "says 0 for PUSH_MUTABLE_MEM_SIZE"),
    ("net.h", _sub(r"(NET_ROWS_MEM_SIZE +)\d+", r"\g<1>4"), "as the proof says|ROWS_MEM_SIZE"),
]


@pytest.mark.parametrize(("name", "fault", "words"), _FAULTS)
def test_a_faulty_bundle_is_refused(
    name: str, fault: Callable[[str], str], words: str, bundle: Path, tmp_path: Path
) -> None:
    """The checker reads out of the C which rows each push takes, and holds the header to it."""
    assert not check_proof(bundle).faults
    copy = Path(shutil.copytree(bundle, tmp_path / "copy"))
    faults = _faults_with(copy, name, fault, {})
    assert re.search(words, faults), faults


def _faults_with(folder: Path, name: str, fault: Callable[[str], str], claims: dict[str, Any]) -> str:
    """What is wrong with a bundle of which a file is changed, and with it its hash and ``claims`` in the proof."""
    proof: dict[str, Any] = json.loads((folder / "net.proof.json").read_text(encoding="ascii"))
    before = (folder / name).read_text(encoding="utf-8")
    after = fault(before)
    assert after != before
    (folder / name).write_text(after, encoding="utf-8")
    proof["files"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    for key, value in claims.items():
        proof[key] = {**proof[key], **value} if isinstance(value, dict) else value
    (folder / "net.proof.json").write_text(json.dumps(proof), encoding="ascii")
    return " ".join(f"{one.where} {one.found} {one.expected}" for one in check_proof(folder).faults)


def test_a_header_hides_no_calls(bundle: Path, tmp_path: Path) -> None:
    """Calls are the C's, whatever the header says of rows, and a proof without calls is none."""
    graph = _quantized(_sound(), tmp_path)
    tinyglow.emit(tinyglow.lower(graph), tmp_path / "plain")
    macro = _sub(r"(?=#define NET_MEM_ALIGN)", "#define NET_ROWS_MEM_SIZE  4\n")
    found = _faults_with(tmp_path / "plain", "net.h", macro, {"calls": [], "memories": {"rows": 4}})
    assert "differ in whether the input comes by rows" in found
    copy = Path(shutil.copytree(bundle, tmp_path / "copy"))
    found = _faults_with(
        copy, "net.h", _sub(r"#define NET_ROWS_MEM_SIZE.*\n", ""), {"calls": [], "memories": {"rows": 0}}
    )
    assert "differ in whether the input comes by rows" in found
