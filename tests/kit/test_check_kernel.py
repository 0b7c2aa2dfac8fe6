"""A kernel is compared with the reference: right ones pass, bugs are found, and the printed tests show them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT
from tests.kit.planted import BUGS, KERNELS, Bug
from tinyglow.errors import InputError, ToolError
from tinyglow.sim.toolchain import find_compiler
from tinyglow.targets.boards import HOST
from tinyglow.testing import KernelFault, check_kernel, is_full, operators, prototype, reference, run_kernel

HERE = Path(__file__).parent
OF_KERNELS_C = ("requantize", "fully_connected", "conv2d_per_channel", "depthwise_conv2d_per_channel", "add", "mul")
OF_KERNELS_C += ("max_pool", "avg_pool", "lookup", "concat", "fully_connected_s4", "fully_connected_s16")
# One of each kind that must be found, on several operators; the others run with the long tests.
FAST = (0, 3, 7, 10, 13, 15, 17)
EXAMPLES = 3_000 if is_full() else 40


def _long(values: range) -> list[object]:
    return [number if number in FAST else pytest.param(number, marks=pytest.mark.long) for number in values]


@pytest.fixture(name="compiler", scope="module")
def _compiler() -> str:
    """The compiler of this machine; the tests are skipped where there is none."""
    try:
        return find_compiler(None, HOST).kind
    except ToolError as error:
        pytest.skip(f"needs a C compiler: {error}")


def _found(bug: Bug, shrinks: int = 0) -> KernelFault:
    with pytest.raises(KernelFault) as caught:
        check_kernel(bug.planted(), bug.operator, "tflm", in_place=bug.in_place, shrinks=shrinks, flags=["-O0"])
    return caught.value


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long) for name in OF_KERNELS_C if name != "add"] + ["add"]
)
def test_right_kernels_pass(name: str, compiler: str) -> None:
    """Kernels in C that are right, in place where they may be."""
    assert check_kernel(KERNELS, name, "tflm", in_place=True, examples=EXAMPLES).calls >= EXAMPLES


@pytest.mark.slow
@pytest.mark.parametrize("number", _long(range(len(BUGS))))
def test_planted_bugs_are_found(number: int, compiler: str) -> None:
    """Each within 300 calls, which take seconds."""
    bug = BUGS[number]
    fault = _found(bug)
    assert fault.examples <= 900 and fault.question.operator == bug.operator
    assert bool(fault.in_place) == bug.in_place


def _run_unity(fault: KernelFault, folder: Path) -> subprocess.CompletedProcess[str]:
    source, _ = fault.write(folder)
    program = find_compiler(None, HOST).compile_host([source], folder / "unity", include_dirs=[HERE], flags=["-Werror"])
    return subprocess.run([program], check=False, capture_output=True, encoding="utf-8")


def _run_pytest(fault: KernelFault, folder: Path) -> subprocess.CompletedProcess[str]:
    _, source = fault.write(folder)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={folder}", str(source)]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, check=False, capture_output=True, encoding="utf-8", cwd=folder, env=environment)


def _on_file(bug: Bug, folder: Path) -> KernelFault:
    """The fault of a bug in a file that stays, as a user's does."""
    path = folder / "kernels.c"
    path.write_text(bug.planted(), encoding="utf-8")
    with pytest.raises(KernelFault) as caught:
        check_kernel(path, bug.operator, "tflm", in_place=bug.in_place, shrinks=60)
    path.with_suffix(".good").write_text(KERNELS.read_text(encoding="utf-8"), encoding="utf-8")
    return caught.value


def _mend(folder: Path) -> None:
    (folder / "kernels.good").replace(folder / "kernels.c")


def _run_here(fault: KernelFault) -> None:
    """What the printed Python file does when pytest runs it."""
    namespace: dict[str, Callable[[], None]] = {}
    exec(compile(fault.pytest_test, "test_printed.py", "exec"), namespace)  # type: ignore[arg-type]
    namespace[f"test_{fault.question.operator}"]()


