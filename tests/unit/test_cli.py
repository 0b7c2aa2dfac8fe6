"""The command line's contract: what scripts may rely on. Bad input has a file of its own."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinyglow
from tests.helpers import MNIST_INPUT, MNIST_OUTPUT, Answer, conv_net, run_cli
from tinyglow.bundle.header import read_bundle
from tinyglow.cli import main
from tinyglow.cli.commands import boards
from tinyglow.cli.parser import build_parser
from tinyglow.cli.writing import write_outputs
from tinyglow.demo import digits
from tinyglow.pipeline import compare
from tinyglow.targets.boards import board_names

COMMANDS = ("demo", "profile", "compile", "run", "verify", "boards")
COSTS = ("cycles", "instructions", "stack")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Path:
    """A folder with the network, samples and what the commands made of them: profile.yaml and bundle/."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "mnist.onnx").write_bytes((checkout / "examples/mnist/mnist_nxp.onnx").read_bytes())
    np.save(folder / "calibration.npy", digits.calibration_set(20)[0])
    np.save(folder / "digits.npy", digits.demo_set()[0][:6])
    samples = f"{MNIST_INPUT}={folder / 'calibration.npy'}"
    profile = run_cli("profile", *_model(folder), "--input", samples, "-o", folder / "profile.yaml")
    assert (profile.status, profile.err) == (0, "")
    assert re.search(r"ranges of \d+ values over 20 samples", profile.out)
    compiled = _compile(folder, folder / "bundle", "--board", "frdm-ke16z")
    assert (compiled.status, compiled.err) == (0, "")
    assert "bundle 'mnist'" in compiled.out and "mnist.weights.bin" in compiled.out
    return folder


def _model(work: Path) -> tuple[object, ...]:
    return (work / "mnist.onnx", "--define", "N=1")


def _compile(work: Path, folder: Path, *more: object) -> Answer:
    return run_cli("compile", *_model(work), "--profile", work / "profile.yaml", "--name", "mnist", "-o", folder, *more)


def _input(work: Path, file: str = "digits.npy") -> tuple[object, ...]:
    return ("--input", f"{MNIST_INPUT}={work / file}")


def _expected(work: Path, samples: Any) -> Any:
    graph = tinyglow.load(work / "mnist.onnx", "mnist", {"N": 1})
    program = tinyglow.lower(tinyglow.quantize(graph, tinyglow.load_profile(work / "profile.yaml")))
    return tinyglow.interpret(program, {MNIST_INPUT: samples})[MNIST_OUTPUT]


# run


@pytest.mark.parametrize("board", ["frdm-ke16z", "mimxrt1060-evk"])
@pytest.mark.slow  # compiles C
def test_run_reports_every_cost_of_a_board(board: str, work: Path) -> None:
    """JSON gives cycles, instructions and stack of each vector and in all, flash and RAM, with nothing around it."""
    answer = run_cli("run", work / "bundle", "--board", board, *_input(work), "--json")
    assert (answer.status, answer.err) == (0, "")
    report = json.loads(answer.out)
    assert report["board"] == board
    assert len(report["vectors"]) == 6
    for vector in report["vectors"]:
        assert all(isinstance(vector[name], int) and vector[name] > 0 for name in COSTS)
    for name in COSTS:
        assert report[name] == max(vector[name] for vector in report["vectors"])
    assert report["milliseconds"] == pytest.approx(1000 * report["cycles"] / report["clock_hz"])
    sizes = report["sizes"]
    assert report["flash"] == sizes["code"] + sizes["constants"] + sizes["weights"]
    assert report["ram"] == sizes["mutable"] + sizes["activations"] + sizes["variables"]
    info = read_bundle(work / "bundle")
    assert (sizes["weights"], sizes["mutable"]) == (info.constant, info.mutable)


def test_run_on_this_machine_has_no_costs(work: Path) -> None:
    """The host answers; what only an emulated core can count is null."""
    report = json.loads(run_cli("run", work / "bundle", "--board", "host", *_input(work), "--json").out)
    assert report["board"] == "host"
    assert [report[name] for name in (*COSTS, "milliseconds", "flash", "ram", "clock_hz")] == [None] * 7
    assert report["vectors"] == [dict.fromkeys(COSTS)] * 6


@pytest.mark.parametrize("board", ["host", "mimxrt1060-evk"])
def test_run_writes_the_outputs_by_name(board: str, work: Path, tmp_path: Path) -> None:
    """OUT.npz holds each output under its placeholder's name: int8, samples first, the batch of 1 gone."""
    answer = run_cli("run", work / "bundle", "--board", board, *_input(work), "-o", tmp_path / "out.npz")
    assert answer.status == 0 and f"{MNIST_OUTPUT}[0] = " in answer.out
    with np.load(tmp_path / "out.npz") as outputs:
        assert outputs.files == [MNIST_OUTPUT]
        written = outputs[MNIST_OUTPUT]
    assert (written.dtype, written.shape) == (np.int8, (6, 10))
    np.testing.assert_array_equal(written, _expected(work, digits.demo_set()[0][:6]))


