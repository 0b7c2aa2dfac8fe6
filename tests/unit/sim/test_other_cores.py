"""Bundles on cores without a cycle model: RISC-V in unicorn and in qemu, Xtensa and Cortex-M55 in qemu."""

from __future__ import annotations

import ctypes
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.benchmarks.measure import MODELS
from tests.benchmarks.other_cores import measure_one, recorded
from tests.helpers import MNIST_INPUT, run_cli
from tinyglow.bundle.portable_harness import FOLDER, write_portable_harness
from tinyglow.errors import SimulationError, StackError
from tinyglow.sim.image import Image, load_image
from tinyglow.sim.portable import open_machine, qemu
from tinyglow.sim.portable.machine import PortableMachine
from tinyglow.sim.portable.qemu import EMULATORS, QemuMachine
from tinyglow.sim.toolchain import find_compiler
from tinyglow.targets.boards import HOST, Board
from tinyglow.targets.cores import CORES, PORTABLE
from tinyglow.targets.portable import portable_board

_LIMIT = 100_000_000
# A bundle as far as its harness looks at it; what it does is up to the first byte of the placeholders.
_HEADER = """
#include <stdint.h>
#define GLOW_MEM_ALIGN(size) __attribute__((aligned(size)))
#define NET_MEM_ALIGN 16
#define NET_CONSTANT_MEM_SIZE 0
#define NET_MUTABLE_MEM_SIZE 64
#define NET_ACTIVATIONS_MEM_SIZE 64
int net(uint8_t *constant, uint8_t *mutable, uint8_t *activations);
"""
_SOURCE = """
#include "net.h"
static int deeper(volatile uint8_t *m, int depth);
static int deeper(volatile uint8_t *m, int depth) {
  volatile uint8_t room[256];
  for (int i = 0; i < 256; i++) { room[i] = 1; }
  return depth == 0 ? m[1] : deeper(m, depth - 1) + room[m[0]];
}
int net(uint8_t *constant, uint8_t *mutable, uint8_t *activations) {
  volatile uint8_t *m = mutable;
  (void)constant;
  (void)activations;
  switch (m[0]) {
  case 1: return *(volatile uint8_t *)(uintptr_t)0x7FFFFF0u;
#if defined(__arm__)
  case 2: __asm__ volatile("udf #0"); return 0;
#else
  case 2: __asm__ volatile(".long 0"); return 0;
#endif
  case 3: return deeper(m, 1000);
  case 4: return deeper(m, 3);
  case 5: return -7;
  case 6: return (int)((float)m[1] * 1.5f + 0.25f * (float)m[2] - 1.0f / (float)m[3]);
  default:
    for (int i = 0; i < 64; i++) { m[i] = (uint8_t)(m[i] * 3 + i); }
    return 0;
  }
}
"""


def _core(name: str) -> Board:
    """The core, if its compiler and its emulator are there."""
    cpu = PORTABLE[name]
    if not cpu.triple and shutil.which(cpu.program) is None:
        pytest.skip(f"needs {cpu.program}")
    if cpu.emulator == "qemu":
        _require_qemu(name)
    return portable_board(name)


def _require_qemu(name: str) -> None:
    if shutil.which(EMULATORS[name].program) is None:
        pytest.skip(f"needs {EMULATORS[name].program}")


def _build(board: Board, folder: Path, compiler: str = "auto") -> Image:
    (folder / "net.h").write_text(_HEADER, encoding="utf-8")
    (folder / "net.c").write_text(_SOURCE, encoding="utf-8")
    harness = write_portable_harness(folder / "harness", "net", board)
    sources = [folder / "net.c", *harness.sources]
    found = find_compiler(compiler, board)
    elf = found.compile_firmware(sources, [folder], harness.linker_script, board, folder / "program.elf")
    return load_image(elf, board.core.elf)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Image]:
    """The program for a core, built once."""
    built: dict[str, Image] = {}

    def image(name: str) -> Image:
        board = _core(name)
        if name not in built:
            built[name] = _build(board, tmp_path_factory.mktemp(name))
        return built[name]

    return image


