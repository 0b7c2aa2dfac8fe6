"""One network on many boards: the table's figures are those of a run, and what does not fit is an answer too."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.helpers import MNIST_INPUT, conv_net, run_cli
from tinyglow.demo import digits
from tinyglow.ir.graph import Graph
from tinyglow.pipeline.execute import simulate
from tinyglow.pipeline.execution import Options
from tinyglow.pipeline.fit import fit, real_boards, sample_inputs
from tinyglow.pipeline.stations import lower, target_of
from tinyglow.targets.boards import load_board

BOARDS = ("frdm-ke16z", "frdm-ke04z", "mimxrt1060-evk")


@pytest.fixture(scope="module")
def quantized(checkout: Path) -> Graph:
    """NXP's network of the application note."""
    graph = tinyglow.load(checkout / "examples/mnist/mnist_nxp.onnx", "mnist", {"N": 1})
    return tinyglow.quantize(graph, tinyglow.load_profile(checkout / "tests/golden/mnist_nxp/profile.yaml"))


@pytest.fixture(scope="module")
def sample() -> np.ndarray:
    """One drawn digit."""
    return digits.demo_set()[0][:1]


@pytest.mark.slow  # compiles C
def test_the_figures_of_a_run_are_those_of_the_table(quantized: Graph, sample: np.ndarray, tmp_path: Path) -> None:
    """Flash, RAM, stack, cycles, waiting and time of each placement; what does not fit says why."""
    fits = {
        (found.board, found.weights): found
        for found in fit(quantized, [load_board(n) for n in BOARDS], {MNIST_INPUT: sample})
    }
    assert list(fits) == [(name, weights) for name in BOARDS for weights in ("flash", "ram")]
    board = load_board("mimxrt1060-evk")
    tinyglow.emit(lower(quantized, target=target_of(board)), tmp_path / "bundle")
    times = []
    for weights in ("flash", "ram"):
        run = simulate(tmp_path / "bundle", board, {MNIST_INPUT: sample}, options=Options(weights, timed=True))
        row = fits[board.name, weights]
        assert run.sizes is not None
        assert (row.flash, row.ram, row.stack) == (run.sizes.flash, run.sizes.ram, run.most("stack"))
        assert (row.cycles, row.instructions, row.waits) == (run.most("cycles"), run.most("instructions"), run.waits)
        assert row.milliseconds == run.board_milliseconds
        assert row.fits
        times.append(row.milliseconds)
    assert times[0] > times[1]  # weights in flash are slower
    assert fits[board.name, "ram"].ram - fits[board.name, "flash"].ram == run.sizes.weights > 0
    flash, ram = fits["frdm-ke16z", "flash"], fits["frdm-ke16z", "ram"]
    assert (flash.flash, flash.cycles) == (ram.flash, ram.cycles)
    small = fits["frdm-ke04z", "flash"]
    assert not small.fits
    assert "memory ram" in small.problem
    assert (small.flash, small.cycles) == (flash.flash, None)


def test_a_stack_that_is_too_small_is_an_answer(tmp_path: Path) -> None:
    """A network whose data fit a board, but whose functions need more stack than it has, does not fit there."""
    net = conv_net()
    graph = tinyglow.load(net.save(tmp_path), "net")
    quantized = tinyglow.quantize(graph, tinyglow.profile(graph, net.samples(8)))
    small, large = (fit(quantized, [load_board(name)])[0] for name in ("frdm-ke04z", "frdm-ke16z"))
    assert large.fits and large.stack is not None and large.stack > load_board("frdm-ke04z").stack_bytes
    assert not small.fits and small.cycles is None
    assert "bytes of stack" in small.problem


def test_the_command_prints_the_table_and_json(checkout: Path, tmp_path: Path) -> None:
    """`fit` with a board file of one's own: a row for each placement, the same figures as data; host is refused."""
    mine = tmp_path / "mine.toml"
    mine.write_text(
        (checkout / "boards/frdm-ke16z.toml").read_text(encoding="utf-8").replace("48_000_000", "24_000_000"),
        encoding="utf-8",
    )
    model = (checkout / "examples/mnist/mnist_nxp.onnx", "--define", "N=1")
    arguments = ("fit", *model, "--profile", checkout / "tests/golden/mnist_nxp/profile.yaml", "--board", mine)
    shown, data = run_cli(*arguments), run_cli(*arguments, "--json")
    assert (shown.status, data.status) == (0, 0)
    rows = json.loads(data.out)
    assert [(row["board"], row["weights"], row["fits"]) for row in rows] == [
        ("mine", "flash", True),
        ("mine", "ram", True),
    ]
    for row in rows:
        assert f"{row['cycles']:,}" in shown.out
        assert f"{row['milliseconds']:.2f}" in shown.out
        assert row["milliseconds"] == pytest.approx((row["cycles"] + row["waits"]) / 24_000)
    refused = run_cli(*arguments[:-1], "host")
    assert refused.status == 2
    assert "no board to fit" in refused.err


def test_all_boards_that_can_be_bought_are_tried() -> None:
    """The bare cores and this machine are not among them."""
    names = [board.name for board in real_boards()]
    assert {"frdm-ke16z", "lpc845-brk", "nucleo-l4r5zi"} <= set(names)
    assert not any(name == "host" or name.startswith(("cortex-", "mps2-")) for name in names)


def test_made_up_samples_are_the_same_each_time(quantized: Graph) -> None:
    """Shape and type are the placeholder's."""
    program = lower(quantized)
    first, second = sample_inputs(program), sample_inputs(program)
    assert first[MNIST_INPUT].shape == (1, 1, 28, 28, 1)
    assert first[MNIST_INPUT].dtype == np.int8
    assert np.array_equal(first[MNIST_INPUT], second[MNIST_INPUT])


def test_a_board_is_explained(tmp_path: Path) -> None:
    """`boards show` names core, clock, memories with their timing, and the source of each."""
    answer = run_cli("boards", "show", "mimxrt1060-evk")
    assert answer.status == 0
    for words in ("Cortex-M7 at 600 MHz", "dtcm", "420 wait states", "icache", "0x60000000", "MCUXpresso SDK", "FPU"):
        assert words in answer.out
    data = json.loads(run_cli("boards", "show", "frdm-ke16z", "--json").out)
    assert data["clock_hz"] == 48_000_000
    assert data["memories"][0]["wait_states"] == 1
    assert "nothing is counted" in run_cli("boards", "show", "host").out
    for wrong in (("boards", "show"), ("boards", "list", "frdm-ke16z"), ("boards", "show", "nonesuch")):
        assert run_cli(*wrong).status == 2
    broken = tmp_path / "broken.toml"
    broken.write_text("cpu = 3\n", encoding="utf-8")
    assert "cpu is 3" in run_cli("boards", "show", broken).err
