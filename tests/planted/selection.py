"""Which tests are run for a mutant: those that are about its file, the quickest first.

The rules go by what imports and includes what, so that a new module or kernel needs no entry here.
"""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Iterable, Mapping, Sequence

from tests.planted.imports import ROOT, module_of, naming_c, naming_tests, users
from tinyglow.bundle.kernel_source import kernel_source
from tinyglow.ir.kernel import Kernel
from tinyglow.registry import KERNELS, WITH_EPILOGUES

_MOST_KERNELS = 8  # whose cases are run for one mutant
_NEAR = 2  # modules that import a module through so many others use it, as far as its mutants go
_MOST_DIRECT = 6  # tests that import a module
_MOST_OF_OPERATORS = 8  # tests of the operators that use it
# Of kernels that the compiler writes where a network needs them, whose headers no kernel of the runtime includes.
_WRITTEN = ("tests/unit/kernels/test_generic.py", "tests/unit/kernels/test_mirror.py")
_HOST = "tests/parity/test_host.py::test_c_equals_numpy"
_CORES = "tests/parity/test_cores.py::test_core_equals_numpy"
_DSP = "tests/parity/test_cores.py::test_other_dsp_cores_equal_numpy"
_ROUNDING = "tests/unit/test_epilogue_c.py"
_LOOPS = "tests/parity/test_epilogues.py::test_c_equals_numpy"
_LOOPS_ON_CORES = "tests/parity/test_epilogues.py::test_core_equals_numpy"
# Quick, and of all that kernels say of themselves.
_CALLS = "tests/golden_dumps/test_layers.py"
# After what is about a module itself: what looks at whole networks, and at what many modules have a part in.
_BROAD: Mapping[str, Sequence[str]] = {
    "tinyglow/numerics": (
        *("tests/unit/test_numerics.py", "tests/unit/test_numerics_tflite.py", "tests/unit/test_numerics_tflm.py"),
        *("tests/unit/test_float32.py", "tests/unit/test_wide.py", "tests/unit/test_onnx_integers.py"),
        *("tests/unit/test_epilogue.py", "tests/unit/test_quantizer.py"),
    ),
    "tinyglow/kernels": (
        *("tests/unit/checker/test_numbers.py", "tests/unit/checker/test_numbers_of_kernels.py"),
        *("tests/unit/kernels", "tests/golden_dumps", "tests/unit/operators/test_int16.py"),
        *("tests/unit/test_exact_dot.py", "tests/unit/test_costs.py", "tests/unit/test_small_bundles.py"),
    ),
    "tinyglow/lowering": (
        *("tests/golden_dumps", "tests/unit/test_plan.py", "tests/unit/test_line_buffers.py"),
        *("tests/unit/test_reuse.py", "tests/unit/states"),
        *("tests/unit/test_tcm.py", "tests/unit/bundle/test_memories.py", "tests/unit/test_own_buffers.py"),
    ),
}


def chosen_tests(file: str) -> list[str]:
    """What pytest is to be given for a mutant of a file, in this order."""
    if file.startswith("runtime_c/"):
        symbols = _including(file)
        rounding = [_ROUNDING] if "epilogue" in file else []
        return [*naming_c(file), *rounding, *(_parity(_spread(symbols), with_cores=True) if symbols else _WRITTEN)]
    module = module_of(file)
    folder = next(folder for folder in _BROAD if file.startswith(folder))
    near = {name: steps for name, steps in users(module).items() if steps <= _NEAR}
    parity = [] if folder == "tinyglow/lowering" else _parity(_spread(_declared_by(near)), with_cores=False)
    # The test that has its name first, then that of its folder; then those that import it.
    names = module.split(".")[:0:-1]
    direct = sorted(naming_tests(module), key=lambda test: [name not in test for name in names])
    operators = [] if folder == "tinyglow/lowering" else _of_operators(near)
    # Numerics are held to integers and to C by what imports them: that takes less time than the kernels' cases.
    first = _MOST_DIRECT if folder == "tinyglow/numerics" else 1
    calls = [_CALLS] if folder == "tinyglow/kernels" else []
    return list(
        dict.fromkeys([*direct[:first], *calls, *parity, *direct[first:_MOST_DIRECT], *operators, *_BROAD[folder]])
    )