@pytest.fixture(params=["riscv32", "riscv32 in qemu", "xtensa", "cortex-m55"])
def machine(
    request: pytest.FixtureRequest, images: Callable[[str], Image], monkeypatch: pytest.MonkeyPatch
) -> Iterator[PortableMachine]:
    """A core with the program."""
    name, _, other = request.param.partition(" in ")
    image = images(name)
    if other:
        _require_qemu(name)
    monkeypatch.setattr(qemu, "TIMEOUT_SECONDS", 60)
    opened = QemuMachine(image, portable_board(name)) if other else open_machine(image, portable_board(name))
    yield opened
    opened.close()


def _ask(machine: PortableMachine, *data: int) -> None:
    machine.write(machine.address_of("tg_mutable_weight"), bytes(data))


@pytest.mark.slow
def test_calls_are_counted(machine: PortableMachine) -> None:
    """A return is one instruction and no stack; answers are a C int's; the same call costs the same."""
    nothing = machine.call("tg_nothing", _LIMIT)
    assert (nothing.instructions, nothing.stack_bytes) == (1, 0)
    _ask(machine, 5)
    assert machine.call("tg_infer", _LIMIT).value == -7
    counts = []
    for _ in range(2):
        _ask(machine, *range(10, 74))
        counts.append(machine.call("tg_infer", _LIMIT))
        written = machine.read(machine.address_of("tg_mutable_weight"), 64)
        assert written == bytes((value * 3 + value - 10) & 0xFF for value in range(10, 74))
    assert counts[0] == counts[1] and 64 * 4 < counts[0].instructions < 64 * 20
    _ask(machine, 4, 9)
    deep = machine.call("tg_infer", _LIMIT)
    assert deep.value == 9 + 3 and 4 * 256 < deep.stack_bytes < 4 * (256 + 256)
    _ask(machine, 6, 5, 3, 4)
    assert machine.call("tg_infer", _LIMIT).value == int(5 * 1.5 + 0.25 * 3 - 1 / 4)


@pytest.mark.slow
@pytest.mark.parametrize(("what", "error"), [(1, SimulationError), (2, SimulationError), (3, StackError)])
def test_faults_are_told(machine: PortableMachine, what: int, error: type[Exception]) -> None:
    """An access to no memory, an instruction that there is not, and a stack that is used up."""
    _ask(machine, what, 1)
    with pytest.raises(error, match="tg_infer on"):
        machine.call("tg_infer", _LIMIT)


@pytest.mark.slow
def test_both_emulators_count_alike(images: Callable[[str], Image]) -> None:
    """unicorn's blocks, decoded here, and qemu's own counter: the same instructions and the same stack."""
    _require_qemu("riscv32")
    board = portable_board("riscv32")
    image = images("riscv32")
    found = []
    for machine in (open_machine(image, board), QemuMachine(image, board)):
        counts = []
        for request in ((4, 1), (6, 200, 100, 3), (0, *range(63))):
            _ask(machine, *request)
            counts.append(machine.call("tg_infer", _LIMIT))
        machine.close()
        found.append(counts)
    assert found[0] == found[1]


@pytest.mark.slow
def test_gcc_builds_for_riscv_too(tmp_path: Path) -> None:
    """Debian's gcc, which comes without a C library."""
    if shutil.which(PORTABLE["riscv32"].program) is None:
        pytest.skip(f"needs {PORTABLE['riscv32'].program}")
    board = portable_board("riscv32")
    machine = open_machine(_build(board, tmp_path, "gcc"), board)
    _ask(machine, 6, 5, 3, 4)
    assert machine.call("tg_infer", _LIMIT).value == 8


