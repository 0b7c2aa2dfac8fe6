"""The C runtime as C: free of warnings, of undefined behaviour, and of what microcontrollers cannot afford."""

from __future__ import annotations

import graphlib
import os
import re
import shutil
import struct
import subprocess
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile

from tests.drawn_cases import DRAWN, DrawnCases
from tests.long import is_long
from tests.parity.test_extremes import CASES as EXTREMES
from tests.strict_c import compile_runtime, default, strict
from tinyglow import resources
from tinyglow.errors import ToolError
from tinyglow.ir.kernel import Kernel, Operand, Role, c_fields
from tinyglow.registry import KERNELS
from tinyglow.sim.toolchain import Compiler, find_compiler
from tinyglow.targets.boards import HOST, Board, load_board
from tinyglow.testing import Case, covered_kernels, is_full
from tinyglow.testing.dispatch import kernel_numbers, write_dispatch
from tinyglow.testing.frame import params_bytes
from tinyglow.testing.native import kernel_sources, runtime_sources

INCLUDE = "include"
REPLAY = Path(__file__).with_name("replay.c")
ALL_KERNELS = tuple(KERNELS.values())


def _compiler(name: str, board: Board = HOST) -> Compiler:
    try:
        return find_compiler(name, board)
    except ToolError as error:
        pytest.skip(f"{name} for {board.name} is not installed: {error.problems[0].found}")


def _spoilt(folder: Path, file: str, old: str, new: str) -> Path:
    """A copy of the runtime with one text replaced."""
    root = folder / "spoilt"
    shutil.copytree(resources.RUNTIME, root)
    text = (root / file).read_text(encoding="utf-8")
    assert old in text, f"{file} has changed: choose another fault"
    (root / file).write_text(text.replace(old, new), encoding="utf-8")
    return root


# Warnings

CLANG = pytest.param("clang", marks=pytest.mark.long)  # zig, in every run, is a clang too


@pytest.mark.parametrize("board", ["host", "frdm-ke16z", "mimxrt1060-evk"])
@pytest.mark.parametrize("name", [pytest.param("gcc", marks=pytest.mark.long), CLANG, "zig"])
@pytest.mark.slow  # compiles C
def test_compiles_without_warnings(name: str, board: str, tmp_path: Path) -> None:
    """All of the runtime compiles as pedantic C99 without a warning, on this machine and for both boards.

    In the full mode file by file; else as one file, which takes a third of the time.
    """
    target = load_board(board)
    compiler = strict(_compiler(name, target))
    if is_full():
        compile_runtime(compiler, target, tmp_path)
        return
    unit = tmp_path / "unit.c"
    sources = [*kernel_sources(tmp_path, ALL_KERNELS), write_dispatch(tmp_path, ALL_KERNELS)]
    unit.write_text("".join(f'#include "{path.resolve()}"\n' for path in sources), encoding="utf-8")
    include = [tmp_path, resources.RUNTIME / INCLUDE]
    if target.is_host:
        compiler.compile_shared([unit], tmp_path / "unit.so", include_dirs=include)
    else:
        compiler.compile_objects([unit], tmp_path, target, include_dirs=include)


@pytest.mark.parametrize("name", ["gcc", "clang", "zig"])
@pytest.mark.slow  # compiles C
def test_a_planted_conversion_is_refused(name: str, tmp_path: Path) -> None:
    """The flags are in force: an implicit narrowing is an error."""
    root = _spoilt(tmp_path, "include/tg_numerics.h", "return (int8_t)tg_max", "return tg_max")
    with pytest.raises(ToolError, match="conversion"):
        compile_runtime(strict(_compiler(name)), HOST, tmp_path, root)


# Undefined behaviour

_TRAP_ON_ERROR = ("-g1", "-O0", "-fno-sanitize-recover=all")
SANITIZERS = {
    "gcc": ("-fsanitize=address,undefined", *_TRAP_ON_ERROR),
    "clang": ("-fsanitize=address,undefined", *_TRAP_ON_ERROR),
    # Has no AddressSanitizer.
    "zig": ("-fsanitize=undefined", *_TRAP_ON_ERROR),
}