@pytest.mark.slow
def test_a_printed_test_shows_a_crash(compiler: str, tmp_path: Path) -> None:
    """In C and in Python; the long tests do so with other faults, and with pytest itself."""
    fault = _on_file(BUGS[-1], tmp_path)
    assert _run_unity(fault, tmp_path).returncode != 0
    with pytest.raises(AssertionError, match="it crashed"):
        _run_here(fault)
    _mend(tmp_path)
    assert _run_unity(fault, tmp_path).returncode == 0
    _run_here(fault)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("number", [0, 3, 13, 19, 20, 24, len(BUGS) - 1])
def test_printed_tests_show_the_fault(number: int, compiler: str, tmp_path: Path) -> None:
    """Both fail while the bug is there, and pass when it is mended: wrong results, stray writes, crashes."""
    fault = _on_file(BUGS[number], tmp_path)
    assert _run_unity(fault, tmp_path).returncode != 0
    done = _run_pytest(fault, tmp_path)
    assert done.returncode == 1 and "1 failed" in done.stdout, done.stdout + done.stderr
    _mend(tmp_path)
    done_in_c = _run_unity(fault, tmp_path)
    assert done_in_c.returncode == 0, done_in_c.stdout
    done = _run_pytest(fault, tmp_path)
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.slow
def test_a_fault_is_made_small(compiler: str) -> None:
    """A wrong tail shows with one row and one unit, of plain data; the text has both tests."""
    bug = next(bug for bug in BUGS if bug.name == "swapped offsets" and bug.operator == "add")
    fault = _found(bug, shrinks=200)
    assert fault.question.inputs["input"].size == 1
    text = str(fault)
    assert "TEST_ASSERT_EQUAL_INT8_ARRAY(expected, output, 1);" in text and "def test_add():" in text
    assert "1 of 1 elements of the output differ" in text


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("board", ["cortex-m0plus", "cortex-m7"])
def test_on_a_core(board: str) -> None:
    """A kernel for a core runs in the simulator: a right one passes, wrong ones are found, also a fault of the core."""
    for name in ("unicorn", "ziglang"):
        pytest.importorskip(name, reason="needs the extras tinyglow[sim,cc]")
    assert check_kernel(KERNELS, "fully_connected", "tflm", board=board, examples=20).calls == 20
    for bug in (BUGS[10], BUGS[19], BUGS[-1]):
        with pytest.raises(KernelFault) as caught:
            check_kernel(bug.planted(), bug.operator, "tflm", board=board, shrinks=0)
        assert caught.value.fault.kind in ("result", "write", "crash")


@pytest.mark.slow
def test_a_shared_library(compiler: str, tmp_path: Path) -> None:
    """A function of the flat convention in a library is called as it is, floats included; a missing one is named."""
    text = (
        "void relu(const signed char *x, signed char *y, int n, int a, int b, float scale) { (void)scale; y[n] = 0; }"
    )
    source = tmp_path / "relu.c"
    source.write_text(text, encoding="utf-8")
    program = find_compiler(None, HOST)
    library = program.compile_shared([source], tmp_path / "relu.so", flags=["-Wno-unused-parameter"])
    with pytest.raises(KernelFault) as caught:
        check_kernel(library, "relu", "onnx", shrinks=0)
    assert caught.value.fault.place == "output" and "void relu(const int8_t *input" in caught.value.unity_test
    right = program.compile_shared([KERNELS], tmp_path / "kernels.so", flags=["-O0"])
    assert check_kernel(right, "mul", "tflm", in_place=True, examples=10).calls == 30
    with pytest.raises(ToolError, match="cannot load the kernel"):
        check_kernel(right, "relu", "onnx")


# Python kernels


def numpy_add(input, other, count, input_offset, other_offset, output_offset, input_scale, other_scale, output_scale):  # type: ignore[no-untyped-def]
    """A sum as ONNX defines it, with a bug: ties away from zero."""
    real = (input.astype("f4") - input_offset) * np.float32(input_scale)
    real = real + (other.astype("f4") - other_offset) * np.float32(other_scale)
    steps = real / np.float32(output_scale)
    return np.clip(np.floor(np.abs(steps) + 0.5) * np.sign(steps) + output_offset, -128, 127).astype(np.int8)


