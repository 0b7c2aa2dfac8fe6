"""Where a bundle's memory lies: constants in flash or in RAM, hot buffers in TCM; the answers are the same."""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.helpers import MNIST_INPUT, NetBuilder, Place, dense_net, example_program, run_cli
from tests.unit.bundle.cc import WARNINGS, command_of, run, sources_in, vectors_for
from tinyglow.bundle.harness import Harness, write_harness
from tinyglow.bundle.header import read_bundle
from tinyglow.errors import BoardError, InputError
from tinyglow.ir.program import Program, Region
from tinyglow.lowering.plan import plan
from tinyglow.lowering.tcm import use_tcm
from tinyglow.pipeline.execute import open_target
from tinyglow.pipeline.execution import Options
from tinyglow.pipeline.stations import target_of
from tinyglow.quant.profile import load_profile
from tinyglow.sim.toolchain import find_compiler
from tinyglow.targets.boards import Board, Memory, load_board


@pytest.fixture(scope="module")
def hot(programs: dict[str, Program]) -> Program:
    """AN13438's network with 400 bytes of fast memory: room for some of the buffers."""
    program = plan(use_tcm(programs["mnist"], 400))
    assert 0 < program.sizes[Region.TCM] <= 400 and program.sizes[Region.ACTIVATION] > 0
    return program


@pytest.fixture
def ocram(tmp_path: Path, checkout: Path) -> Board:
    """The MIMXRT1060-EVK with its variables in the OCRAM: then the DTCM is free for the bundle."""
    text = (checkout / "boards/mimxrt1060-evk.toml").read_text(encoding="utf-8")
    path = tmp_path / "ocram.toml"
    path.write_text(text.replace('data_memory = "dtcm"', 'data_memory = "ocram"'), encoding="utf-8")
    return load_board(path)


# TCM


@pytest.mark.parametrize("board_name", ["host", "frdm-ke16z", "mimxrt1060-evk", "ocram"])
def test_hot_buffers_change_no_answer(hot: Program, board_name: str, ocram: Board) -> None:
    """With buffers in fast memory C answers as numpy, on boards that have one, that have none, and on this machine."""
    board = ocram if board_name == "ocram" else load_board(board_name)
    if not board.is_host:
        pytest.importorskip("unicorn")
    vectors = vectors_for(hot)[:4]
    for result in tinyglow.verify(hot, board, {MNIST_INPUT: vectors}):
        assert result.equal and result.vectors == 4


@pytest.mark.parametrize("board_name", ["frdm-ke16z", "mimxrt1060-evk"])
@pytest.mark.slow  # compiles C
def test_working_memory_may_be_fast_too(board_name: str, checkout: Path) -> None:
    """Kernels chosen for a core, with their working memory in TCM, answer as without; the board needs no more RAM."""
    pytest.importorskip("unicorn")
    board = load_board(board_name)
    graph = tinyglow.load(checkout / "examples/mnist/mnist_nxp.onnx", "mnist", {"N": 1})
    quantized = tinyglow.quantize(graph, load_profile(checkout / "tests/golden/mnist_nxp/profile.yaml"))
    plain, hot = (tinyglow.lower(quantized, target=target_of(board), tcm_bytes=size) for size in (0, 350))
    fast = {name for name, buffer in hot.buffers.items() if buffer.region is Region.TCM}
    assert fast & {call.scratch for call in hot.calls}
    vectors = vectors_for(plain)[:6]
    expected = tinyglow.interpret(plain, {MNIST_INPUT: vectors})
    for name, array in tinyglow.interpret(hot, {MNIST_INPUT: vectors}).items():
        np.testing.assert_array_equal(array, expected[name])
    for result in tinyglow.verify(hot, board, {MNIST_INPUT: vectors}):
        assert result.equal