def _replay(name: str, folder: Path, kernels: Collection[Kernel] = ALL_KERNELS, root: Path = resources.RUNTIME) -> Path:
    """The program that runs cases of these kernels from a file, built with the compiler's sanitizers."""
    compiler = _compiler(name)
    probe = folder / "probe.c"
    probe.write_text("int main(void) { return 0; }\n", encoding="utf-8")
    try:
        compiler.compile_host([probe], folder / "probe", flags=SANITIZERS[name])
    except ToolError as error:
        pytest.skip(f"{name} has no sanitizer library: {error.problems[0].found}")
    sources = [REPLAY, *kernel_sources(folder, kernels, root), write_dispatch(folder, kernels)]
    return compiler.compile_host(sources, folder / "replay", include_dirs=[root / INCLUDE], flags=SANITIZERS[name])


def _given(case: Case, operand: Operand) -> bytes:
    """An operand's bytes before the call; of code, its number."""
    if operand.role is Role.CODE:
        return struct.pack("<I", case.functions[operand.name])
    return case.inputs[operand.name].tobytes()


def _record(case: Case, in_place: bool, number: int) -> tuple[bytes, bytes]:
    """A case as ``replay.c`` reads it, its kernel having that number, and its results as it should write them."""
    operands, expected = case.kernel.operands, case.expected(in_place)
    names = [operand.name for operand in operands]
    aliases = case.aliases if in_place else {}
    parameters = params_bytes(case.kernel, case.params)
    words = [
        struct.pack("<II", number, len(parameters)),
        parameters,
        struct.pack("<I", len(operands) + (case.scratch is not None)),
    ]
    results = []
    for index, operand in enumerate(operands):
        owner = names.index(aliases[operand.name]) if operand.name in aliases else index
        data = b"" if operand.role is Role.OUT else _given(case, operand)
        size = case.elements(operand) * np.dtype(operand.dtype).itemsize if operand.role is Role.OUT else len(data)
        words.append(struct.pack("<II", owner, size))
        if owner != index:
            continue
        given = bytes(size) if operand.role is Role.OUT else data
        words.append(given)
        after = expected[operand.name].tobytes() if operand.role is Role.OUT else given
        for output, source in aliases.items():
            if source == operand.name:
                after = expected[output].tobytes() + given[expected[output].nbytes :]
        results.append(after)
    if case.scratch is not None:
        words.append(struct.pack("<II", 0xFFFFFFFF, case.scratch))
    return b"".join(words), b"".join(results)


def _run(
    program: Path, cases: Sequence[tuple[Case, bool]], folder: Path, kernels: Collection[Kernel] = ALL_KERNELS
) -> tuple[int, str, bool]:
    """Exit status, messages, and whether all results are right."""
    numbers = kernel_numbers(kernels)
    records = [_record(case, in_place, numbers[case.kernel.symbol]) for case, in_place in cases]
    (folder / "cases.bin").write_bytes(b"".join(record for record, _ in records))
    environment = {
        **os.environ,
        "ASAN_OPTIONS": "detect_leaks=1:verify_asan_link_order=0",
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }
    command = [str(program), str(folder / "cases.bin"), str(folder / "results.bin")]
    done = subprocess.run(
        command, env=environment, capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    same = (folder / "results.bin").read_bytes() == b"".join(result for _, result in records)
    return done.returncode, done.stderr, same


# Cases of each kernel that run with sanitizers.
_SANITIZED = 1000 if is_full() else 40 if is_long() else 20


def _all_cases(drawn: DrawnCases) -> list[tuple[Case, bool]]:
    """Cases of all kernels, drawn and at the edges, each with whether it is to run in place."""
    found = [case for symbol in covered_kernels() for case in drawn(symbol, _SANITIZED)]
    found += [*EXTREMES.values()]
    return [(case, in_place) for case in found for in_place in (False, True) if case.aliases or not in_place]


@pytest.mark.parametrize("name", ["gcc", CLANG, pytest.param("zig", marks=pytest.mark.long)])
def test_sanitizers_find_nothing(name: str, drawn: DrawnCases, tmp_path: Path) -> None:
    """No case makes a kernel access memory outside of its operands or do what C leaves undefined."""
    status, messages, same = _run(_replay(name, tmp_path), _all_cases(drawn), tmp_path)
    assert (status, messages) == (0, "")
    assert same


PLANTED = {
    "signed overflow": (
        "include/tg_numerics.h",
        "(uint32_t)(x >> r->pre) * (uint32_t)r->multiplier;",
        "(uint32_t)((x >> r->pre) * r->multiplier);",
        "tg_rescale_s8",
    ),
    "read past the end": ("src/reshape/tg_copy_s8.c", "= input[i];", "= input[i + 1];", "tg_copy_s8"),
}


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        *((name, "signed overflow") for name in SANITIZERS),
        *((name, "read past the end") for name in SANITIZERS if "address" in SANITIZERS[name][0]),
    ],
)
@pytest.mark.slow  # compiles C
def test_sanitizers_find_a_planted_fault(name: str, fault: str, drawn: DrawnCases, tmp_path: Path) -> None:
    """The sanitizers are in force: the cases show a signed overflow, and a read of one byte too many."""
    file, old, new, symbol = PLANTED[fault]
    kernels = [KERNELS[symbol]]
    program = _replay(name, tmp_path, kernels, _spoilt(tmp_path, file, old, new))
    cases = [*drawn(symbol, DRAWN), *(case for case in EXTREMES.values() if case.kernel.symbol == symbol)]
    status, messages, _ = _run(program, [(case, False) for case in cases], tmp_path, kernels)
    assert status != 0
    assert re.search("overflow", messages)


