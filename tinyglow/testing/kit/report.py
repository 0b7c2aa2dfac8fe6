"""A fault as tests that show it again: a C file for Unity, and a Python file for pytest."""

from __future__ import annotations

import inspect
import os
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinyglow.bundle.render import hex_float, render
from tinyglow.ir.graph import Array
from tinyglow.testing.kit.conventions import FLAT, numbers_of, prototype, statement, tensors_of
from tinyglow.testing.kit.kernels import CKernel, PythonKernel
from tinyglow.testing.kit.layout import Fault
from tinyglow.testing.kit.problem import OUTPUT, Question

_COLUMNS = 100


def _lines(values: Sequence[str]) -> list[str]:
    """Numbers in lines, without the last comma."""
    return textwrap.wrap(", ".join(values), _COLUMNS, break_long_words=False) or []


def _rows(values: Sequence[str]) -> list[str]:
    return [line.rstrip(",") for line in _lines(values)]


def _c_number(value: int | float, ctype: str) -> str:
    if ctype == "float":
        return hex_float(float(value))
    if ctype == "uint32_t":
        return f"{int(value)}u"
    if ctype == "int64_t":
        return "(-9223372036854775807LL - 1)" if int(value) == -(2**63) else f"{int(value)}LL"
    return "(-2147483647 - 1)" if int(value) == -(2**31) else str(int(value))


def _found(fault: Fault) -> str:
    """The fault in one line, for a comment."""
    return fault.text.replace("*/", "* /").replace("\\", "/").replace('"', "'")


def unity_test(kernel: CKernel | PythonKernel, question: Question, fault: Fault, in_place: str) -> str:
    """A C file for the Unity test framework: compile it with Unity's ``unity.c``.

    It includes the kernel's C file. For a kernel in Python, or in a library, it declares a function of the flat
    convention.
    """
    known, numerics = question.known, question.numerics
    convention = kernel.convention if isinstance(kernel, CKernel) else FLAT
    symbol = kernel.symbol if isinstance(kernel, CKernel) else known.name
    is_source = isinstance(kernel, CKernel) and not kernel.is_library
    headers = [*kernel.headers, kernel.path.resolve().as_posix()] if isinstance(kernel, CKernel) and is_source else []
    declared = (
        kernel.path.read_text(encoding="utf-8", errors="replace") if headers and isinstance(kernel, CKernel) else ""
    )
    call = statement(known, numerics, convention, symbol, declared)
    expected = question.expected().ravel()
    output = dict(tensors_of(known, numerics))[OUTPUT]
    described: list[dict[str, Any]] = []
    for name, ctype in tensors_of(known, numerics):
        if name == OUTPUT and in_place:
            continue
        data = question.inputs.get(name)
        size = expected.size if data is None else data.size
        values = [] if data is None else _rows([_c_number(item, ctype) for item in data.ravel().tolist()])
        described.append({"name": name, "ctype": ctype, "size": size, "data": values})
    if in_place:  # the output is declared after the input that it overwrites
        call = f"{output} *const {OUTPUT} = {in_place};\n{call}"
    return render(
        "testing/kit_unity.c.j2",
        operator=known.name,
        numerics=numerics,
        found=_found(fault),
        headers=headers,
        prototype="" if is_source else prototype(known, numerics, symbol),
        tensors=described,
        numbers=[
            {"name": name, "ctype": ctype, "value": _c_number(question.numbers[name], ctype)}
            for name, ctype in numbers_of(known, numerics)
        ],
        unused=[name for name, _ in (*tensors_of(known, numerics), *numbers_of(known, numerics)) if name != OUTPUT],
        output=output,
        expected={"size": expected.size, "data": _rows([str(item) for item in expected.tolist()])},
        in_place=in_place,
        call="\n".join(f"  {line}".rstrip() for line in call.splitlines()),
    )


def pytest_test(kernel: CKernel | PythonKernel, question: Question, fault: Fault, in_place: str) -> str:
    """A Python file for pytest."""
    known = question.known
    options: list[tuple[str, str]] = []
    imports: list[str] = []
    if isinstance(kernel, CKernel):
        expression = repr(str(kernel.path.resolve()))
        options = _options(kernel)
    else:
        expression, imports = _python_kernel(kernel)
    if in_place:
        options.append(("in_place", repr(in_place)))
    return render(
        "testing/kit_pytest.py.j2",
        operator=known.name,
        numerics=question.numerics,
        found=_found(fault),
        imports=imports,
        numbers=[(name, repr(value)) for name, value in question.numbers.items()],
        inputs=[
            {"name": name, "dtype": data.dtype, "shape": tuple(data.shape), "data": _rows(_python_numbers(data))}
            for name, data in question.inputs.items()
        ],
        expected=_rows([str(item) for item in question.expected().ravel().tolist()]),
        kernel=expression,
        shape=tuple(question.shape),
        options=options,
    )


def _python_numbers(data: Array) -> list[str]:
    return [repr(item) for item in np.asarray(data).ravel().tolist()]


def _options(kernel: CKernel) -> list[tuple[str, str]]:
    """The arguments of ``run_kernel`` that differ from its defaults."""
    found = [("symbol", repr(kernel.symbol))]
    if kernel.convention != FLAT:
        found.append(("convention", repr(kernel.convention)))
    for name in ("headers", "flags"):
        if value := list(getattr(kernel, name)):
            found.append((name, repr(value)))
    for name in ("sources", "include_dirs"):
        if paths := [str(Path(path).resolve()) for path in getattr(kernel, name)]:
            found.append((name, repr(paths)))
    found += [(name, repr(value)) for name in ("board", "compiler") if (value := getattr(kernel, name))]
    return found


def _python_kernel(function: PythonKernel) -> tuple[str, list[str]]:
    """An expression for a Python function, and the lines before the test that it needs."""
    module, name = getattr(function, "__module__", ""), getattr(function, "__qualname__", "")
    path = inspect.getsourcefile(function) if inspect.isfunction(function) else None
    if module and name.isidentifier() and path and os.path.isfile(path):
        # By the file, which need not be on the path of the one who runs the test.
        lines = ["from importlib.util import module_from_spec, spec_from_file_location", ""]
        # Under its own name a script would run what it runs as a program.
        module = Path(path).stem if module == "__main__" else module.rpartition(".")[2]
        lines += [f"_spec = spec_from_file_location({module!r}, {str(Path(path).resolve())!r})"]
        lines += ["_module = module_from_spec(_spec)", "_spec.loader.exec_module(_module)"]
        return f"_module.{name}", lines
    try:
        source = textwrap.dedent(inspect.getsource(function)).rstrip()
    except (OSError, TypeError):
        source = ""
    short = name.rpartition(".")[2]
    if source.startswith("def ") and short.isidentifier():
        return short, ["", "", *source.splitlines()]
    return "my_kernel", ["", "from my_module import my_kernel  # write here where your kernel is"]
