"""Where a network's memory areas go on boards of several memories, in the simulator and in deployed projects."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.helpers import NetBuilder
from tinyglow.bundle.harness import Harness
from tinyglow.bundle.header import read_bundle
from tinyglow.errors import BoardError
from tinyglow.ir.program import Program, Region
from tinyglow.pipeline.deploy import deploy
from tinyglow.pipeline.execute import open_target
from tinyglow.pipeline.execution import Options
from tinyglow.targets.boards import Board, Memory, load_board
from tinyglow.targets.memory_map import data_memories, memory_map


def _board(*sizes: int, stack: int = 1024, slow: int = 0) -> Board:
    """A Cortex-M0+ with RAMs of these sizes, the first its data memory, the others ``slow`` wait states away."""
    base = load_board("frdm-ke16z")
    rams = tuple(
        Memory(f"ram{index}", 0x2000_0000 + index * 0x10_0000, size, "ram", slow if index else 0)
        for index, size in enumerate(sizes)
    )
    return replace(base, memories=(base.code, *rams), data_memory="ram0", stack_bytes=stack)


def _names(board: Board, **needs: int) -> dict[str, str]:
    return {area: memory.name for area, memory in memory_map(board, needs).items()}


def test_the_fastest_memory_with_room_is_taken() -> None:
    """What has the most traffic chooses first; what does not fit there goes to the next."""
    board = _board(4096, 8192, slow=2)
    assert _names(board, activations=2048, mutable=512) == {"stack": "ram0", "activations": "ram0", "mutable": "ram0"}
    assert _names(board, activations=2048, mutable=4096) == {"stack": "ram0", "activations": "ram0", "mutable": "ram1"}
    assert _names(board, activations=8192, mutable=64) == {"stack": "ram0", "activations": "ram1", "mutable": "ram0"}
    assert _names(board, activations=64, mutable=64, weights=8000)["weights"] == "ram1"


def test_the_stack_moves_where_that_makes_room() -> None:
    """Activations that need the whole of the data memory leave the stack the other one."""
    board = _board(4096, 2048)
    assert _names(board, activations=4096) == {"stack": "ram1", "activations": "ram0"}


def test_any_placement_that_fits_is_found() -> None:
    """Where the fastest for the first leaves no place for the last, another is taken."""
    board = _board(6000, 7000, stack=8)
    assert _names(board, activations=3000, mutable=2000, weights=5900) == {
        "stack": "ram0",
        "activations": "ram0",
        "mutable": "ram0",
        "weights": "ram1",
    }
    assert _names(board, activations=1200, mutable=5900, weights=5000)["mutable"] == "ram0"


def test_what_fits_nowhere_is_said_with_all_sizes() -> None:
    """The needs of each area, and the room of each memory; of a single memory the sum."""
    with pytest.raises(BoardError) as caught:
        memory_map(_board(4096, 8192), {"activations": 9000, "mutable": 10})
    text = str(caught.value)
    assert "stack 1,024, activations 9,000, placeholders 10 bytes" in text
    assert "ram0 has 4,096, ram1 has 8,192" in text
    with pytest.raises(BoardError, match=r"memory ram0: activations, placeholders and stack take 9,034 bytes"):
        memory_map(_board(4096), {"activations": 8000, "mutable": 10})


def test_no_variable_lies_at_address_0() -> None:
    """The ITCM of an i.MX RT begins with what would be a null pointer; flash is no memory for data."""
    board = load_board("mimxrt1060-evk")
    assert [memory.name for memory in data_memories(board)] == ["dtcm", "ocram"]


def _tall(folder: Path, side: int) -> tuple[Program, dict[str, np.ndarray]]:
    """A network whose activations take about 16 * side**2 bytes."""
    build = NetBuilder()
    first = build.node("Conv", "x", build.weights(8, 1, 3, 3), build.weights(8), pads=[1, 1, 1, 1])
    second = build.node("Conv", first, build.weights(8, 8, 1, 1), build.weights(8))
    pooled = build.node("GlobalAveragePool", second)
    build.node("Flatten", pooled, output="y")
    net = build.build({"x": (1, 1, side, side)}, ["y"])
    samples = net.samples(2)
    graph = tinyglow.load(net.save(folder), "net")
    return tinyglow.lower(tinyglow.quantize(graph, tinyglow.profile(graph, samples))), samples


def _small(board: Board) -> Board:
    """The board with a DTCM of 4 KB, for tests that are to be quick."""
    memories = tuple(replace(m, size=0x1000) if m.name == "dtcm" else m for m in board.memories)
    return replace(board, memories=memories, stack_bytes=2048)


def test_the_simulator_places_them_so(tmp_path: Path) -> None:
    """Activations that the DTCM cannot hold lie in the OCRAM, with weights in RAM after them; answers are the same."""
    pytest.importorskip("unicorn")
    board = _small(load_board("mimxrt1060-evk"))
    program, samples = _tall(tmp_path, 18)
    assert program.sizes[Region.ACTIVATION] > 4096
    tinyglow.emit(program, tmp_path / "bundle", board)
    info = read_bundle(tmp_path / "bundle")
    with open_target(tmp_path / "bundle", info, board, "zig", Options("ram")) as target:
        machine = target._machine
        ocram, dtcm = board.memory("ocram"), board.memory("dtcm")
        for name, memory in (
            (Harness.activations, ocram),
            (Harness.mutable_weight, dtcm),
            (Harness.constant_weight, dtcm),
        ):
            at = machine.address_of(name)
            assert memory.start <= at < memory.end, name
        assert machine.read(machine.address_of(Harness.activations), info.activations) == bytes(info.activations)
        weights = machine.read(machine.address_of(Harness.constant_weight), info.constant)
        assert weights == (tmp_path / "bundle/net.weights.bin").read_bytes()
    run = tinyglow.simulate(tmp_path / "bundle", board, samples, "zig", options=Options(timed=True))
    assert run.places == {"stack": "dtcm", "activations": "ocram", "mutable": "dtcm"}
    assert run.waits_by_memory["ocram"] > 0 and sum(run.waits_by_memory.values()) == run.waits
    (found,), (expected,) = run.outputs.values(), tinyglow.interpret(program, samples).values()
    np.testing.assert_array_equal(found, expected)


def test_weights_in_another_memory_are_copied_there(tmp_path: Path) -> None:
    """Start-up code copies the weights, and clears what else lies outside of the data memory."""
    pytest.importorskip("unicorn")
    program, samples = _tall(tmp_path, 12)
    whole = sum(program.sizes[region] for region in (Region.ACTIVATION, Region.MUTABLE))
    board = _board(-(-(whole + 1024) // 256) * 256, 1024)
    assert program.sizes[Region.CONSTANT] > board.data.size - whole - 1024
    for result in tinyglow.verify(program, board, samples):
        assert result.equal
    tinyglow.emit(program, tmp_path / "bundle", board)
    run = tinyglow.simulate(tmp_path / "bundle", board, samples, "zig", options=Options("ram"))
    assert run.places["weights"] == "ram1" and run.places["activations"] == "ram0"
    (found,), (expected,) = run.outputs.values(), tinyglow.interpret(program, samples).values()
    np.testing.assert_array_equal(found, expected)


def test_a_stack_in_another_memory_is_watched_there(tmp_path: Path) -> None:
    """The vector table's first word says where the stack is, and its limit is kept."""
    pytest.importorskip("unicorn")
    program, samples = _tall(tmp_path, 12)
    board = _board(-(-program.sizes[Region.ACTIVATION] // 256) * 256, 2048)
    tinyglow.emit(program, tmp_path / "bundle", board)
    run = tinyglow.simulate(tmp_path / "bundle", board, samples, "zig")
    assert run.places["stack"] == "ram1" and run.places["activations"] == "ram0"
    (found,), (expected,) = run.outputs.values(), tinyglow.interpret(program, samples).values()
    np.testing.assert_array_equal(found, expected)


def test_deployed_projects_place_them_so(tmp_path: Path) -> None:
    """The linker script has the memories, and sections in each, by names that main.c gives its arrays."""
    board = _small(load_board("mimxrt1060-evk"))
    program, samples = _tall(tmp_path, 18)
    files = deploy(program, board, tmp_path / "fw", samples)
    script, main = files["link.ld"].decode(), files["src/main.c"].decode()
    assert re.search(r"MEM_OCRAM \(rw\) : ORIGIN = 0x20200000, LENGTH = 0xC0000", script)
    assert re.search(r"\*\(\.bss\.activations\)[^}]*\} > MEM_OCRAM", script)
    assert '__attribute__((section(".bss.activations"))) static uint8_t activations' in main
    assert "bss_ocram_start" in files["src/startup.c"].decode()
