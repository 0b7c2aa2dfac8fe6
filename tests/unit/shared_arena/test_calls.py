"""Networks with one buffer for their activations, called in any order, answer as each does by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.unit.bundle.cc import WARNINGS, command_of, run, sources_in
from tinyglow.bundle.harness import write_harness
from tinyglow.interp import quantized_input
from tinyglow.ir.graph import Array
from tinyglow.ir.program import Program, Region
from tinyglow.pipeline.shared_arena import emit_shared
from tinyglow.sim.toolchain import find_compiler
from tinyglow.targets.boards import load_board

NAMES = ("mnist", "gru", "conv", "rnn")
SEQUENCE = 7  # calls of a network with states between two resets

# Takes the calls from standard input, spoils what activations hold from before, and watches all other networks' memory.
_MAIN = """\
#include <stdio.h>
#include <string.h>
#include "networks.h"

static uint8_t before[NETWORKS_COUNT][4096];

int main(void)
{
    int index;
    while ((index = getchar()) != EOF) {
        const networks_network *const net = &networks_table[index];
        if (getchar() == 1 && networks_reset((uint32_t)index) != GLOW_SUCCESS) {
            return 1;
        }
        memset(networks_activations, getchar(), NETWORKS_ACTIVATIONS_MEM_SIZE);
        for (uint32_t i = 0; i < NETWORKS_COUNT; i++) {
            memcpy(before[i], networks_table[i].mutableWeight, networks_table[i].mutable_bytes);
        }
        for (uint32_t i = 0; i < net->placeholder_count; i++) {
            const networks_placeholder *const one = &net->placeholders[i];
            if (one->is_input && fread(net->mutableWeight + one->offset, 1, one->bytes, stdin) != one->bytes) {
                return 2;
            }
        }
        if (networks_infer((uint32_t)index) != GLOW_SUCCESS) {
            return 3;
        }
        for (uint32_t i = 0; i < net->placeholder_count; i++) {
            const networks_placeholder *const one = &net->placeholders[i];
            if (!one->is_input && fwrite(net->mutableWeight + one->offset, 1, one->bytes, stdout) != one->bytes) {
                return 4;
            }
        }
        for (uint32_t i = 0; i < NETWORKS_COUNT; i++) {
            const networks_network *const other = &networks_table[i];
            if (i != (uint32_t)index && memcmp(before[i], other->mutableWeight, other->mutable_bytes) != 0) {
                return 5;
            }
        }
    }
    return networks_infer(NETWORKS_COUNT) == -1 && networks_reset(NETWORKS_COUNT) == -1 ? 0 : 6;
}
"""


@dataclass(frozen=True)
class Call:
    """One call of a random sequence.

    name: of the network. number: how many calls of it came before. resets: whether its states are reset first.
    """

    name: str
    number: int
    resets: bool


def _sequence(programs: dict[str, Program], count: int, seed: int = 5) -> list[Call]:
    rng, numbers, found = np.random.default_rng(seed), dict.fromkeys(NAMES, 0), []
    for name in rng.choice(NAMES, count).tolist():
        begins = numbers[name] % SEQUENCE == 0 and bool(programs[name].states)
        found.append(Call(name, numbers[name], begins))
        numbers[name] += 1
    return found


def _samples(programs: dict[str, Program], calls: list[Call]) -> dict[str, dict[str, Array]]:
    """For each network the inputs of its calls: whole sequences, so a few more than there are calls."""
    rng, found = np.random.default_rng(8), {}
    for name in NAMES:
        count = -(-sum(call.name == name for call in calls) // SEQUENCE) * SEQUENCE
        shapes = {one: programs[name].buffers[one].type.shape for one in programs[name].inputs}
        found[name] = {
            programs[name].source_names.get(one, one): rng.standard_normal((count, *shape)).astype(np.float32)
            for one, shape in shapes.items()
        }
    return found


def _rows(program: Program, inputs: dict[str, Array], number: int) -> bytes:
    """A call's inputs as the placeholders take them, one after the other."""
    rows = [
        quantized_input(inputs[program.source_names.get(one, one)][number : number + 1], program.buffers[one].type)
        for one in program.inputs
    ]
    return b"".join(np.ascontiguousarray(row).tobytes() for row in rows)


def _answers(program: Program, outputs: dict[str, Array], number: int) -> bytes:
    return b"".join(np.ascontiguousarray(outputs[name][number]).tobytes() for name in program.outputs)