@pytest.mark.slow
@pytest.mark.parametrize("core", PORTABLE)
@pytest.mark.parametrize("model", ["mnist_nxp", *(pytest.param(name, marks=pytest.mark.long) for name in MODELS[1:])])
def test_networks_are_bit_exact(model: str, core: str) -> None:
    """The README's networks: each answer of four samples is the interpreter's, and the figures are those recorded."""
    _core(core)
    found, before = measure_one(model, core), recorded()[model][core]
    if found.pop("compiler") != before.pop("compiler"):
        return  # another compiler's code takes other figures
    for name, figure in before.items():
        assert found[name] == pytest.approx(figure, rel=0.02), name


# What libgcc has for the host as well; here the core's own are called by other names.
_NAMES = ("muldi3", "udivsi3", "umodsi3", "divsi3", "udivdi3", "umoddi3", "divdi3")
_FLOATS = ("mulsf3", "addsf3", "subsf3", "floatsisf", "floatunsisf", "fixunssfsi")


@pytest.fixture(scope="module")
def arithmetic(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The functions that Xtensa's libgcc lacks, on this machine."""
    folder = tmp_path_factory.mktemp("rom")
    text = (FOLDER / "rom_xtensa.c").read_text(encoding="utf-8")
    for name in (*_NAMES, *_FLOATS):
        text = text.replace(f"__{name}(", f"tg_{name}(")
    (folder / "rom.c").write_text(text, encoding="utf-8")
    flags = ("-Wall", "-Wextra", "-Wconversion", "-Werror")
    return ctypes.CDLL(
        str(find_compiler(None, HOST).compile_shared([folder / "rom.c"], folder / "rom.so", flags=flags))
    )


def _words(count: int, bits: int) -> list[int]:
    """Numbers of all sizes, and those at the ends."""
    rng = np.random.default_rng(7)
    drawn = [int(rng.integers(0, 1 << 63)) >> int(rng.integers(0, bits)) for _ in range(count)]
    ends = [0, 1, 2, 3, (1 << (bits - 1)) - 1, 1 << (bits - 1), (1 << bits) - 1]
    return [value & ((1 << bits) - 1) for value in (*ends, *drawn)]


def _signed(value: int, bits: int) -> int:
    return value - (value >> (bits - 1) << bits)


@pytest.mark.slow
def test_integers_are_multiplied_and_divided(arithmetic: ctypes.CDLL) -> None:
    """As C says: products wrap around, quotients are rounded toward zero."""
    kinds = {32: (ctypes.c_uint32, ctypes.c_int32), 64: (ctypes.c_uint64, ctypes.c_int64)}
    for bits, suffix in ((32, "si3"), (64, "di3")):
        unsigned, signed = kinds[bits]
        values = _words(60, bits)
        divide, modulo, divide_signed = (getattr(arithmetic, f"tg_{n}{suffix}") for n in ("udiv", "umod", "div"))
        divide.restype = modulo.restype = unsigned
        divide_signed.restype = signed
        for a in values:
            for b in filter(None, values):
                assert divide(unsigned(a), unsigned(b)) == a // b
                assert modulo(unsigned(a), unsigned(b)) == a % b
                x, y = _signed(a, bits), _signed(b, bits)
                expected = abs(x) // abs(y) * (-1 if (x < 0) != (y < 0) else 1)
                assert divide_signed(signed(x), signed(y)) == _signed(expected & ((1 << bits) - 1), bits)
                if bits == 64:
                    arithmetic.tg_muldi3.restype = unsigned
                    assert arithmetic.tg_muldi3(unsigned(a), unsigned(b)) == a * b & (1 << 64) - 1


def _floats(count: int) -> npt.NDArray[np.float32]:
    """Floats of all sizes: any bits, numbers near each other, and the special ones."""
    rng = np.random.default_rng(11)
    anything = rng.integers(0, 1 << 32, count, np.uint32).view(np.float32)
    near = (rng.integers(-(1 << 24), 1 << 24, count) * 2.0 ** rng.integers(-30, 5, count)).astype(np.float32)
    special = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-45, 1.1754942e-38, 1.17549435e-38, 3.4028235e38]
    return np.concatenate([np.array(special, np.float32), anything, near])


