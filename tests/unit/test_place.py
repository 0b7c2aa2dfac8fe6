"""--place: constants in arrays of their own, in the board's faster memories. The answers stay the same to the bit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.benchmarks.measure import MNIST, SCHEMES, model_path, profile_path, quantized
from tests.helpers import Array, run_cli
from tinyglow.bundle.emit import weights_bytes
from tinyglow.bundle.harness import write_harness
from tinyglow.bundle.header import read_bundle
from tinyglow.bundle.options import sources_of
from tinyglow.checker.check import check_proof
from tinyglow.errors import BoardError, InputError
from tinyglow.ir.program import CONSTANTS, Program, Region
from tinyglow.lowering.near import use_near
from tinyglow.lowering.plan import plan
from tinyglow.lowering.traffic import buffer_traffic
from tinyglow.pipeline.execution import Execution, Options
from tinyglow.pipeline.placing import near_sizes, place_constants, places_of, rooms
from tinyglow.pipeline.stations import target_of
from tinyglow.sim.image import load_image
from tinyglow.sim.machine import Machine
from tinyglow.sim.toolchain import find_compiler
from tinyglow.targets.boards import HOST, Board, load_board
from tinyglow.targets.memories import Memory

BOARD = "mimxrt1060-evk"
_NEAR = (Region.NEAR_1, Region.NEAR_2)


@pytest.fixture(scope="module")
def program() -> Program:
    """A network of five layers for a Cortex-M7."""
    return tinyglow.lower(quantized(MNIST, SCHEMES["asymmetric"]), target=target_of(load_board(BOARD)))


@pytest.fixture(scope="module")
def inputs(program: Program) -> dict[str, Array]:
    """One sample."""
    rng = np.random.default_rng(5)
    shapes = {name: program.buffers[name].type.shape for name in program.inputs}
    return {name: rng.standard_normal((1, *shape)).astype(np.float32) for name, shape in shapes.items()}


def _two_flashes() -> Board:
    """A Cortex-M4 that runs from external flash, with a little of its own, which is faster."""
    memories = (
        Memory("xip", 0x9000_0000, 1 << 20, "flash", 20),
        Memory("flash", 0x0800_0000, 8192, "flash", 2),
        Memory("ram", 0x2000_0000, 1 << 16, "ram", 2),
    )
    return replace(load_board("cortex-m4"), name="two-flashes", memories=memories, code_memory="xip", data_memory="ram")


def _run(program: Program, board: Board, inputs: Mapping[str, Array], folder: Path) -> Execution:
    tinyglow.emit(program, folder, board)
    return tinyglow.simulate(folder, board, inputs, options=Options(timed=True))


def test_those_that_are_read_most_come_first(program: Program) -> None:
    """Within each budget; what is left outside is read less for a byte than all inside that would leave it room."""
    placed = plan(use_near(program, {"fast": 700, "middle": 600}))
    assert placed.near == {Region.NEAR_1: "fast", Region.NEAR_2: "middle"}
    assert 0 < placed.sizes[Region.NEAR_1] <= 700 and 0 < placed.sizes[Region.NEAR_2] <= 600
    assert sum(len(weights_bytes(placed, region)) for region in CONSTANTS) == len(weights_bytes(program))
    traffic = buffer_traffic(placed)
    dense = {
        region: [traffic[b.name] / b.type.nbytes for b in placed.buffers.values() if b.region is region]
        for region in CONSTANTS
    }
    assert max(dense[Region.NEAR_1]) >= max(dense[Region.NEAR_2]) >= max(dense[Region.CONSTANT]) / 2
    assert use_near(program, {"fast": 0}).near == {} and use_near(placed, {}).near == {}
    # What only fits the second memory is the first array.
    assert plan(use_near(program, {"tiny": 8, "large": 1 << 20})).near == {Region.NEAR_1: "large"}


def test_placed_constants_change_no_answer(program: Program, inputs: dict[str, Array]) -> None:
    """The interpreter reads them where they are."""
    placed = plan(use_near(program, {"fast": 700, "middle": 600}))
    plain = tinyglow.interpret(program, inputs)
    assert all(np.array_equal(array, plain[name]) for name, array in tinyglow.interpret(placed, inputs).items())


@pytest.mark.slow
def test_constants_lie_where_they_were_put(program: Program, inputs: dict[str, Array], tmp_path: Path) -> None:
    """On the emulated board: in DTCM and OCRAM after start-up, the same answers, and fewer cycles of waiting."""
    board = load_board(BOARD)
    placed = place_constants(program, board, ["dtcm=1024", "ocram"])
    assert placed.near == {Region.NEAR_1: "dtcm", Region.NEAR_2: "ocram"}
    before = _run(program, board, inputs, tmp_path / "plain")
    after = _run(placed, board, inputs, tmp_path / "placed")
    for name, expected in tinyglow.interpret(program, inputs).items():
        assert np.array_equal(before.outputs[name], expected) and np.array_equal(after.outputs[name], expected)
    assert before.waits is not None and after.waits is not None
    assert after.waits_by_memory["flash"] < before.waits_by_memory["flash"] and after.waits < before.waits
    assert before.sizes is not None and after.sizes is not None
    copied = sum(placed.sizes[region] for region in _NEAR)
    assert (before.sizes.weights_in_ram, after.sizes.weights_in_ram) == (0, copied)

    info = read_bundle(tmp_path / "placed")
    assert [one.size for one in info.near] == [placed.sizes[region] for region in _NEAR]
    names = [one.memory for one in info.near]
    places = places_of(board, info.needs(), near_sizes(board, info))
    harness = write_harness(tmp_path / "harness", info.name, board, places=places, near=names)
    sources = [*sources_of(tmp_path / "placed"), *harness.sources]
    elf = tmp_path / "placed.elf"
    find_compiler("auto", board).compile_firmware(sources, [tmp_path / "placed"], harness.linker_script, board, elf)
    machine = Machine(load_image(elf), board).boot()
    for region in _NEAR:
        address, memory = machine.address_of(f"{placed.name}_{region.value}"), board.memory(placed.near[region])
        assert memory.start <= address and address + placed.sizes[region] <= memory.end
        assert machine.read(address, placed.sizes[region]) == weights_bytes(placed, region)


@pytest.mark.slow
def test_flash_that_is_faster_than_flash(program: Program, inputs: dict[str, Array], tmp_path: Path) -> None:
    """Constants in the part's own flash, where code runs from external one: nothing is copied."""
    board = _two_flashes()
    placed = place_constants(program, board, ["flash"])
    assert placed.near == {Region.NEAR_1: "flash"}
    before, after = (_run(one, board, inputs, tmp_path / str(i)) for i, one in enumerate((program, placed)))
    for name, expected in tinyglow.interpret(program, inputs).items():
        assert np.array_equal(after.outputs[name], expected)
    assert after.sizes is not None and after.sizes.weights_in_ram == 0
    assert before.waits is not None and after.waits is not None and after.waits < before.waits