def test_inputs_may_be_float_or_int8_and_of_any_layout_of_the_same_elements(work: Path, tmp_path: Path) -> None:
    """float32, float64, int8, with a batch dimension or flat: the same samples give the same answers."""
    images = digits.demo_set()[0][:3]
    (placeholder,) = (p for p in read_bundle(work / "bundle").placeholders if p.is_input)
    assert placeholder.type.quant is not None
    steps = np.rint(images / np.float32(placeholder.type.quant.scale)) + placeholder.type.quant.offset
    forms = [
        images,
        images.astype(np.float64),
        images.astype(">f4"),
        images.reshape(3, -1),
        images[:, None],
        np.asfortranarray(images[..., 0]),
        steps.clip(-128, 127).astype(np.int8),
    ]
    for form in forms:
        np.save(tmp_path / "form.npy", form)
        out = tmp_path / "out.npz"
        answer = run_cli("run", work / "bundle", "--board", "host", *_input(tmp_path, "form.npy"), "-o", out)
        assert answer.status == 0, answer.err
        with np.load(out) as outputs:
            np.testing.assert_array_equal(outputs[MNIST_OUTPUT], _expected(work, images))


def test_float_io_takes_and_gives_floats(work: Path, tmp_path: Path) -> None:
    """A bundle compiled with --float-io answers in float32, with what the integers of the other stand for."""
    assert _compile(work, tmp_path / "bundle", "--board", "host", "--float-io").status == 0
    assert {p.type.dtype for p in read_bundle(tmp_path / "bundle").placeholders} == {"float32"}
    out = tmp_path / "out.npz"
    assert run_cli("run", tmp_path / "bundle", "--board", "host", *_input(work), "-o", out).status == 0
    quant = next(p.type.quant for p in read_bundle(work / "bundle").placeholders if p.name == MNIST_OUTPUT)
    assert quant is not None
    steps = (_expected(work, digits.demo_set()[0][:6]).astype(np.int32) - quant.offset).astype(np.float32)
    with np.load(out) as outputs:
        assert outputs[MNIST_OUTPUT].dtype == np.float32
        np.testing.assert_array_equal(outputs[MNIST_OUTPUT], np.float32(quant.scale) * steps)


# verify


def _verify(work: Path, board: str, *more: object) -> Answer:
    return run_cli("verify", *_model(work), "--profile", work / "profile.yaml", "--board", board, *_input(work), *more)


def test_verify_finds_all_equal(work: Path) -> None:
    """Exit status 0, and JSON with a comparison for this machine and one for the board, both without a mismatch."""
    answer = _verify(work, "frdm-ke16z", "--json")
    assert (answer.status, answer.err) == (0, "")
    report = json.loads(answer.out)
    assert report["equal"] is True
    assert [target["target"] for target in report["targets"]] == ["host", "frdm-ke16z"]
    for target in report["targets"]:
        assert (target["vectors"], target["elements"], target["mismatches"], target["largest"]) == (6, 60, 0, 0.0)
        assert target["first_layer"] is None
    assert report["targets"][1]["cycles"] > 0


def test_verify_says_so_in_words(work: Path) -> None:
    """Without --json the verdict is a sentence."""
    answer = _verify(work, "host")
    assert answer.status == 0
    assert answer.out.splitlines()[-1] == "bit-exact: numpy = host C on 6 vectors"


def _sabotage(monkeypatch: pytest.MonkeyPatch, call: int) -> None:
    """Let the C of bundles differ from the program in one call: its multipliers are half as large."""

    def spoilt(*arguments: Any, **more: Any) -> dict[str, bytes]:
        files = compare_files(*arguments, **more)
        text = files["mnist.c"].decode("utf-8")
        head, start, rest = text.partition(f"call_{call} = {{")
        struct, end, tail = rest.partition("};\n")
        struct = re.sub(r"\.multiplier = (\d+)", lambda found: f".multiplier = {int(found[1]) // 2}", struct)
        return {**files, "mnist.c": f"{head}{start}{struct}{end}{tail}".encode()}

    compare_files = compare.bundle_files
    monkeypatch.setattr(compare, "bundle_files", spoilt)