def test_fast_memory_saves_waits(checkout: Path) -> None:
    """Where RAM has wait states and TCM has none, each step in its size saves waiting; the core's cycles stay."""
    pytest.importorskip("unicorn")
    board = load_board("frdm-ke16z")
    slow = replace(board.data, wait_states=3)
    tcm = Memory("dtcm", 0x2000_8000, 320, "tcm", 0)  # too small for all activations, or the placeholders
    board = replace(board, memories=(board.code, slow, tcm))
    graph = tinyglow.load(checkout / "examples/mnist/mnist_nxp.onnx", "mnist", {"N": 1})
    quantized = tinyglow.quantize(graph, load_profile(checkout / "tests/golden/mnist_nxp/profile.yaml"))
    waits, cycles = [], set()
    for size in (0, 80, 300):
        program = tinyglow.lower(quantized, target=target_of(board), tcm_bytes=size)
        with tempfile.TemporaryDirectory() as folder:
            tinyglow.emit(program, folder, board)
            vectors = {MNIST_INPUT: vectors_for(program)[5:6]}
            run_ = tinyglow.simulate(folder, board, vectors, options=Options(timed=True))
        waits.append(run_.waits or 0)
        cycles.add(run_.most("cycles"))
    assert waits == sorted(waits, reverse=True) and len(set(waits)) == 3, waits
    most, least = max(cycles), min(cycles)
    assert most <= least * 1.01


def test_compile_lists_what_is_in_fast_memory(tmp_path: Path, checkout: Path) -> None:
    """The report names the hot buffers, hottest first, and the share of all traffic that stays outside."""
    model, profile = checkout / "examples/mnist/mnist_nxp.onnx", checkout / "tests/golden/mnist_nxp/profile.yaml"
    answer = run_cli(
        *("compile", model, "--define", "N=1", "--profile", profile, "--board", "frdm-ke16z"),
        *("--name", "mnist", "-o", tmp_path / "bundle", "--tcm-size", 250),
    )
    assert answer.status == 0, answer
    listed = answer.out[answer.out.index("in tcm") : answer.out.index("(all others)")]
    numbers = [int(number.replace(",", "")) for number in re.findall(r"([\d,]+) +[\d.]+%", listed)]
    assert len(numbers) > 2 and numbers == sorted(numbers, reverse=True)
    info = read_bundle(tmp_path / "bundle")
    assert 0 < info.tcm <= 250 and f"tcm {info.tcm} " in " ".join(answer.out.split())


