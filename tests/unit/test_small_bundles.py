"""Bundles made with --optimize=size: entropy-coded weights, kernels that layers share, and code compiled for size."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

import tinyglow
from tests.benchmarks.table import GLOW
from tests.helpers import Net, conv_net, nets, run_cli
from tinyglow import resources
from tinyglow.bundle.header import bundle_info
from tinyglow.bundle.kernel_source import kernel_source
from tinyglow.errors import ToolError
from tinyglow.ir.c_struct import struct_bytes
from tinyglow.ir.graph import Graph
from tinyglow.ir.kernel import Kernel
from tinyglow.ir.program import Program, Region
from tinyglow.ir.target import Optimize, Target, Variant, choose_for, smallest_kernels
from tinyglow.kernels.convolution.conv2d import CONV2D
from tinyglow.kernels.convolution.conv2d_packed import CONV2D_PACKED, PackedConvParams
from tinyglow.kernels.fully_connected.fully_connected import FULLY_CONNECTED
from tinyglow.kernels.fully_connected.fully_connected_packed import FULLY_CONNECTED_PACKED
from tinyglow.lowering.traffic import call_traffic
from tinyglow.pipeline.budget import lower_within
from tinyglow.pipeline.built import bundle_sizes
from tinyglow.pipeline.fit import sample_inputs
from tinyglow.quant.scheme import Scheme
from tinyglow.registry import KERNELS
from tinyglow.sim.toolchain import Compiler, find_compiler
from tinyglow.targets.boards import HOST, Board, load_board
from tinyglow.testing import budget

M0 = "cortex-m0plus"
SIZE = Target(M0, Optimize.SIZE)
UNPACKED = replace(SIZE, pack_weights=False)
MODELS = Path(__file__).parents[1] / "models"
# Those that get a quarter below the flash of Glow's own bundles for the Cortex-M0+: code, constants and weights.
SMALL = ("kws_dscnn", "cifar10", "autoencoder", "mobilenet_block")


def _zig(board: Board) -> Compiler:
    try:
        return find_compiler("zig", board)
    except ToolError as error:
        pytest.skip(f"zig, for which the figures are, is not installed: {error.problems[0].found}")


def _flash(program: Program, board: Board) -> int:
    with tempfile.TemporaryDirectory() as folder:
        tinyglow.emit(program, Path(folder) / "bundle")
        return bundle_sizes(Path(folder) / "bundle", bundle_info(program), board, _zig(board), Path(folder)).flash


def _quantized(model: str) -> Graph:
    graph = tinyglow.load(MODELS / f"{model}.onnx")
    return tinyglow.quantize(graph, tinyglow.load_profile(MODELS / f"{model}.profile.yaml"))


@pytest.fixture(scope="module")
def kws() -> Graph:
    """A depthwise separable network."""
    return _quantized("kws_dscnn")


@pytest.mark.slow
@pytest.mark.parametrize("model", SMALL)
def test_bundles_are_a_quarter_smaller_than_glows(model: str) -> None:
    """Linked for the Cortex-M0+, with Glow's profile; the answers are those of the program made for speed."""
    quantized = _quantized(model)
    small = tinyglow.lower(quantized, target=SIZE)
    glow = json.loads(GLOW.read_text(encoding="utf-8"))[model]["m0plus"]["flash"]
    assert 4 * _flash(small, load_board(M0)) <= 3 * glow
    inputs = sample_inputs(small)
    fast = tinyglow.interpret(tinyglow.lower(quantized, target=Target(M0)), inputs)
    for name, answers in tinyglow.interpret(small, inputs).items():
        assert np.array_equal(answers, fast[name])


@pytest.mark.slow
@pytest.mark.parametrize("core", [M0, "cortex-m7"])
def test_packing_pays(kws: Graph, core: str) -> None:
    """On each core the bundle with packed weights is smaller than the one without, and that than one for speed."""
    board = load_board(core)
    targets = (replace(SIZE, core=core), replace(UNPACKED, core=core), Target(core))
    packed, plain, fast = (_flash(tinyglow.lower(kws, target=target), board) for target in targets)
    assert packed < plain < fast