def _same(found: float, expected: np.float32) -> bool:
    bits = np.float32(found).view(np.uint32), expected.view(np.uint32)
    return bool(bits[0] == bits[1] or (np.isnan(found) and np.isnan(expected)))


@pytest.mark.slow
def test_floats_are_as_ieee_754_says(arithmetic: ctypes.CDLL) -> None:
    """Sum, difference and product of pairs, and conversions, against numpy's float32, to the bit."""
    values = _floats(150)
    operations = {"mulsf3": np.multiply, "addsf3": np.add, "subsf3": np.subtract}
    rng = np.random.default_rng(3)
    for name, operation in operations.items():
        function = getattr(arithmetic, f"tg_{name}")
        function.restype, function.argtypes = ctypes.c_float, [ctypes.c_float] * 2
        for a in values:
            for b in (*values[:11], *rng.choice(values, 20), a, -a):
                with np.errstate(all="ignore"):
                    assert _same(function(a, b), operation(a, b)), (name, a, b)
    for name, kind in (("floatsisf", ctypes.c_int32), ("floatunsisf", ctypes.c_uint32)):
        function = getattr(arithmetic, f"tg_{name}")
        function.restype, function.argtypes = ctypes.c_float, [kind]
        for word in _words(300, 32):
            number = _signed(word, 32) if kind is ctypes.c_int32 else word
            assert _same(function(number), np.float32(number)), (name, number)
    arithmetic.tg_fixunssfsi.restype, arithmetic.tg_fixunssfsi.argtypes = ctypes.c_uint32, [ctypes.c_float]
    for value in values:
        if 0 <= value < 1 << 32:
            assert arithmetic.tg_fixunssfsi(value) == int(value)


def test_cores_have_all_that_is_asked_of_them() -> None:
    """No cycle model, features of the Arm core alone, a program of gcc's, and an address for each memory."""
    for name, cpu in PORTABLE.items():
        board = portable_board(name)
        assert board.core is cpu is CORES[name] and not cpu.counts_cycles
        assert cpu.is_arm == bool(cpu.features) == (name == "cortex-m55")
        assert name in EMULATORS and cpu.program.endswith("-gcc") and board.data.size >= board.stack_bytes


@pytest.mark.slow
def test_a_core_in_place_of_a_board(checkout: Path, tmp_path: Path) -> None:
    """--target compiles and runs portable C, without cycles; unknown cores, a board beside it, --waits are errors."""
    model = (checkout / "examples/mnist/mnist_nxp.onnx", "--define", "N=1", "--name", "mnist")
    profile = ("--profile", checkout / "tests/golden/mnist_nxp/profile.yaml")
    compiled = run_cli("compile", *model, *profile, "--target", "riscv32", "-o", tmp_path / "bundle")
    assert compiled.status == 0 and "for RISC-V RV32IMC" in compiled.out
    np.save(tmp_path / "x.npy", np.zeros((1, 1, 28, 28), np.float32))
    run = ("run", tmp_path / "bundle", "--input", f"{MNIST_INPUT}={tmp_path / 'x.npy'}")
    answer = json.loads(run_cli(*run, "--target", "riscv32", "--json").out)
    assert answer["cycles"] is None and answer["milliseconds"] is None and answer["instructions"] > 10_000
    for given, because in (
        (("--target", "hifi4"), "expected one of riscv32, xtensa, cortex-m55"),
        (("--target", "riscv32", "--board", "host"), "not allowed with"),
        (("--target", "riscv32", "--waits"), "no cycles are counted"),
        (("--target", "xtensa", "--cc", "zig"), "is not used for Xtensa"),
    ):
        refused = run_cli(*run, *given)
        assert refused.status == 2 and because in refused.err