def test_a_python_kernel() -> None:
    """Its signature says what it gets; what is printed for pytest finds it by its file, and fails."""
    with pytest.raises(KernelFault) as caught:
        check_kernel(numpy_add, "add", "onnx", shrinks=100)
    fault = caught.value
    assert fault.fault.kind == "result" and "void add(const int8_t *input" in fault.unity_test
    with pytest.raises(AssertionError):
        _run_here(fault)


def test_a_python_kernel_in_place() -> None:
    """``output`` is the input's own array where the kernel is tried in place."""

    def lookup(input, table, output):  # type: ignore[no-untyped-def]
        output[...] = 0
        output[...] = table[input.astype(int) + 128]

    assert check_kernel(lookup, "lookup", examples=20).calls == 20
    with pytest.raises(KernelFault) as caught:
        check_kernel(lookup, "lookup", in_place=True, examples=60)
    assert caught.value.in_place == "input"
    assert "def lookup(input, table, output):" in caught.value.pytest_test


@pytest.mark.parametrize(
    ("kernel", "kind", "words"),
    [
        (lambda input: 1 / 0, "crash", "it raised ZeroDivisionError"),
        (lambda input: input.astype("f4"), "shape", "it returned float32"),
        (lambda input: input.ravel()[:0], "shape", "not int8"),
        (lambda input, table: (table.fill(0), input)[1], "write", "it changed table"),
        (
            lambda input, table: table[input.astype(int) + 128].astype(int) + 256,
            "result",
            "elements of the output differ",
        ),
    ],
)
def test_what_a_python_kernel_may_do_wrong(kernel: Callable[..., object], kind: str, words: str) -> None:
    """Exceptions, results of another type or size, changed inputs, results beyond int8."""
    with pytest.raises(KernelFault) as caught:
        check_kernel(kernel, "lookup", shrinks=0)
    assert caught.value.fault.kind == kind and words in str(caught.value.fault)


# Interface


def test_the_same_seed_finds_the_same() -> None:
    """Two runs end with the same call; another seed tries others."""

    def wrong(input, table):  # type: ignore[no-untyped-def]
        return np.where(input == 5, 0, table[input.astype(int) + 128])

    found = []
    for seed in (3, 3):
        with pytest.raises(KernelFault) as caught:
            check_kernel(wrong, "lookup", seed=seed)
        found.append(str(caught.value))
    assert found[0] == found[1]


def test_bad_arguments_are_named(tmp_path: Path) -> None:
    """Operator, numerics, file, convention, arguments: what is there, and what could be."""
    with pytest.raises(InputError, match="unknown operator"):
        check_kernel(print, "convolve")
    with pytest.raises(InputError, match="unknown numerics"):
        check_kernel(print, "add", "pytorch")
    with pytest.raises(InputError, match="no such kernel"):
        check_kernel(tmp_path / "none.c", "add")
    with pytest.raises(InputError, match="no kernel"):
        check_kernel(tmp_path / "none.txt", "add")
    with pytest.raises(InputError, match="no such convention"):
        check_kernel(KERNELS, "concat", convention="cmsis-nn")
    with pytest.raises(InputError) as caught:
        run_kernel(print, "lookup", "tflm", {"size": 3}, {"input": np.zeros(3, np.int8)}, (3,))
    assert "table" in str(caught.value) and "count" in str(caught.value) and "size" in str(caught.value)


def test_a_compiler_s_complaint_is_told(compiler: str) -> None:
    """C that does not compile is an error with the compiler's own words."""
    with pytest.raises(ToolError, match="lookup"):
        check_kernel("void lookup(void) {}", "lookup")


def test_prototypes() -> None:
    """Inputs, the output, numbers; constants differ by numerics."""
    assert prototype("requantize", "tflm", "mine") == (
        "void mine(const int32_t *input, int8_t *output, int32_t count, int32_t output_offset, int32_t multiplier, "
        "int32_t shift, int32_t act_min, int32_t act_max)"
    )
    assert "int32_t pre_shift, int32_t post_shift" in prototype("requantize", "glow")
    assert "float requant_scale" in prototype("requantize", "onnx")
    assert "const int32_t *multiplier, const int32_t *shift, int8_t *output" in prototype("conv2d_per_channel", "tflm")