@pytest.mark.parametrize(
    ("call", "layer"),
    [
        (2, "sequential_conv2d_1_Conv2D__2"),
        (4, "sequential_conv2d_2_Conv2D__2"),
        (7, "sequential_dense_1_MatMul__1"),
        (9, "sequential_dense_2_MatMul__1"),
    ],
)
@pytest.mark.slow  # compiles C
def test_verify_names_the_first_layer_that_differs(
    call: int, layer: str, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one layer's C wrong, verify fails with status 1 and names that layer, not a later one that inherits it."""
    _sabotage(monkeypatch, call)
    answer = _verify(work, "host", "--json")
    assert answer.status == 1
    report = json.loads(answer.out)
    assert report["equal"] is False
    (target,) = report["targets"]
    assert target["first_layer"] == layer
    assert target["first_vector"] == 0
    assert 0 < target["mismatches"] <= target["elements"]
    assert 1 <= target["largest"] <= 255


def test_verify_names_the_layer_on_a_board_too(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The emulated core is searched as this machine is; the text says which claim does not hold."""
    _sabotage(monkeypatch, 4)
    answer = _verify(work, "frdm-ke16z")
    assert answer.status == 1
    assert "numpy != host" in answer.out and "numpy != frdm-ke16z" in answer.out
    assert answer.out.count("sequential_conv2d_3_Conv2D__2") == 2
    assert answer.out.splitlines()[-1] == "NOT bit-exact"


# The other commands and options


def test_dump_writes_each_station(work: Path, tmp_path: Path) -> None:
    """--dump leaves a text for every station that a command runs."""
    assert _compile(work, tmp_path / "bundle", "--board", "host", "--dump", tmp_path / "dump").status == 0
    names = sorted(path.name for path in (tmp_path / "dump").iterdir())
    stations = ["1_read", "2_simplify", "4_quantize", "5_tidy", "6_fuse", "7_lower", "8_plan", "9_emit"]
    assert names == [f"{station}.txt" for station in stations]
    assert "Conv2D(" in (tmp_path / "dump/5_tidy.txt").read_text(encoding="utf-8")


def test_the_name_is_the_files_unless_given(work: Path, tmp_path: Path) -> None:
    """Without --name the bundle is called as the model file."""
    given = ("--profile", work / "profile.yaml", "--board", "host", "-o", tmp_path)
    assert run_cli("compile", *_model(work), *given).status == 0
    assert read_bundle(tmp_path).name == "mnist"


def test_a_network_without_symbols_needs_no_define(tmp_path: Path) -> None:
    """Models with fixed shapes go through profile, compile and verify without --define."""
    net = conv_net()
    model = net.save(tmp_path)
    np.save(tmp_path / "x.npy", net.samples(5)["x"])
    profile, samples = tmp_path / "p.yaml", ("--input", f"x={tmp_path / 'x.npy'}")
    assert run_cli("profile", model, *samples, "-o", profile).status == 0
    assert run_cli("compile", model, "--profile", profile, "--board", "host", "-o", tmp_path / "b").status == 0
    assert run_cli("verify", model, "--profile", profile, "--board", "host", *samples).status == 0


def test_boards_are_listed(checkout: Path) -> None:
    """JSON has every board file and this machine, as a process of its own prints it."""
    done = subprocess.run(
        [sys.executable, "-m", "tinyglow", "boards", "--json"], cwd=checkout, capture_output=True, check=True
    )
    assert not done.stderr
    listed = json.loads(done.stdout)
    assert [board["name"] for board in listed] == board_names()
    assert {"frdm-ke16z", "mimxrt1060-evk", "host"} <= set(board_names())
    ke16z = next(board for board in listed if board["name"] == "frdm-ke16z")
    assert (ke16z["cpu"], ke16z["clock_hz"]) == ("cortex-m0plus", 48_000_000)
    assert sum(memory["size"] for memory in ke16z["memories"]) == 65_536 + 8_192
    text = run_cli("boards")
    assert text.status == 0 and all(name in text.out for name in board_names())


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example_that_is_understood(command: str) -> None:
    """--help of each command ends in examples, and the parser accepts them as they stand."""
    answer = run_cli(command, "--help")
    assert answer.status == 0 and answer.out.startswith(f"usage: tinyglow {command}")
    examples = re.findall(rf"^  (tinyglow {command}.*)$", answer.out.partition("example")[2], re.MULTILINE)
    assert examples
    for example in examples:
        assert isinstance(build_parser().parse_args(shlex.split(example)[1:]), argparse.Namespace)


def test_the_first_help_shows_the_whole_way() -> None:
    """tinyglow --help names every command and has an example of each that takes a model."""
    answer = run_cli("--help")
    assert answer.status == 0
    assert all(f"  tinyglow {command}" in answer.out for command in ("demo", "profile", "compile", "run", "verify"))
    assert run_cli("--version").out == f"tinyglow {tinyglow.__version__}\n"


# The package


def _loaded(code: str, checkout: Path) -> set[str]:
    """The modules that are loaded after ``code`` has run in a process of its own."""
    program = f"{code}\nimport sys\nprint(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=checkout, capture_output=True, encoding="utf-8", check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("code", ["import tinyglow", "from tinyglow.cli.parser import build_parser; build_parser()"])
def test_importing_is_light(code: str, checkout: Path) -> None:
    """Neither the package nor the parser loads numpy, onnx, the emulator, or what draws tables."""
    heavy = {"numpy", "onnx", "google.protobuf", "unicorn", "capstone", "elftools", "jinja2", "yaml", "rich"}
    loaded = _loaded(code, checkout)
    assert "tinyglow" in loaded
    assert not loaded & heavy


def test_every_name_of_the_api_is_there() -> None:
    """What tinyglow offers can be had, is documented, and nothing else is offered."""
    assert {"load", "profile", "quantize", "lower", "interpret", "emit", "simulate"} <= set(tinyglow.__all__)
    for name in tinyglow.__all__:
        assert getattr(tinyglow, name) is not None
        assert name.startswith("__") or getattr(tinyglow, name).__doc__
    assert set(tinyglow.__all__) <= set(dir(tinyglow))
    with pytest.raises(AttributeError, match="no attribute 'banana'"):
        _ = tinyglow.banana


# How it ends


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (MemoryError(), 2, "error: out of memory"),
        (OSError(28, "No space left on device"), 2, "No space left on device"),
        (ZeroDivisionError("oops"), 2, "internal error, please report it"),
    ],
)
def test_whatever_happens_has_a_status_and_no_traceback(
    error: BaseException, status: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupts, a full memory or disk and our own mistakes end in a line on stderr; --debug lets them through."""

    def fail(_: argparse.Namespace) -> int:
        raise error

    monkeypatch.setattr(boards, "run", fail)
    answer = run_cli("boards")
    assert answer.status == status
    assert words in answer.err and "Traceback" not in answer.err and not answer.out
    with pytest.raises(type(error)):
        main(["--debug", "boards"])
    with pytest.raises(type(error)):
        main(["boards", "--debug"])


def test_a_reader_that_has_seen_enough_is_no_error(checkout: Path) -> None:
    """Output into a closed pipe, as by head, ends quietly."""
    command = [sys.executable, "-m", "tinyglow", "boards", "--json"]
    with subprocess.Popen(command, cwd=checkout, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


def test_names_that_a_terminal_cannot_show_do_not_stop_a_command(work: Path, tmp_path: Path) -> None:
    """A path with characters beyond the output's encoding is printed with escapes, after the work is done."""
    target = tmp_path / "bündel"
    command = [sys.executable, "-m", "tinyglow", "compile", *map(str, _model(work)), "--board", "host"]
    command += ["--profile", str(work / "profile.yaml"), "-o", str(target)]
    environment = {"PYTHONIOENCODING": "ascii", "PYTHONPATH": str(Path(tinyglow.__file__).parents[1])}
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"b\\xfcndel: bundle 'mnist'" in done.stdout and read_bundle(target).name == "mnist"


def test_precision_int16(work: Path, tmp_path: Path) -> None:
    """--precision int16 compiles int16 placeholders, explains them, and runs; --graph=glow with it is refused."""
    folder = tmp_path / "bundle"
    answer = _compile(work, folder, "--board", "host", "--precision", "int16", "--explain-quantization")
    assert (answer.status, answer.err) == (0, "")
    assert "int16" in answer.out and "2 times as wide, for data beyond the profile" in answer.out
    assert "bias: int32 in the steps of the sums" in answer.out and "kept float" not in answer.out
    assert {p.type.dtype for p in read_bundle(folder).placeholders} == {"int16"}
    written = run_cli("run", folder, "--board", "host", *_input(work), "-o", tmp_path / "out.npz")
    assert written.status == 0
    assert np.load(tmp_path / "out.npz")[MNIST_OUTPUT].dtype == np.int16
    refused = _compile(work, folder, "--board", "host", "--precision", "int16", "--graph", "glow")
    assert refused.status == 2
    assert "--graph: glow; expected tiny (Glow has no int16" in refused.err


def test_outputs_may_have_any_name(tmp_path: Path) -> None:
    """Names that numpy's own function takes for its arguments are names as any other."""
    arrays = {name: np.full((2, 3), index, np.int8) for index, name in enumerate(("file", "args", "allow_pickle", "y"))}
    write_outputs(str(tmp_path / "out.npz"), arrays)
    with np.load(tmp_path / "out.npz", allow_pickle=False) as found:
        assert {name: found[name].tolist() for name in found.files} == {n: a.tolist() for n, a in arrays.items()}