@pytest.mark.slow  # compiles C
def test_c_of_packed_layers_computes_the_same(kws: Graph, tmp_path: Path) -> None:
    """On this machine the bundle answers as numpy does by the plain kernels."""
    program = tinyglow.lower(kws, target=SIZE)
    inputs = sample_inputs(program)
    tinyglow.emit(program, tmp_path)
    expected = tinyglow.interpret(tinyglow.lower(kws), inputs)
    for name, answers in tinyglow.simulate(tmp_path, HOST, inputs).outputs.items():
        assert np.array_equal(answers, expected[name])


def test_a_scale_for_each_channel_is_packed_too() -> None:
    """Channelwise convolutions have their scales in the stream, and the network answers as with plain kernels."""
    graph = tinyglow.load(MODELS / "mobilenet_block.onnx")
    profile = tinyglow.load_profile(MODELS / "mobilenet_block.profile.yaml")
    quantized = tinyglow.quantize(graph, profile, Scheme(channelwise=True))
    program = tinyglow.lower(quantized, target=SIZE)
    layers = [call.params for call in program.calls if isinstance(call.params, PackedConvParams)]
    assert len(layers) == 8 and sum(params.word_bits > 0 for params in layers) == 7  # one is fully connected
    inputs = sample_inputs(program)
    plain = tinyglow.interpret(tinyglow.lower(quantized), inputs)
    for name, answers in tinyglow.interpret(program, inputs).items():
        assert np.array_equal(answers, plain[name])


def _estimate(program: Program) -> int:
    """Bytes of constants, parameters and kernels, as far as these have a known size."""
    kernels = {call.kernel.symbol: call.kernel.code_bytes for call in program.calls}
    structs = sum(struct_bytes(call.kernel) for call in program.calls)
    return program.sizes[Region.CONSTANT] + structs + sum(kernels.values())


@budget(15, full=1_000)
@given(net=nets())
def test_packing_never_takes_more(net: Net) -> None:
    """Of a random network: by the sizes that kernels declare, and within the alignment of the constants."""
    with tempfile.TemporaryDirectory() as folder:
        graph = tinyglow.load(net.save(Path(folder)), "net", dict(net.define))
    quantized = tinyglow.quantize(graph, tinyglow.profile(graph, net.samples(8)))
    packed, plain = (tinyglow.lower(quantized, target=target) for target in (SIZE, UNPACKED))
    assert _estimate(packed) <= _estimate(plain) + 6 * len(packed.calls)


def _variant(kernel: Kernel, constants: int, scratch: int = 0) -> Variant:
    return Variant(kernel.symbol, 0, constants - struct_bytes(kernel), lambda: None, 0, scratch, (kernel,))


