"""Where cycles go: layers, functions and lines add up to the whole, and a fault names the layer it happened in."""

from __future__ import annotations

import json
import re
from dataclasses import fields, replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

import tinyglow
from tests.helpers import MNIST_INPUT, run_cli
from tinyglow.bundle.layers import layer_calls
from tinyglow.demo import digits
from tinyglow.errors import InputError, SimulationError
from tinyglow.pipeline.cycle_profile import CycleProfile, Share, profile_cycles
from tinyglow.pipeline.execute import simulate
from tinyglow.pipeline.execution import Options
from tinyglow.pipeline.stations import lower, target_of
from tinyglow.report.flame import flame_svg
from tinyglow.targets.boards import Board, load_board

INPUTS = {MNIST_INPUT: digits.demo_set()[0][:1]}
BOARDS = ("frdm-ke16z", "mimxrt1060-evk", pytest.param("nucleo-l4r5zi", marks=pytest.mark.long))


@pytest.fixture(scope="module", params=BOARDS)
def board(request: pytest.FixtureRequest) -> Board:
    """A board of each kind of core."""
    return load_board(str(request.param))


def _bundle(checkout: Path, folder: Path, board: Board) -> Path:
    graph = tinyglow.load(checkout / "examples/mnist/mnist_nxp.onnx", "mnist", {"N": 1})
    profile = tinyglow.load_profile(checkout / "tests/golden/mnist_nxp/profile.yaml")
    tinyglow.emit(lower(tinyglow.quantize(graph, profile), target=target_of(board)), folder)
    return folder


