"""What must hold of each worked example of CONTRIBUTING.md.

``python -m tests.worked_examples.check NAME`` runs in a copy of the checkout, with the example applied.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

import tinyglow
from tests.helpers import Net, NetBuilder
from tinyglow import resources
from tinyglow.bundle.kernel_header import main as write_kernel_header
from tinyglow.ir.graph import Graph
from tinyglow.kernels.convolution.conv2d import CONV2D
from tinyglow.kernels.convolution.conv2d_dual_mac import CONV2D_CHANNELWISE_DUAL_MAC
from tinyglow.kernels.fully_connected.fully_connected import FULLY_CONNECTED
from tinyglow.numerics.epilogues import EPILOGUES
from tinyglow.registry import KERNELS, WITH_EPILOGUES
from tinyglow.targets.boards import Board
from tinyglow.testing import covered_kernels, fixed_cases
from tinyglow.testing.native import build_library


def _parity(symbol: str, folder: Path) -> None:
    """The kernel's C computes what its numpy definition says, on cases of its generator; no other kernel is built."""
    root = folder / "runtime_c"
    shutil.copytree(resources.RUNTIME / "include", root / "include")
    source = root / "src" / KERNELS[symbol].origin.c_file
    source.parent.mkdir(parents=True)
    shutil.copy(resources.RUNTIME / "src" / KERNELS[symbol].origin.c_file, source)
    library = build_library(folder, root=root)
    for case in fixed_cases(symbol, 100):
        library.run(case)
        if case.aliases or case.overlap is not None:
            library.run(case, in_place=True)


def _loaded(net: Net, folder: Path) -> tuple[Graph, dict[str, np.ndarray]]:
    """The float graph of a network, and samples."""
    return tinyglow.load(net.save(folder), "net"), {"x": net.samples(4)["x"] * np.float32(3)}


def _agrees(program: tinyglow.Program, board: Board, inputs: dict[str, np.ndarray]) -> None:
    """numpy, C on this machine and C on the board, bit for bit."""
    compared = tinyglow.verify(program, board, inputs)
    assert len(compared) == 2 and all(one.equal for one in compared), compared


def operator(folder: Path) -> None:
    """Celu computes what onnx says, to 1e-6 in float and to 2 % of the range in int8; C agrees on a board."""
    _parity("tg_celu_f32", folder)
    build = NetBuilder()
    build.node("Celu", "x", name="celu", alpha=0.7, output="y")
    net = build.build({"x": (1, 40)}, ["y"])
    graph, inputs = _loaded(net, folder)
    expected = net.reference(inputs)["y"].ravel()
    in_float = tinyglow.lower(graph)
    assert [call.kernel.symbol for call in in_float.calls] == ["tg_celu_f32"]
    assert np.abs(tinyglow.interpret(in_float, inputs)["y"].ravel() - expected).max() < 1e-6
    in_int8 = tinyglow.lower(tinyglow.quantize(graph, tinyglow.profile(graph, inputs), float_io=True))
    assert "tg_lookup_s8" in [call.kernel.symbol for call in in_int8.calls]
    assert np.abs(tinyglow.interpret(in_int8, inputs)["y"].ravel() - expected).max() < 0.02 * np.ptp(expected)
    _agrees(in_float, tinyglow.load_board("frdm-ke16z"), inputs)