def test_an_oracle_computes_many_at_once() -> None:
    """Worked out by hand: ties of the second rounding go away from zero in tflm, upwards in glow, to even in onnx."""
    sums = np.array([1, 3, -1, -3, 1000, -1000], np.int32)
    common = {"input": sums, "count": 6, "output_offset": 0, "act_min": -128, "act_max": 127}
    half = {"tflm": {"multiplier": 2**30, "shift": 0}, "onnx": {"requant_scale": 0.5}}
    half["glow"] = {"multiplier": 1, "pre_shift": 0, "post_shift": 1}
    found = {name: reference("requantize", name)(**common, **own).tolist() for name, own in half.items()}
    assert found["glow"] == [1, 2, 0, -1, 127, -128]
    assert found["onnx"] == [0, 2, 0, -2, 127, -128]
    assert found["tflm"] == [1, 2, 0, -1, 127, -128]  # the first rounding's ties go upwards


def test_the_operators_that_there_are() -> None:
    """At least these; each has a summary that is a phrase."""
    wanted = {"fully_connected", "conv2d", "conv2d_per_channel", "depthwise_conv2d", "depthwise_conv2d_per_channel"}
    wanted |= {"add", "sub", "mul", "max_pool", "avg_pool", "softmax", "requantize", "relu", "lookup", "mean", "concat"}
    assert wanted <= set(operators())
    assert all(re.match(r"\S.*[^.]$", known.summary) for known in operators().values())


def test_folders_give_what_is_called(compiler: str, tmp_path: Path) -> None:
    """Of a folder of C files those are compiled that define what is called, through others too; the rest is left."""
    library = tmp_path / "library"
    library.mkdir()
    files = {
        "kernel.c": "int look(int x);\nvoid lookup(const signed char *x, const signed char *t, signed char *y, int n) "
        "{ for (int i = 0; i < n; i++) { y[i] = t[look(x[i])]; } }\n",
        "library/look.c": "extern const int RAISED;\nint look(int x);\nint look(int x) { return x + RAISED; }\n",
        "library/numbers.c": "extern const int RAISED;\nconst int RAISED = 128;\n",
        "library/other.c": "#error not called\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert check_kernel(tmp_path / "kernel.c", "lookup", sources=[library], examples=5).calls == 5
    (library / "numbers.c").unlink()
    with pytest.raises(ToolError, match="compile the C file that defines it"):
        check_kernel(tmp_path / "kernel.c", "lookup", sources=[library], examples=5)


def test_calls_that_are_left_out_are_drawn_anew() -> None:
    """``only`` does not make the calls fewer; output and further arguments come together."""
    seen = []

    def lookup(output, **given):  # type: ignore[no-untyped-def]
        seen.append(given["count"])
        output[...] = given["table"][given["input"].astype(int) + 128]

    done = check_kernel(lookup, "lookup", examples=20, only=lambda question: question.numbers["count"] % 2 == 0)
    assert done.calls == len(seen) == 20 and not any(count % 2 for count in seen)


@pytest.mark.slow
@pytest.mark.long
def test_a_printed_test_runs_no_program(tmp_path: Path) -> None:
    """A kernel in a script: what the script does as a program is not done again by the test that is printed."""
    script = tmp_path / "kernels.py"
    lines = [
        "from tinyglow.testing import KernelFault, check_kernel",
        "def lookup(input, table):",
        "    return input",
        "if __name__ == '__main__':",
        "    try:",
        "        check_kernel(lookup, 'lookup', shrinks=0)",
        "    except KernelFault as fault:",
        "        open('printed', 'w').write(fault.pytest_test)",
    ]
    script.write_text("\n".join(lines), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, str(script)], check=True, cwd=tmp_path, env=environment)
    printed = (tmp_path / "printed").read_text(encoding="utf-8")
    assert "spec_from_file_location('kernels'" in printed
    (tmp_path / "printed").unlink()
    namespace: dict[str, Callable[[], None]] = {}
    exec(compile(printed, "test_printed.py", "exec"), namespace)  # type: ignore[arg-type]
    with pytest.raises(AssertionError):
        namespace["test_lookup"]()
    assert not (tmp_path / "printed").exists()