def test_nodes_share_the_code_of_kernels() -> None:
    """A kernel is taken when what it saves all nodes together is worth its code, and no second one for a few bytes."""
    worth = CONV2D.code_bytes + FULLY_CONNECTED.code_bytes - CONV2D_PACKED.code_bytes
    conv = [_variant(CONV2D, 5000), _variant(CONV2D_PACKED, 5000)]
    dense = [_variant(FULLY_CONNECTED, 5000), _variant(CONV2D_PACKED, 5000), _variant(FULLY_CONNECTED_PACKED, 4990)]
    assert smallest_kernels(SIZE, [conv, dense, dense]) == {CONV2D_PACKED.symbol}
    worse = [_variant(CONV2D, 5000), _variant(CONV2D_PACKED, 5001 + worth)]
    assert smallest_kernels(SIZE, [worse, dense[:2]]) == {CONV2D.symbol, FULLY_CONNECTED.symbol}
    many = [dense] * (FULLY_CONNECTED_PACKED.code_bytes // 10 + 1)
    assert smallest_kernels(SIZE, [conv, *many]) == {CONV2D_PACKED.symbol, FULLY_CONNECTED_PACKED.symbol}
    choose = choose_for(SIZE, [conv, dense])
    assert [choose(node).name for node in (conv, dense)] == [CONV2D_PACKED.symbol] * 2


def test_budgets_pack_weights_where_nothing_faster_fits(checkout: Path) -> None:
    """NXP's network in 4,100 bytes has plain weights and small code, in 3,200 packed weights too."""
    graph = tinyglow.load(checkout / "examples/mnist/mnist_nxp.onnx", "mnist", {"N": 1})
    profile = tinyglow.load_profile(checkout / "tests/golden/mnist_nxp/profile.yaml")
    quantized, board = tinyglow.quantize(graph, profile), load_board(M0)
    _zig(board)
    for most, packed in ((4_100, False), (3_200, True)):
        program = lower_within(quantized, board, Target(M0), max_flash=most, compiler="zig")
        assert program.compact
        assert any(call.kernel is CONV2D_PACKED for call in program.calls) is packed


def test_packed_weights_are_read_once(kws: Graph) -> None:
    """Their traffic is their size; that of the filter that is laid out and of the input, the products'."""
    program = tinyglow.lower(kws, target=SIZE)
    for call in program.calls:
        if call.kernel is CONV2D_PACKED:
            source, packed, result = call.operands
            traffic = call_traffic(program, call)
            assert traffic[packed] == program.buffers[packed].type.nbytes
            assert traffic[result] == program.buffers[result].type.nbytes
            laid_out = vars(call.params)["out_c"] * program.buffers[call.scratch].type.nbytes
            assert traffic[call.scratch] == 2 * traffic[source] + laid_out


def test_working_memory_is_limited_where_a_budget_says_so() -> None:
    """A kernel that needs more scratch memory than there may be is not taken, however small it is."""
    offers = [[_variant(CONV2D, 5000), _variant(CONV2D_PACKED, 100, scratch=64)]]
    assert choose_for(SIZE, offers)(offers[0]).name == CONV2D_PACKED.symbol
    assert choose_for(replace(SIZE, scratch_limit=63), offers)(offers[0]).name == CONV2D.symbol


def test_no_other_goal_packs_or_shrinks(tmp_path: Path) -> None:
    """For speed, balanced, and without a core no weights are packed, and no file asks for small code."""
    net = conv_net()
    graph = tinyglow.load(net.save(tmp_path))
    quantized = tinyglow.quantize(graph, tinyglow.profile(graph, net.samples(8)))
    for target in (Target(), Target(M0), Target(M0, Optimize.BALANCED), Target("cortex-m7", Optimize.BALANCED)):
        files = tinyglow.emit(tinyglow.lower(quantized, target=target), tmp_path / "bundle")
        assert not [name for name, text in files.items() if "packed" in name or b"tg_small_begin" in text]
    files = tinyglow.emit(tinyglow.lower(quantized, target=SIZE), tmp_path / "bundle")
    sources = [name for name in files if name.endswith(".c")]
    assert all(b'*/\n#include "tg_small_begin.h"\n' in files[name] for name in sources)
    assert "tg_conv2d_packed_s8.c" in sources


@pytest.mark.parametrize("symbol", sorted(name for name, kernel in KERNELS.items() if kernel.code_bytes))
def test_declared_sizes_of_code_are_near_the_real_ones(symbol: str, tmp_path: Path) -> None:
    """What a kernel says of its code is what zig makes of it for the Cortex-M0+, compiled for size, to 10 %."""
    from tinyglow.sim.image import load_image

    kernel, board = KERNELS[symbol], load_board(M0)
    source = tmp_path / f"{symbol}.c"
    text = kernel_source(kernel)
    source.write_text(f'#include "tg_small_begin.h"\n{text}\n#include "tg_small_end.h"\n', encoding="utf-8")
    include = [resources.RUNTIME / "include"]
    elf = _zig(board).link_bundle([source], symbol, board, tmp_path / "kernel.elf", include_dirs=include)
    assert load_image(elf).sizes.text == pytest.approx(kernel.code_bytes, rel=0.1)


@pytest.mark.slow
def test_compile_says_what_packing_saves(tmp_path: Path) -> None:
    """The bytes of weights and biases before and after, and of how many layers."""
    model = [MODELS / "kws_dscnn.onnx", "--profile", MODELS / "kws_dscnn.profile.yaml", "--board", M0]
    small = run_cli("compile", *model, "--optimize", "size", "-o", tmp_path / "small")
    assert "weights and biases of 8 layers are entropy-coded: 19,184 bytes in 15," in small.out
    assert "entropy" not in run_cli("compile", *model, "-o", tmp_path / "fast").out