# What the firmware of a microcontroller cannot afford

# Copies and fills that compilers make of loops, and the division that ARMv6-M lacks.
_HELPERS = re.compile(r"mem(cpy|set|move)|__aeabi_mem(cpy|set|clr|move)[48]?|__aeabi_u?idiv(mod)?|__u?divsi3")
# Of 64-bit integers, which int16 kernels multiply and shift.
_WIDE_HELPERS = re.compile(r"__aeabi_(lmul|lasr|llsl|llsr)|__(muldi3|ashrdi3|ashldi3|lshrdi3)")
# LiteRT's rule multiplies 32 bits by a multiplier of 31, and rounds by the sign of the product's 64 bits.
_WIDE_PRODUCTS = {"tg_add_tflite_s8", "tg_mul_tflite_s8", "tg_prelu_tflite_s8", "tg_reduce_mean_tflite_s8"}
# CMSIS-NN's softmax and SVDF take the upper words of products.
_WIDE_PRODUCTS |= {"tg_softmax_tflm_s8", "tg_svdf_state_s8"}
# So does onnxruntime's by integers, where a result lies half way.
_WIDE_PRODUCTS |= {"tg_mul_onnx_s8", "tg_reduce_mean_onnx_s8"}
# And LiteRT's QUANTIZE from and to int32.
_WIDE_PRODUCTS |= {"tg_rescale_tflite_narrow_s32_s8", "tg_rescale_tflite_widen_s8_s32"}
# Of floats, but without arithmetic: on a core without FPU they look at the bits, or copy floats.
_ON_BITS = {"tg_map_abs_f32", "tg_map_neg_f32", "tg_map_sqrt_f32", "tg_select_f32", "tg_cast_s8_f32"}
# onnxruntime's rounding by a float, whose bits stand in a word of the requantization.
_BY_A_WORD = {"tg_reduce_mean_onnx_float_s8"}
# A fused multiply-add of floats without the instruction: only in double precision is a product of any two floats exact.
_DOUBLE = {"tg_resize_bilinear_fused_s8"}
# What is exact by double precision: functions that the compiler writes kernels of where a network needs them.
_DOUBLE_HEADER = "tg_double.h"
_WITH_DOUBLE = {KERNELS[symbol].origin.symbol for symbol in _DOUBLE}
_CALL = re.compile(r"\b([A-Za-z_]\w*)\s*\(")
_DEFINITION = re.compile(r"^(?:static |inline |const )*\w[\w ]*?\**(\w+)\([^;{]*\)\s*\{", re.MULTILINE)
_KEYWORDS = {"if", "for", "while", "switch", "return", "sizeof"}


def _code(path: Path) -> str:
    """A C file without its comments."""
    text = path.read_text(encoding="utf-8")
    return re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.DOTALL)


def _body(text: str, begin: int) -> str:
    """From after an opening brace to the one that closes it."""
    depth = 1
    for position in range(begin, len(text)):
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        if depth == 0:
            return text[begin:position]
    return text[begin:]


def _calls(text: str) -> dict[str, set[str]]:
    """The functions defined in ``text``, each with the names that it calls."""
    bodies = {match.group(1): _body(text, match.end()) for match in _DEFINITION.finditer(text)}
    return {name: set(_CALL.findall(body)) - _KEYWORDS for name, body in bodies.items()}


def _headers() -> list[Path]:
    """Those that kernels share, and, in a folder of each family, those of kernels."""
    return sorted((resources.RUNTIME / INCLUDE).rglob("*.h"))