@pytest.fixture(scope="module")
def bundle(board: Board, checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """NXP's network of the application note."""
    return _bundle(checkout, tmp_path_factory.mktemp(board.name), board)


@pytest.fixture(scope="module")
def profile(bundle: Path, board: Board) -> CycleProfile:
    """One inference, followed."""
    return profile_cycles(bundle, board, INPUTS)


def _sum(shares: list[Share]) -> tuple[int, int, int]:
    return sum(s.cycles for s in shares), sum(s.waits for s in shares), sum(s.instructions for s in shares)


@pytest.mark.slow  # compiles C
def test_layers_functions_and_lines_add_up_to_the_run(profile: CycleProfile, bundle: Path, board: Board) -> None:
    """To the cycle; and the whole is what `simulate` counts, which knows no source lines."""
    whole = (profile.whole.cycles, profile.whole.waits, profile.whole.instructions)
    for parts in (
        [layer.whole for layer in profile.layers],
        [function for layer in profile.layers for function in layer.functions],
        list(profile.functions),
        [line.whole for line in profile.lines],
    ):
        assert _sum(parts) == whole
        assert min(min(share.cycles, share.waits, share.instructions) for share in parts) >= 0
    run = simulate(bundle, board, INPUTS, options=Options(timed=True))
    assert whole == (run.most("cycles"), run.waits, run.most("instructions"))


@pytest.mark.parametrize("name", [*BOARDS, "lpc845-brk", "evk-mimxrt685", "cortex-m4"])
@pytest.mark.slow  # compiles C
def test_a_timed_run_takes_the_same_way_to_the_same_answers(name: str, checkout: Path, tmp_path: Path) -> None:
    """Looking at every access changes nothing but the time it takes: answers, cycles, instructions and stack."""
    board = load_board(name)
    bundle = _bundle(checkout, tmp_path / "bundle", board)
    plain, timed = (simulate(bundle, board, INPUTS, options=Options(timed=how)) for how in (False, True))
    assert plain.costs == timed.costs
    assert (plain.waits, timed.waits is None) == (None, False)
    for output, array in plain.outputs.items():
        assert array.tolist() == timed.outputs[output].tolist()


def test_layers_have_the_names_of_the_network(profile: CycleProfile, bundle: Path) -> None:
    """One for each call of the network's function, in order, between what comes before and after."""
    calls = layer_calls(bundle, "mnist")
    assert len(calls) >= 6
    named = [(layer.function, layer.whole.name) for layer in profile.layers if layer.function]
    assert named == [(call.function, call.origin) for call in calls]
    assert profile.layers[0].whole.name == "(before the network)"
    assert profile.layers[-1].whole.name == "(after the last layer)"
    convolution = max(profile.layers, key=lambda layer: layer.whole.cycles)
    assert "conv2d" in convolution.function
    assert convolution.functions[0].total <= convolution.whole.total


def test_the_hottest_line_is_the_bundles_and_is_shown(profile: CycleProfile, bundle: Path) -> None:
    """With its text, from a file of the bundle: a kernel, or code that was made for the network."""
    hottest = profile.lines[0]
    assert hottest.file in [path.name for path in bundle.iterdir()]
    text = (bundle / hottest.file).read_text(encoding="utf-8").splitlines()[hottest.number - 1]
    assert hottest.text == text.strip()[:160]
    assert hottest.whole.total == max(line.whole.total for line in profile.lines)
    known = sum(line.whole.cycles for line in profile.lines if line.number)
    assert known > 0.9 * profile.whole.cycles


def test_the_picture_is_svg_with_a_bar_for_everything(profile: CycleProfile) -> None:
    """Well-formed, without links or scripts; bars of a row add up to the whole's width."""
    text = flame_svg(profile)
    root = ElementTree.fromstring(text)
    assert root.tag.endswith("svg")
    assert not re.search(r"href|<script|url\(", text)
    titles = [node.text or "" for node in root.iter("{http://www.w3.org/2000/svg}title")]
    for layer in profile.layers:
        assert any(title.startswith(layer.whole.name) for title in titles)
    groups = root.findall("{http://www.w3.org/2000/svg}g")
    widths: dict[str, float] = {}
    for group in groups:
        bar = group.find("{http://www.w3.org/2000/svg}rect")
        assert bar is not None
        widths[bar.attrib["y"]] = widths.get(bar.attrib["y"], 0) + float(bar.attrib["width"])
    assert len(widths) == 3
    assert list(widths.values()) == pytest.approx([1180] * 3, abs=1)


def test_names_in_a_picture_are_text(profile: CycleProfile) -> None:
    """A layer may be called anything: markup in names stays text."""
    odd = replace(profile.layers[1].whole, name='</text><script>alert("x")</script>')
    layers = (replace(profile.layers[1], whole=odd), *profile.layers[2:])
    text = flame_svg(replace(profile, layers=layers))
    ElementTree.fromstring(text)
    assert "<script" not in text


def test_the_command_prints_writes_and_refuses(bundle: Path, board: Board, tmp_path: Path) -> None:
    """Tables, JSON with the same figures, a picture; the host has nothing to count."""
    import numpy as np

    np.save(tmp_path / "x.npy", INPUTS[MNIST_INPUT])
    sample = ("--input", f"{MNIST_INPUT}={tmp_path / 'x.npy'}")
    picture = tmp_path / "cycles.svg"
    shown = run_cli("profile-cycles", bundle, "--board", board.name, *sample, "--svg", picture)
    assert (shown.status, shown.err) == (0, "")
    data = json.loads(run_cli("profile-cycles", bundle, "--board", board.name, *sample, "--json").out)
    assert f"{data['cycles']:,} cycles of the core" in shown.out
    assert all(layer["name"] in shown.out.replace("\n", "") for layer in data["layers"])
    assert {"layers", "functions", "lines", "milliseconds"} <= data.keys()
    assert picture.read_text(encoding="utf-8").startswith("<svg")
    refused = run_cli("profile-cycles", bundle, "--board", "host", *sample)
    assert refused.status == 2
    with pytest.raises(InputError, match="nothing is counted"):
        profile_cycles(bundle, load_board("host"), INPUTS)


# A line that makes each kind of fault, put where the second layer's kernel begins.
FAULTS = {
    "bad memory access": "*(volatile int32_t *)0xA0000000u = *(volatile int32_t *)0x90000000u;",
    "exception": '__asm__ volatile("udf #1");',
    "stack overflow": "volatile uint8_t big[3000]; for (int i = 0; i < 3000; i++) { big[i] = 1; }",
}


@pytest.mark.parametrize("what", [*FAULTS, "runaway"])
@pytest.mark.slow  # compiles C
def test_a_fault_names_address_function_and_layer(
    what: str, checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernel that goes wrong at the network's second layer is reported with that layer's name."""
    board = load_board("frdm-ke16z")
    bundle = _bundle(checkout, tmp_path / "bundle", board)
    layer = layer_calls(bundle, "mnist")[1]
    monkeypatch.setattr("tinyglow.pipeline.execute.MAX_INSTRUCTIONS", 2_000_000)
    source = next(path for path in bundle.glob("tg_*.c") if path.stem == layer.function)
    text = source.read_text(encoding="utf-8")
    body = FAULTS.get(what, "for (volatile int i = 0; i >= 0;) { i = 1; }")
    opening = re.search(rf"\n[^\n;]*{layer.function}\([^;{{]*\{{\n", text)
    assert opening
    source.write_text(text[: opening.end()] + body + "\n" + text[opening.end() :], encoding="utf-8")
    with pytest.raises(SimulationError) as caught:
        simulate(bundle, board, INPUTS, options=Options(trusted=True))  # a file of it was changed
    found = str(caught.value)
    assert found.startswith(f"tg_infer on frdm-ke16z: {what}")
    assert layer.function in found.splitlines()[1]
    assert re.search(r"pc 0x[0-9a-f]{8}", found)
    assert f"layer: {layer.origin}, computed by {layer.function}: call 2 of" in found


def test_a_bundle_without_that_source_has_no_names(tmp_path: Path) -> None:
    """No file, or one that speaks of nothing, gives no layers."""
    assert layer_calls(tmp_path, "mnist") == ()
    (tmp_path / "mnist.c").write_text("int mnist(void) { return 0; }\n", encoding="utf-8")
    assert layer_calls(tmp_path, "mnist") == ()


def test_a_share_counts_waiting() -> None:
    """``total`` is what the time is made of."""
    assert Share("x", 3, 4, 2).total == 7
    assert [field.name for field in fields(Share)] == ["name", "cycles", "waits", "instructions"]