def test_verify_finds_a_fault_in_a_buffer_in_tcm(hot: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that computes something else is named, though its result is in the fast memory."""
    from tinyglow.pipeline import compare

    original = compare.bundle_files

    def spoilt(*arguments: object, **options: object) -> dict[str, bytes]:
        files = original(*arguments, **options)
        name, old = "tg_max_pool_s8.c", b"((x) > (largest))"
        assert old in files[name], "the kernel has changed: choose another fault"
        return {**files, name: files[name].replace(old, b"((x) < (largest))")}

    monkeypatch.setattr(compare, "bundle_files", spoilt)
    first = next(call.origin for call in hot.calls if call.kernel.symbol == "tg_max_pool_s8")
    assert hot.buffers[next(c for c in hot.calls if c.origin == first).operands[-1]].region is Region.TCM
    (result,) = tinyglow.verify(hot, load_board("host"), {MNIST_INPUT: vectors_for(hot)[5:7]})
    assert not result.equal and result.first_layer == first


def test_the_fast_memory_is_where_the_board_has_it(hot: Program, ocram: Board, tmp_path: Path) -> None:
    """On a board whose variables are elsewhere the area lies in the DTCM; where they are in a TCM it is beside them."""
    pytest.importorskip("elftools")
    from tinyglow.sim.image import load_image

    tinyglow.emit(hot, tmp_path / "bundle")
    assert read_bundle(tmp_path / "bundle").tcm == hot.sizes[Region.TCM]
    for board, memory in ((ocram, "dtcm"), (load_board("mimxrt1060-evk"), "dtcm"), (load_board("frdm-ke16z"), "ram")):
        harness = write_harness(tmp_path / "harness", "mnist", board)
        sources = [*(tmp_path / "bundle").glob("*.c"), *harness.sources]
        elf = find_compiler("zig", board).compile_firmware(
            sources, [tmp_path / "bundle"], harness.linker_script, board, tmp_path / "f.elf"
        )
        image = load_image(elf)
        at, arena = (image.symbol(name).address for name in (Harness.tcm, Harness.activations))
        assert board.memory(memory).start <= at < board.memory(memory).end
        assert board.data.start <= arena < board.data.end


def test_execution_counts_the_fast_memory_as_ram(hot: Program, tmp_path: Path) -> None:
    """What an activation saves in the arena it takes in TCM, and both are RAM; the pointer is a variable."""
    pytest.importorskip("unicorn")
    tinyglow.emit(hot, tmp_path)
    sizes = tinyglow.simulate(tmp_path, load_board("frdm-ke16z"), {MNIST_INPUT: vectors_for(hot)[:1]}).sizes
    assert sizes is not None
    assert (sizes.tcm, sizes.activations) == (hot.sizes[Region.TCM], hot.sizes[Region.ACTIVATION])
    assert sizes.ram == sizes.mutable + sizes.activations + sizes.tcm + sizes.variables


TCM_MAIN = """
#include <stdio.h>
#include <stdlib.h>
#include "mnist.h"

GLOW_MEM_ALIGN(MNIST_MEM_ALIGN) static uint8_t constants[MNIST_CONSTANT_MEM_SIZE] = {
#include "mnist.weights.txt"
};
uint8_t *glow_tcm_addr;

int main(void) {
  uint8_t *placeholders = (uint8_t *)malloc(MNIST_MUTABLE_MEM_SIZE);
  uint8_t *arena = (uint8_t *)malloc(MNIST_ACTIVATIONS_MEM_SIZE);
  if (mnist(constants, placeholders, arena) == GLOW_SUCCESS) {
    return 1;
  }
  glow_tcm_addr = (uint8_t *)malloc(MNIST_TCM_MEM_SIZE);
  while (fread(GLOW_GET_ADDR(placeholders, MNIST_max_pooling_1_input), 1, 784, stdin) == 784) {
    if (mnist(constants, placeholders, arena) != GLOW_SUCCESS) {
      return 1;
    }
    fwrite(GLOW_GET_ADDR(placeholders, MNIST_dense_2), 1, 10, stdout);
  }
  return 0;
}
"""


@pytest.mark.parametrize("cpp", [False, True], ids=["c", "cpp"])
def test_an_application_lends_its_fast_memory(hot: Program, cpp: bool, tmp_path: Path) -> None:
    """glow_tcm_addr is all it takes, and not to be forgotten; sanitizers find the promised bytes to be enough."""
    tinyglow.emit(hot, tmp_path / "bundle")
    source = tmp_path / ("main.cpp" if cpp else "main.c")
    source.write_text(TCM_MAIN, encoding="utf-8")
    flags = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O1"]
    (tmp_path / "probe.c").write_text("int main(void) { return 0; }\n", encoding="utf-8")
    probe = [*command_of("gcc"), *flags, "probe.c", "-o", "probe"]
    if subprocess.run(probe, cwd=tmp_path, capture_output=True, check=False).returncode:
        flags = []
    run([*command_of("gcc"), *WARNINGS, *flags, "-c", *sources_in(tmp_path / "bundle")], tmp_path)
    objects = [path.name for path in tmp_path.glob("*.o")]
    compiler = command_of("g++" if cpp else "gcc")
    run([*compiler, "-Wall", "-Wextra", *flags, "-I", tmp_path / "bundle", source, *objects, "-o", "program"], tmp_path)
    vectors = vectors_for(hot)
    (expected,) = tinyglow.interpret(hot, {MNIST_INPUT: vectors}).values()
    output = run([tmp_path / "program"], tmp_path, vectors.tobytes())
    np.testing.assert_array_equal(np.frombuffer(output, np.int8).reshape(expected.shape), expected)


def test_without_the_option_nothing_asks_for_fast_memory(bundles: dict[str, Path]) -> None:
    """No file of an ordinary bundle mentions it: applications for Glow need not define anything."""
    for folder in bundles.values():
        for path in folder.iterdir():
            assert b"tcm" not in path.read_bytes().lower(), path.name


def test_more_than_the_board_has_does_not_fit(programs: dict[str, Program], ocram: Board, tmp_path: Path) -> None:
    """Hot buffers larger than the board's TCM, or than the RAM they lie in, are refused before anything is made."""
    program = programs["mnist"]
    for board, where in ((ocram, "memory dtcm: the hot buffers take"), (load_board("frdm-ke16z"), "memory ram: act")):
        greedy = replace(program, sizes={**program.sizes, Region.TCM: 10**6})
        with pytest.raises(BoardError, match=where):
            tinyglow.emit(greedy, tmp_path / "bundle", board)
        assert not (tmp_path / "bundle").exists()


# Constants


@pytest.mark.parametrize("board_name", ["frdm-ke16z", "mimxrt1060-evk"])
def test_constants_in_ram_are_there_when_main_starts(
    board_name: str, programs: dict[str, Program], tmp_path: Path
) -> None:
    """With --weights ram start-up code has copied them; flash still holds them, RAM does too, and answers stay."""
    pytest.importorskip("unicorn")
    program, board, answers = programs["mnist"], load_board(board_name), {}
    for place in ("flash", "ram"):
        tinyglow.emit(program, tmp_path / place, board, weights=place)
        info = read_bundle(tmp_path / place)
        assert info.weights_in_ram == (place == "ram")
        with open_target(tmp_path / place, info, board, "zig") as target:
            machine = target._machine
            at = machine.address_of(Harness.constant_weight)
            memory = board.data if place == "ram" else board.code
            assert memory.start <= at < memory.end
            assert machine.read(at, info.constant) == (tmp_path / place / "mnist.weights.bin").read_bytes()
        answers[place] = tinyglow.simulate(tmp_path / place, board, {MNIST_INPUT: vectors_for(program)[:2]}, "zig")
    flash, ram = (answers[place].sizes for place in ("flash", "ram"))
    assert flash is not None and ram is not None
    assert ram.flash == flash.flash and ram.ram == flash.ram + info.constant
    cycles = {place: answers[place].most("cycles") for place in answers}
    assert cycles["ram"] is not None and cycles["flash"] is not None and cycles["ram"] <= cycles["flash"]
    for name, array in answers["flash"].outputs.items():
        np.testing.assert_array_equal(array, answers["ram"].outputs[name])


def test_constants_in_ram_must_fit_it(programs: dict[str, Program], tmp_path: Path) -> None:
    """Weights that flash could hold are refused where RAM cannot, before anything is written."""
    board = load_board("frdm-ke16z")
    program = replace(programs["mnist"], sizes={**programs["mnist"].sizes, Region.CONSTANT: 10_000})
    with pytest.raises(BoardError, match=r"placeholders, weights and stack take"):
        tinyglow.emit(program, tmp_path / "bundle", board, weights="ram")
    assert not (tmp_path / "bundle").exists()


# On the command line


def test_every_option_of_compile_does_what_it_says(tmp_path: Path) -> None:
    """Files, header and report follow the options; the next bundle, without them, leaves none of them there."""
    place, folder = Place(tmp_path), tmp_path
    dense_net().save(folder, "dense.onnx")
    np.save(folder / "x.npy", dense_net().samples(4)["x"])
    run_cli("profile", folder / "dense.onnx", "--input", f"x={folder / 'x.npy'}", "-o", folder / "profile.yaml")
    options = ["--bundle-api", "dynamic", "--bundle-api-verbose", "--weights", "ram", "--weights-asm", "--bundle-utils"]
    arguments = place.compile(board="frdm-ke16z", output=folder / "new")
    answer = run_cli(*arguments, *options, "--object", "--tcm-size", "1000")
    assert answer.status == 0, answer
    assert "dense.weights.S" in answer.out and "in tcm" not in answer.out  # its one call needs no activations
    names = {path.name for path in (folder / "new").iterdir()}
    extras = {"dense_config.c", "dense.weights.S", "dense.o", "glow_bundle_utils.c", "glow_bundle_utils.h"}
    assert extras <= names
    text = (folder / "new/dense.h").read_text(encoding="utf-8")
    assert re.search(r"^// Constants:\n//\n//   Name: ", text, re.MULTILINE)
    assert "extern BundleConfig dense_config;" in text and "#define DENSE_CONSTANT_MEM_TYPE  uint8_t" in text
    assert run_cli(*arguments).status == 0
    left = {path.name for path in (folder / "new").iterdir()} & extras
    assert left == set()
    place.refuses(*place.compile(), "--tcm-size", "-4", because="tcm size: is -4")
    place.refuses(*place.compile(), "--bundle-api", "static_", because="--bundle-api")


def test_a_bundle_with_host_helpers_still_runs_on_boards(programs: dict[str, Program], tmp_path: Path) -> None:
    """glow_bundle_utils.c needs a libc: it is left out of firmware, and of the library for this machine."""
    pytest.importorskip("unicorn")
    tinyglow.emit(programs["dense"], tmp_path, utils=True, api="dynamic")
    inputs = {"x": np.zeros((1, 1, 8), np.float32)}
    for board in ("frdm-ke16z", "host"):
        assert len(tinyglow.simulate(tmp_path, load_board(board), inputs).outputs) == 1


# Names


def test_names_that_hide_the_interface_are_refused(tmp_path: Path) -> None:
    """A placeholder 'config' of a network in capitals would hide the dynamic API's variable: an error with a cure."""
    build = NetBuilder()
    outputs = [build.node("Gemm", name, build.weights(3, 2), output=f"{name}_out") for name in ("config", "weights")]
    net = build.build({"config": (1, 3), "weights": (1, 3)}, outputs)
    for name, wrong in (("NET", True), ("net", False), ("Net", False)):
        graph = tinyglow.load(net.save(tmp_path), name)
        program = tinyglow.lower(tinyglow.quantize(graph, tinyglow.profile(graph, net.samples(4))))
        tinyglow.emit(program, tmp_path / f"static_{name}")
        if not wrong:
            tinyglow.emit(program, tmp_path / name, api="dynamic", weights_asm=True)
            run([*command_of("zig cc"), *WARNINGS, "-c", f"{name}_config.c", "-o", "../x.o"], tmp_path / name)
            continue
        with pytest.raises(InputError) as caught:
            tinyglow.emit(program, tmp_path / name, api="dynamic", weights_asm=True)
        assert [problem.where for problem in caught.value.problems] == ["placeholder config", "placeholder weights"]
        assert "lower-case" in str(caught.value)


def test_a_model_cannot_name_its_way_into_the_header(tmp_path: Path) -> None:
    """Placeholders and constants with names of macros, comments and line breaks give headers that say the truth."""
    names = ["TCM_MEM_SIZE", "CONSTANT_MEM_TYPE", "x\n#error", '"; int y', "*/ int z; /*", "\\"]
    build = NetBuilder()
    outputs = []
    for index, name in enumerate(names):
        weights = build.constant(build.rng.standard_normal((3, 2)), f"{name} weights\n#error \\")
        outputs.append(build.node("Gemm", name, weights, output=f"{name} {index}"))
    net = build.build(dict.fromkeys(names, (1, 3)), outputs)
    graph = tinyglow.load(net.save(tmp_path), "net")
    program = tinyglow.lower(tinyglow.quantize(graph, tinyglow.profile(graph, net.samples(4))))
    tinyglow.emit(program, tmp_path / "b", api="dynamic", verbose=True, weights_asm=True)
    text = (tmp_path / "b/net.h").read_text(encoding="utf-8")
    assert "#error" not in text and text.count("#define NET_CONSTANT_MEM_TYPE ") == 1
    assert read_bundle(tmp_path / "b").tcm == 0
    for file in ("net.c", "net_config.c", "net.weights.S"):
        warnings = [] if file.endswith("S") else WARNINGS
        run([*command_of("zig cc"), *warnings, "-c", file, "-o", "../x.o"], tmp_path / "b")


def test_the_example_with_transposes_runs_from_tcm(tmp_path: Path) -> None:
    """The network with float placeholders, whose buffers are of several types, is exact in fast memory too."""
    program = example_program("conv", tmp_path, float_io=True)
    for capacity in (100, 1000, 10**6):
        hot = plan(use_tcm(program, capacity))
        name = program.inputs[0]
        (result,) = tinyglow.verify(hot, load_board("host"), {name: vectors_for(program)[8:]})
        assert result.equal