@pytest.mark.slow
def test_a_thousand_calls_answer_as_the_bundles_by_themselves(
    programs: dict[str, Program], bundles: dict[str, Path], tmp_path: Path
) -> None:
    """In C on this machine: four networks in random order, two with states, the shared buffer spoilt between calls."""
    gcc = command_of("gcc")
    emit_shared([bundles[name] for name in NAMES], tmp_path / "out")
    (tmp_path / "main.c").write_text(_MAIN, encoding="utf-8")
    sources = [*sources_in(tmp_path / "out"), str(tmp_path / "main.c")]
    run([*gcc, *WARNINGS, "-O1", f"-I{tmp_path / 'out'}", *sources, "-o", tmp_path / "calls"], tmp_path)
    calls = _sequence(programs, 1000)
    inputs = _samples(programs, calls)
    dirt = np.random.default_rng(9).integers(0, 256, len(calls)).tolist()
    asked = b"".join(
        bytes((NAMES.index(call.name), call.resets, spoilt))
        + _rows(programs[call.name], inputs[call.name], call.number)
        for call, spoilt in zip(calls, dirt, strict=True)
    )
    alone = {
        name: tinyglow.simulate(
            bundles[name], load_board("host"), inputs[name], "gcc", sequence=SEQUENCE if programs[name].states else None
        ).outputs
        for name in NAMES
    }
    expected = b"".join(_answers(programs[call.name], alone[call.name], call.number) for call in calls)
    assert run([tmp_path / "calls"], tmp_path, asked) == expected
    assert len({call.name for call in calls}) == len(NAMES) and sum(call.resets for call in calls) > 20
    assert all(len(np.unique(outputs)) > 3 for found in alone.values() for outputs in found.values())


def _wrappers() -> Iterator[str]:
    yield '#include "networks.h"\n'
    for index, name in enumerate(NAMES):
        for what in ("infer", "reset"):
            # Not inlined: the test calls them by their names.
            yield f"__attribute__((noinline)) int {what}_{name}(void);\n"
            yield f"int {what}_{name}(void) {{ return networks_{what}({index}u); }}\n"
    every = " + ".join(f"infer_{name}() + reset_{name}()" for name in NAMES)
    yield f"int main(void) {{ return {every}; }}\n"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["frdm-ke16z", pytest.param("mimxrt1060-evk", marks=pytest.mark.long)])
def test_on_a_core_they_answer_as_numpy(programs: dict[str, Program], name: str, tmp_path: Path) -> None:
    """Random calls on an emulated Cortex-M0+ and M7, with all networks in one firmware."""
    pytest.importorskip("unicorn")
    pytest.importorskip("ziglang")
    from tinyglow.sim.image import load_image
    from tinyglow.sim.machine import Machine

    board = load_board(name)
    emit_shared([programs[one] for one in NAMES], tmp_path / "out", board=board)
    harness = write_harness(tmp_path / "work", NAMES[0], board)
    harness.main.write_text("".join(_wrappers()), encoding="utf-8")
    sources = [*(tmp_path / "out").glob("*.c"), *harness.sources]
    elf = find_compiler("zig", board).compile_firmware(
        sorted(sources), [tmp_path / "out"], harness.linker_script, board, tmp_path / "firmware.elf"
    )
    machine = Machine(load_image(elf), board)
    machine.boot()
    calls = _sequence(programs, 60)
    inputs = _samples(programs, calls)
    expected = {
        one: tinyglow.interpret(programs[one], inputs[one], sequence=SEQUENCE if programs[one].states else None)
        for one in NAMES
    }
    for call in calls:
        program, base = programs[call.name], machine.address_of(f"networks_mutable_{call.name}")
        if call.resets:
            assert machine.call(f"reset_{call.name}").value == 0
        machine.write(base, _rows(program, inputs[call.name], call.number))  # each has one input, at offset 0
        assert machine.call(f"infer_{call.name}").value == 0
        for output in program.outputs:
            buffer = program.buffers[output]
            found = machine.read(base + buffer.offset, buffer.type.nbytes)
            assert found == np.ascontiguousarray(expected[call.name][output][call.number]).tobytes(), call


def test_ram_is_the_placeholders_and_the_larger_activations(programs: dict[str, Program], tmp_path: Path) -> None:
    """Counted in the object file: nothing else lies in RAM."""
    pytest.importorskip("ziglang")
    elffile = pytest.importorskip("elftools.elf.elffile")
    made = emit_shared([programs["mnist"], programs["gru"]], tmp_path / "out")
    board = load_board("cortex-m4")
    (path,) = find_compiler("zig", board).compile_objects(
        [tmp_path / "out" / "networks.c"], tmp_path, board, include_dirs=[tmp_path / "out"]
    )
    with path.open("rb") as file:
        elf = elffile.ELFFile(file)
        symbols = elf.get_section_by_name(".symtab").iter_symbols()
        in_ram = {
            symbol.name: symbol["st_size"]
            for symbol in symbols
            if symbol["st_info"]["type"] == "STT_OBJECT"
            and elf.get_section(symbol["st_shndx"]).name.startswith((".bss", ".data"))
        }
    sizes = [programs[name].sizes for name in ("mnist", "gru")]
    placeholders = [size[Region.MUTABLE] for size in sizes]
    assert in_ram == {
        "networks_activations": max(size[Region.ACTIVATION] for size in sizes),
        "networks_mutable_mnist": placeholders[0],
        "networks_mutable_gru": placeholders[1],
    }
    assert made.sizes.ram == sum(in_ram.values())