def _of_operators(modules: Mapping[str, int]) -> list[str]:
    """The tests of the operators among these modules: those that have their names, and those that import them."""
    found = []
    for name in sorted((name for name in modules if ".operators." in name), key=lambda name: (modules[name], name)):
        own = f"tests/unit/operators/test_{name.rpartition('.')[2]}.py"
        found += [own] if (ROOT / own).exists() else []
        found += naming_tests(name)[:1]
    return list(dict.fromkeys(found))[:_MOST_OF_OPERATORS]


def kernels_of(file: str) -> list[Kernel]:
    """The kernels whose cases are run for a C file."""
    return [KERNELS.get(symbol) or WITH_EPILOGUES[symbol] for symbol in _spread(_including(file))]


@functools.cache
def _sources() -> Mapping[str, str]:
    """The text of each kernel, and of all that it includes."""
    headers = {
        path.relative_to(ROOT / "runtime_c/include").as_posix(): path.read_text(encoding="utf-8")
        for path in (ROOT / "runtime_c/include").rglob("*.h")
    }

    def whole(text: str, seen: set[str]) -> str:
        names = [name for name in re.findall(r'#include "([^"]+)"', text) if name in headers and name not in seen]
        seen.update(names)
        return text + "".join(f"\n//{name}\n{whole(headers[name], seen)}" for name in names)

    kernels = [*KERNELS.values(), *WITH_EPILOGUES.values()]
    return {kernel.symbol: whole(kernel_source(kernel), set()) for kernel in kernels}


def _including(file: str) -> list[str]:
    """The kernels that a C file is a part of, the shortest text first."""
    if file.startswith("runtime_c/src/"):
        own = file.removeprefix("runtime_c/src/")
        found = [kernel.symbol for kernel in KERNELS.values() if kernel.origin.c_file == own]
        return found or [kernel.symbol for kernel in WITH_EPILOGUES.values() if kernel.origin.c_file == own]
    mark = f"\n//{file.removeprefix('runtime_c/include/')}\n"
    users_ = [symbol for symbol, text in _sources().items() if mark in text]
    plain = [symbol for symbol in users_ if symbol in KERNELS]
    return sorted(plain or users_, key=lambda symbol: (len(_sources()[symbol]), symbol))


def _spread(symbols: Sequence[str]) -> list[str]:
    """Some of them, from the whole."""
    if len(symbols) <= _MOST_KERNELS:
        return list(symbols)
    return [symbols[i * len(symbols) // _MOST_KERNELS] for i in range(_MOST_KERNELS)]


@functools.cache
def _declarations() -> Mapping[str, list[str]]:
    """The kernels that each module declares."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "tinyglow/kernels").rglob("*.py")):
        module = module_of(str(path.relative_to(ROOT)))
        assigned = re.findall(r"^([A-Z]\w*)(?::[^=\n]+)? = ", path.read_text(encoding="utf-8"), re.MULTILINE)
        values = vars(importlib.import_module(module))
        kernels = [values[name] for name in assigned if isinstance(values.get(name), Kernel)]
        found[module] = [kernel.symbol for kernel in kernels if kernel.symbol in KERNELS]
    return found


def _declared_by(modules: Mapping[str, int]) -> list[str]:
    """The kernels of these modules, those of the nearest first."""
    near = sorted(modules, key=lambda name: (modules[name], name))
    return list(dict.fromkeys(symbol for name in near for symbol in _declarations().get(name, ())))


def _parity(symbols: Iterable[str], with_cores: bool) -> list[str]:
    kernels = list(symbols)
    plain = [symbol for symbol in kernels if symbol in KERNELS]
    loops = [symbol for symbol in kernels if symbol not in KERNELS]
    found = [f"{_HOST}[{symbol}]" for symbol in plain] + [f"{_LOOPS}[{symbol}]" for symbol in loops]
    if with_cores:
        dsp = [symbol for symbol in plain if "_dsp_" in KERNELS[symbol].c_file]
        for board in ("frdm-ke16z", "mimxrt1060-evk"):
            found += [f"{_CORES}[{board}-{symbol}]" for symbol in plain]
            found += [f"{_LOOPS_ON_CORES}[{board}-{symbol}]" for symbol in loops]
        found += [f"{_DSP}[{board}-{symbol}]" for board in ("cortex-m4", "cortex-m33") for symbol in dsp]
    return found
