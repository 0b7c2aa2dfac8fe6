"""Node tests in compiled C on this machine: many networks in one shared library, each compared with the interpreter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tinyglow import resources
from tinyglow.bundle.emit import bundle_files, weights_bytes
from tinyglow.bundle.kernel_header import kernel_headers
from tinyglow.bundle.kernel_source import kernel_source
from tinyglow.interp import quantized_input
from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import Kernel
from tinyglow.ir.program import Program, Region
from tinyglow.pipeline.binding import bind_inputs
from tinyglow.sim.host import HostBundle
from tinyglow.sim.toolchain import Compiler, find_compiler
from tinyglow.targets.boards import HOST
from tinyglow.testing.conformance.run import Verdict

_FLAGS = ("-O0", "-Wall", "-Wextra", "-Wconversion", "-Werror")


def _source(program: Program) -> str:
    """A network's C file: all that it defines has the network's name, so that many fit one file."""
    text = bundle_files(program, 1.0)[f"{program.name}.c"].decode()
    declaration = f"int {program.name}(uint8_t *constantWeight, uint8_t *mutableWeight, uint8_t *activations);\n"
    return declaration + text.replace(f'#include "{program.name}.h"\n', "")


def _write(programs: Sequence[Program], folder: Path) -> list[Path]:
    """The C files of the library in ``folder``."""
    kernels: dict[str, Kernel] = {}
    for program in programs:
        kernels |= {call.kernel.symbol: call.kernel for call in program.calls}
    for name, text in kernel_headers(kernels.values()).items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    paths, made = [], []
    for kernel in kernels.values():
        if kernel.text:
            made.append(kernel_source(kernel))
            continue
        paths.append(folder / f"{kernel.symbol}.c")
        paths[-1].write_text(kernel_source(kernel), encoding="utf-8", newline="\n")
    head = '#include "tg_kernels.h"\n#ifndef GLOW_SUCCESS\n#define GLOW_SUCCESS 0\n#endif\n'
    for name, parts in (("made.c", made), ("networks.c", [head, *map(_source, programs)])):
        paths.append(folder / name)
        paths[-1].write_text("\n".join(parts) or "typedef int tg_nothing;\n", encoding="utf-8", newline="\n")
    return paths


def check(verdicts: Sequence[Verdict], folder: Path, compiler: Compiler | None = None) -> dict[str, str]:
    """Compile the programs of tests that are right in the interpreter, and compare what they compute.

    Args:
        verdicts: Of the interpreter.
        folder: For the library.
        compiler: The compiler (default: the first at hand).

    Returns:
        For each test, by its name, what differs in C; "" if nothing does.
    """
    runnable = [verdict for verdict in verdicts if verdict.program is not None and verdict.results]
    programs = [replace(v.program, name=f"node_{n}") for n, v in enumerate(runnable) if v.program is not None]
    if not programs:
        return {}
    sources = _write(programs, folder)
    library = (compiler or find_compiler(None, HOST)).compile_shared(
        sources, folder / "conformance.so", include_dirs=[folder, resources.RUNTIME / "include"], flags=_FLAGS
    )
    return {
        verdict.test.name: _difference(verdict, program, library)
        for verdict, program in zip(runnable, programs, strict=True)
    }


def _difference(verdict: Verdict, program: Program, library: Path) -> str:
    sizes = program.sizes
    bundle = HostBundle(library, program.name, weights_bytes(program), sizes[Region.MUTABLE], sizes[Region.ACTIVATION])
    shapes = {name: program.buffers[name].type.shape for name in program.inputs}
    for given, results in zip(verdict.inputs, verdict.results, strict=False):
        inputs = bind_inputs(shapes, program.source_names, given, program.pixels)
        for name in program.inputs:
            buffer = program.buffers[name]
            data = quantized_input(inputs[name], buffer.type)[0]
            raw = np.ascontiguousarray(data).astype(buffer.type.dtype).tobytes()
            bundle.mutable[buffer.offset : buffer.offset + len(raw)] = np.frombuffer(raw, np.uint8)
        if bundle.infer() != 0:
            return "the network failed"
        for name in program.outputs:
            buffer = program.buffers[name]
            found = bundle.mutable[buffer.offset : buffer.end].view(buffer.type.dtype)
            if not _same(found, results[name].ravel()):
                return f"{name}: C and the interpreter differ"
    return ""


def _same(found: Array, expected: Array) -> bool:
    """Whether the bits are the same."""
    return found.tobytes() == np.ascontiguousarray(expected).astype(found.dtype).tobytes()