def kernel(folder: Path) -> None:
    """The new kernel is chosen where it applies, is faster there than the other, and computes the same bits."""
    _parity("tg_max_pool_2x2_dsp_s8", folder)
    build = NetBuilder()
    build.node("MaxPool", "x", name="pool", kernel_shape=[2, 2], strides=[2, 2], output="y")
    graph, inputs = _loaded(build.build({"x": (1, 8, 6, 6)}, ["y"]), folder)
    quantized = tinyglow.quantize(graph, tinyglow.profile(graph, inputs))
    board = tinyglow.load_board("cortex-m4")
    measured = {one.name: one for one in tinyglow.variants(quantized, board, measured=True)}
    new = measured["tg_max_pool_2x2_dsp_s8"]
    assert new.chosen and new.measured is not None
    assert new.measured < 0.6 * (measured["tg_max_pool_2x2_s8"].measured or 0)
    assert abs(new.cycles / new.measured - 1) < 0.3
    _agrees(tinyglow.lower(quantized, target=tinyglow.target_of(board)), board, inputs)
    on_m0 = tinyglow.variants(quantized, tinyglow.load_board("frdm-ke16z"))
    assert "dsp" not in "".join(one.name for one in on_m0)


def board(folder: Path) -> None:
    """A network runs on the new board, with its wait states."""
    from tinyglow.pipeline.fit import fit

    build = NetBuilder()
    build.node("Gemm", "x", build.weights(8, 4), name="gemm", output="y")
    graph, inputs = _loaded(build.build({"x": (1, 8)}, ["y"]), folder)
    quantized = tinyglow.quantize(graph, tinyglow.profile(graph, inputs))
    in_flash, in_ram = fit(quantized, [tinyglow.load_board("nucleo-f401re")])
    assert in_flash.fits and in_ram.fits
    assert in_flash.waits and in_flash.milliseconds


def core(folder: Path) -> None:
    """A network runs on the new core, with the answers of all others; multiplications make it slower than an M0."""
    build = NetBuilder()
    build.node("Gemm", "x", build.weights(8, 4), name="gemm", output="y")
    graph, inputs = _loaded(build.build({"x": (1, 8)}, ["y"]), folder)
    quantized = tinyglow.quantize(graph, tinyglow.profile(graph, inputs))
    cycles = {}
    for name in ("cortex-m0", "cortex-m1"):
        board = tinyglow.load_board(name)
        program = tinyglow.lower(quantized, target=tinyglow.target_of(board))
        assert all(not call.kernel.needs for call in program.calls)
        _agrees(program, board, inputs)
        cycles[name] = tinyglow.simulate(program, board, inputs).most("cycles") or 0
    assert cycles["cortex-m0"] < cycles["cortex-m1"] < 2 * cycles["cortex-m0"]


def epilogue(folder: Path) -> None:
    """Each loop that takes an epilogue takes the new one: C computes what numpy defines, and rounds as it says."""
    made = [kernel for kernel in WITH_EPILOGUES.values() if kernel.epilogue.name == "q7"]
    assert len(made) == sum(kernel.epilogues for kernel in KERNELS.values())
    q7 = EPILOGUES["q7"]
    assert q7.requantize(np.array([-3, -2, 1, 2, 5], np.int32), q7.constants(0.26, 10)).tolist() == [9, 10, 10, 11, 11]
    some = [kernel for kernel in made if kernel.loop in (CONV2D, CONV2D_CHANNELWISE_DUAL_MAC, FULLY_CONNECTED)]
    root = folder / "runtime_c"
    shutil.copytree(resources.RUNTIME / "include", root / "include")
    for kernel in some:
        source = root / "src" / kernel.origin.c_file
        source.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(resources.RUNTIME / "src" / kernel.origin.c_file, source)
    library = build_library(folder, root=root)
    for kernel in some:
        for case in fixed_cases(kernel, 40):
            library.run(case)


CHECKS: dict[str, Callable[[Path], None]] = {
    "operator": operator,
    "kernel": kernel,
    "board": board,
    "core": core,
    "epilogue": epilogue,
}


def main() -> int:
    """Check one example."""
    (name,) = sys.argv[1:]
    root = Path(__file__).resolve().parents[2]
    assert Path(tinyglow.__file__).resolve().parents[1] == root, "this is not the copy with the example"
    write_kernel_header()
    assert set(covered_kernels()) == set(KERNELS)
    with tempfile.TemporaryDirectory() as folder:
        CHECKS[name](Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