def test_no_function_calls_itself() -> None:
    """No function of the runtime leads back to itself: the stack a kernel needs is known at compile time."""
    shared = {name: called for path in _headers() for name, called in _calls(_code(path)).items()}
    assert "tg_max" in shared["tg_clamp_s8"]
    for path in runtime_sources():
        calls = shared | _calls(_code(path))
        assert path.stem in calls
        assert calls.keys() <= set(graphlib.TopologicalSorter(calls).static_order())


def test_a_planted_recursion_is_found() -> None:
    """Two functions that call each other are seen as such."""
    text = "static int even(int n) {\n  return n == 0 || odd(n - 1);\n}\n\nint odd(int n) { return even(n - 1); }\n"
    calls = _calls(text)
    assert calls == {"even": {"odd"}, "odd": {"even"}}
    with pytest.raises(graphlib.CycleError):
        list(graphlib.TopologicalSorter(calls).static_order())


# Headers of compilers that declare the processor's instructions.
_INSTRUCTIONS = {"tg_dsp.h": "<arm_acle.h>", "tg_mve.h": "<arm_mve.h>"}


def test_sources_use_no_heap_no_double_and_no_library() -> None:
    """No C file asks for memory at run time, includes more than stdint.h, or computes in double precision.

    ``_DOUBLE`` says which kernel may, and why.
    """
    headers = {f'"{path.relative_to(resources.RUNTIME / INCLUDE).as_posix()}"' for path in _headers()}
    for path in [*runtime_sources(), *_headers()]:
        text = _code(path)
        includes = set(re.findall(r"#include\s*(\S+)", text))
        # Compilers declare the processor's instructions in it: no library has a part in that.
        instructions = {_INSTRUCTIONS[path.name]} if path.name in _INSTRUCTIONS else set()
        assert includes <= {"<stdint.h>", *instructions, *headers}, path.name
        assert not re.findall(r"\b(?:malloc|calloc|realloc|free|alloca|setjmp|asm|goto)\b", text), path.name
        double = re.findall(r"\bdouble\b|(?<!\w)\d+\.\d*(?![\df])", text)
        may = (path.suffix == ".c" and path.stem in _WITH_DOUBLE) or path.name == _DOUBLE_HEADER
        assert bool(double) == may, f"{path.name} has {double}"


@pytest.fixture(scope="module")
def helpers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """By kernel, what its object for the Cortex-M0+ needs of other files."""
    board = load_board("frdm-ke16z")
    try:
        compiler = default(board)
    except ToolError as error:
        pytest.skip(f"no compiler for {board.name}: {error.problems[0].found}")
    sources, objects = compile_runtime(compiler, board, tmp_path_factory.mktemp("objects"))
    return {source.stem: _undefined(path) for source, path in zip(sources, objects, strict=True)}


def _undefined(path: Path) -> set[str]:
    with path.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        symbols = list(table.iter_symbols())
    return {symbol.name for symbol in symbols if symbol["st_shndx"] == "SHN_UNDEF" and symbol.name}


@pytest.mark.parametrize("symbol", sorted(KERNELS))
@pytest.mark.slow  # compiles C
def test_integer_kernels_need_no_floats_and_no_library(helpers: dict[str, set[str]], symbol: str) -> None:
    """On a core without FPU, a kernel of integers calls no floating-point helper, and no kernel calls a libc."""
    foreign = {name for name in helpers[symbol] if not _HELPERS.fullmatch(name)}
    # Cores with DSP, for which some kernels are, multiply to 64 bits with one instruction; the core here does not.
    int16 = any(operand.dtype == "int16" for operand in KERNELS[symbol].operands)
    if KERNELS[symbol].needs or int16 or symbol in _WIDE_PRODUCTS:
        foreign = {name for name in foreign if not _WIDE_HELPERS.fullmatch(name)}
    scales = any(ctype == "float" for _, ctype in c_fields(KERNELS[symbol].params))  # integers between conversions
    scales = scales or symbol in _BY_A_WORD
    if scales or any(operand.dtype == "float32" for operand in KERNELS[symbol].operands):
        assert foreign or symbol in _ON_BITS, "a kernel of floats calls helpers here: the test would not see floats"
        assert all(name.startswith("__") for name in foreign)
        double = {name for name in foreign if re.search(r"_(d|f2d)\w*$|df3$|sfdf2|__aeabi_[di]2?d", name)}
        assert bool(double) == (symbol in _DOUBLE), double
    else:
        assert foreign == set()