@pytest.mark.slow
def test_other_boards_and_hosts_take_the_bundle(program: Program, inputs: dict[str, Array], tmp_path: Path) -> None:
    """Where there is no such memory the arrays lie with the code; the C has no warnings."""
    placed = place_constants(program, load_board(BOARD), ["auto"])
    folder = tmp_path / "bundle"
    tinyglow.emit(placed, folder)
    expected = tinyglow.interpret(program, inputs)
    for board in (HOST, load_board("cortex-m7")):
        done = tinyglow.simulate(folder, board, inputs)
        assert all(np.array_equal(done.outputs[name], array) for name, array in expected.items())
    strict = ("-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Wcast-qual", "-Werror")
    find_compiler(None, HOST).compile_shared(sources_of(folder), tmp_path / "net.so", flags=strict)
    assert check_proof(folder).faults == []
    near = folder / f"{placed.name}_near.c"
    near.write_text(near.read_text(encoding="utf-8").replace("0X0", "0X1", 1), encoding="utf-8")
    assert any(near.name in fault.where for fault in check_proof(folder).faults)


def test_what_cannot_be_placed(program: Program) -> None:
    """Memories that there are not, budgets beyond the room, boards without a faster memory: all problems at once."""
    board = load_board(BOARD)
    with pytest.raises(InputError, match=r"'itcm' is no faster memory.*\n.*is no number.*\n.*is more than there is"):
        place_constants(program, board, ["itcm", "ocram=x", f"dtcm={1 << 20}"])
    for other in (HOST, tinyglow.load_board("cortex-m0")):
        with pytest.raises(InputError, match=r"nothing to place|no memory of cortex-m0 is faster"):
            place_constants(program, other, ["ram"])
    with pytest.raises(BoardError, match="does not fit"):
        small = replace(board, memories=(*(replace(m, size=512) for m in board.memories[:3]), *board.memories[3:]))
        rooms(program, replace(small, stack_bytes=256))


@pytest.mark.slow
def test_the_command_says_what_lies_where(tmp_path: Path) -> None:
    """compile --place prints each constant's memory and traffic; --weights ram and a host are errors."""
    given = ("compile", model_path(MNIST), "--define", "N=1", "--profile", profile_path(MNIST), "-o", tmp_path / "net")
    answer = run_cli(*given, "--board", BOARD, "--place", "dtcm=1024", "--name", "mnist")
    assert answer.status == 0 and "(all in dtcm)" in answer.out and "(all in flash)" in answer.out
    assert (tmp_path / "net/mnist_near.c").is_file()
    for more, because in (
        (("--board", BOARD, "--place", "auto", "--weights", "ram"), "copies all constants"),
        (("--board", "host", "--place", "auto"), "nothing to place"),
        (("--target", "riscv32", "--place", "auto"), "nothing to place"),
        (("--board", BOARD, "--place", "auto", "--shared-arena", "--name", "one"), "is for one network"),
    ):
        refused = run_cli(*given, *more)
        assert refused.status == 2 and because in refused.err
