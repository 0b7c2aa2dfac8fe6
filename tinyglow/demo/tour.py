"""``tinyglow demo``: the network of NXP's application note AN13438, from its ONNX file to two emulated boards."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from tinyglow.demo.walk import CALIBRATION_IMAGES, INPUT, OUTPUT, walk
from tinyglow.errors import InputError, Problem, reason
from tinyglow.ir.graph import Array, Graph
from tinyglow.ir.program import Program, Region
from tinyglow.pipeline.execute import simulate
from tinyglow.pipeline.execution import Execution
from tinyglow.pipeline.stations import allocation_efficiency, emit, interpret, lower, target_of
from tinyglow.quant.profile import Profile, save_profile
from tinyglow.report.console import progress, stdout
from tinyglow.report.tables import memory_map, table
from tinyglow.targets.boards import HOST, Board, load_board

BOARDS = ("frdm-ke16z", "mimxrt1060-evk")


def run_demo(output: Path | None, compiler: str | None) -> int:
    """Print the tour; 0 if all targets agree bit for bit, else 1. ``output`` keeps bundles and profile, if given."""
    network = walk()
    images, labels = network.images, network.labels
    graph, recorded, int8 = network.graph, network.profile, network.quantized
    with ExitStack() as stack:
        folder = output or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tinyglow-demo-")))
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError("cannot keep the results", [Problem(str(folder), reason(error))]) from error
        boards = [load_board(name) for name in BOARDS]
        save_profile(recorded, folder / "profile.yaml")
        program = _make(int8, boards[0], folder)
        expected = interpret(program, {INPUT: images})[OUTPUT]
        _print_stations(graph, recorded, int8, program, folder if output else None)
        runs = [_run(_bundle(folder, boards[0]), HOST, images, compiler)]
        for board in boards:
            _make(int8, board, folder)
            runs.append(_run(_bundle(folder, board), board, images, compiler))
    _print_digits(images, labels, expected)
    _print_boards(runs, labels)
    return _print_verdict(runs, expected)


def _bundle(folder: Path, board: Board) -> Path:
    return folder / f"bundle-{board.name}"


def _make(int8: Graph, board: Board, folder: Path) -> Program:
    """Stations 6 to 9: kernels are chosen for the board's core; all programs compute the same."""
    program = lower(int8, target=target_of(board))
    emit(program, _bundle(folder, board))
    return program


def _run(bundle: Path, board: Board, images: Array, compiler: str | None) -> Execution:
    with progress(f"running on {board.name}", len(images)) as advance:
        return simulate(bundle, board, {INPUT: images}, None if board.is_host else compiler, advance)


def _operators(graph: Graph) -> str:
    kinds = [node.op.kind for node in graph.nodes]
    return ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))


def _print_stations(graph: Graph, recorded: Profile, int8: Graph, program: Program, kept: Path | None) -> None:
    kernels = {call.kernel.symbol for call in program.calls}
    efficient = allocation_efficiency(program)
    sizes = program.sizes
    where = f" in {kept}/bundle-{BOARDS[0]}" if kept else ""
    rows = [
        ("1 read", "examples/mnist/mnist_nxp.onnx, the MNIST network of NXP's application note AN13438"),
        ("2 simplify", f"{len(graph.nodes)} operators left: {_operators(graph)}"),
        ("3 profile", f"ranges of {len(recorded.ranges)} values over {CALIBRATION_IMAGES} drawn digits"),
        ("4 quantize", "int8, asymmetric, int32 bias: Glow's arithmetic"),
        ("5 tidy", f"ReLUs and rescales folded into their neighbours: {_operators(int8)}"),
        ("6 lower", f"{len(program.calls)} calls of {len(kernels)} kernels, chosen for the board's core"),
        (
            "7 plan",
            f"activations share {sizes[Region.ACTIVATION]:,} bytes, {efficient:.0%} of them in use at the fullest step",
        ),
        ("8 emit", f"C bundle{where}: {sizes[Region.CONSTANT]:,} bytes of weights"),
    ]
    console = stdout()
    console.print(table(("station", "what it did"), rows))
    console.print(memory_map(program))


def _print_digits(images: Array, labels: Array, expected: Array) -> None:
    """The first digits as pictures, if the terminal can show them, and what the network says of all."""
    console = stdout()
    if "utf" in (console.encoding or "").lower():
        shades = np.array(list(" ░▒▓█"))
        rows = images[:4, ::2, :, 0] / 2 + images[:4, 1::2, :, 0] / 2
        for row in shades[np.minimum((rows * 5).astype(int), 4)].transpose(1, 0, 2):
            print("  ".join("".join(cells) for cells in row).rstrip())
    answers = expected.argmax(axis=1)
    print("drawn:      " + " ".join(str(label) for label in labels))
    print("recognized: " + " ".join(str(answer) for answer in answers))
    print()


def _print_boards(runs: list[Execution], labels: Array) -> None:
    rows: list[tuple[object, ...]] = []
    for run in runs:
        right = int((run.outputs[OUTPUT].argmax(axis=1) == labels).sum())
        top1 = f"{right} of {len(labels)} right"
        if run.sizes is None:
            rows.append((run.board.title, "", "", "", "", "", "", top1))
            continue
        cpu = f"{run.board.core.title} {run.board.clock_hz / 1e6:g} MHz"
        milliseconds = f"{run.milliseconds:.3f}"
        costs = (run.sizes.flash, run.sizes.ram, run.most("stack"), run.most("cycles"), milliseconds)
        rows.append((run.board.title, cpu, *costs, top1))
    columns = ("board", "core", ">flash", ">RAM", ">stack", ">cycles", ">ms", "top-1")
    stdout().print(table(columns, rows))
    print("flash: code + weights, without main; RAM: placeholders + activations; cycles: slowest image, simulated\n")


def _print_verdict(runs: list[Execution], expected: Array) -> int:
    names = ["numpy", *("host C" if run.board.is_host else run.board.core.title for run in runs)]
    different = [
        name for name, run in zip(names[1:], runs, strict=True) if not np.array_equal(run.outputs[OUTPUT], expected)
    ]
    if different:
        print(f"NOT bit-exact: {', '.join(different)} differ from numpy")
        return 1
    print(f"bit-exact: {' = '.join(names)} on {len(expected)} images")
    return 0
