"""A bundle as C: any compiler makes a correct program of it, and sanitizers find nothing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.helpers import MNIST_INPUT, MNIST_OUTPUT, NetBuilder
from tests.unit.bundle.cc import SANITIZED, WARNINGS, command_of, run, sources_in, vectors_for
from tinyglow.bundle.header import bundle_info
from tinyglow.demo import digits
from tinyglow.errors import InputError
from tinyglow.ir.program import Program

# As a user would write it; the arrays have exactly the sizes that the header promises.
MAIN = """
#include <stdio.h>
#include "{net}.h"

GLOW_MEM_ALIGN({NET}_MEM_ALIGN) static uint8_t constants[{NET}_CONSTANT_MEM_SIZE] = {{
#include "{net}.weights.txt"
}};
GLOW_MEM_ALIGN({NET}_MEM_ALIGN) static uint8_t placeholders[{NET}_MUTABLE_MEM_SIZE];
GLOW_MEM_ALIGN({NET}_MEM_ALIGN) static uint8_t arena[{NET}_ACTIVATIONS_MEM_SIZE];

int main(void) {{
  uint8_t *in = GLOW_GET_ADDR(placeholders, {NET}_{input});
  uint8_t *out = GLOW_GET_ADDR(placeholders, {NET}_{output});
  while (fread(in, 1, {in_bytes}, stdin) == {in_bytes}) {{
    if ({net}(constants, placeholders, arena) != GLOW_SUCCESS) {{
      return 1;
    }}
    fwrite(out, 1, {out_bytes}, stdout);
  }}
  return 0;
}}
"""


def _main(program: Program, folder: Path) -> Path:
    info = bundle_info(program)
    in_, out = (info.placeholder(name) for name in (program.inputs[0], program.outputs[0]))
    assert in_ is not None and out is not None
    sizes = {"in_bytes": in_.type.nbytes, "out_bytes": out.type.nbytes}
    text = MAIN.format(net=info.name, NET=info.name.upper(), input=in_.name, output=out.name, **sizes)
    path = folder / "main.c"
    path.write_text(text, encoding="utf-8")
    return path


def _check_answers(program: Program, executable: Path) -> None:
    vectors = vectors_for(program)
    # Samples with NaN are for C alone to survive; numpy's interpreter takes them too, and says the same.
    (expected,) = tinyglow.interpret(program, {program.inputs[0]: vectors}).values()
    output = run([executable], executable.parent, vectors.tobytes())
    np.testing.assert_array_equal(np.frombuffer(output, expected.dtype).reshape(expected.shape), expected)


@pytest.mark.parametrize("compiler", ["gcc", "clang", "zig cc"])
@pytest.mark.parametrize("net", ["mnist", "conv"])
def test_a_users_program_is_the_bundle_and_a_main(
    net: str, compiler: str, programs: dict[str, Program], bundles: dict[str, Path], tmp_path: Path
) -> None:
    """``cc -c DIR/*.c`` needs nothing else and warns of nothing; linked with a main.c it answers as numpy does."""
    command = command_of(compiler)
    program = programs[net]
    main = _main(program, tmp_path)
    sources = sources_in(bundles[net])
    # zig 0.17 writes one object however many files it is given.
    for files in [[source] for source in sources] if "zig" in compiler else [sources]:
        run([*command, *WARNINGS, "-O1", "-c", *files], tmp_path)
    run([*command, *WARNINGS, "-O1", "-c", "-I", bundles[net], main], tmp_path)
    objects = [path.name for path in tmp_path.glob("*.o")]
    assert len(objects) == len(sources) + 1
    run([*command, *objects, "-o", "program"], tmp_path)
    _check_answers(program, tmp_path / "program")


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("net", ["mnist", "conv"])
def test_sanitizers_find_nothing(
    net: str, compiler: str, programs: dict[str, Program], bundles: dict[str, Path], tmp_path: Path
) -> None:
    """Under address and undefined-behaviour sanitizers, with arrays of exactly the promised sizes, all is well."""
    flags = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O1")
    command = [*command_of(compiler), *flags]
    (tmp_path / "probe.c").write_text("int main(void) { return 0; }\n", encoding="utf-8")
    if subprocess.run([*command, "probe.c", "-o", "probe"], cwd=tmp_path, capture_output=True, check=False).returncode:
        pytest.skip(f"{compiler} has no sanitizer libraries")
    main = _main(programs[net], tmp_path)
    run([*command, "-I", bundles[net], main, *sources_in(bundles[net]), "-o", "program"], tmp_path)
    _check_answers(programs[net], tmp_path / "program")


def test_the_sanitizers_would_find_something(
    programs: dict[str, Program], bundles: dict[str, Path], tmp_path: Path
) -> None:
    """The same build reports an arena that is one byte too small for what the kernels write."""
    command = [*command_of("gcc"), "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O1"]
    (tmp_path / "probe.c").write_text("int main(void) { return 0; }\n", encoding="utf-8")
    if subprocess.run([*command, "probe.c", "-o", "probe"], cwd=tmp_path, capture_output=True, check=False).returncode:
        pytest.skip("gcc has no sanitizer libraries")
    main = _main(programs["mnist"], tmp_path)
    main.write_text(main.read_text(encoding="utf-8").replace("arena[", "arena[-1 + "), encoding="utf-8")
    run([*command, "-I", bundles["mnist"], main, *sources_in(bundles["mnist"]), "-o", "program"], tmp_path)
    data = vectors_for(programs["mnist"]).tobytes()
    environment = {**os.environ, "ASAN_OPTIONS": SANITIZED}
    done = subprocess.run([tmp_path / "program"], input=data, capture_output=True, check=False, env=environment)
    assert done.returncode != 0 and b"AddressSanitizer" in done.stderr


@pytest.mark.parametrize("compiler", ["g++", "clang++", "zig c++"])
def test_the_header_serves_cpp(compiler: str, bundles: dict[str, Path], tmp_path: Path) -> None:
    """A C++ program includes the header without a warning, and calls a C function."""
    source = tmp_path / "main.cpp"
    source.write_text(
        '#include "mnist.h"\n#include "mnist.h"\n'
        "static uint8_t memory[MNIST_MUTABLE_MEM_SIZE];\n"
        "int main() { return mnist(memory, GLOW_GET_ADDR(memory, MNIST_dense_2), memory) == GLOW_SUCCESS; }\n",
        encoding="utf-8",
    )
    flags = ("-std=c++11", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-I", bundles["mnist"])
    run([*command_of(compiler), *flags, "-c", source, "-o", "main.o"], tmp_path)
    assert b"_Z" not in re.findall(rb"[\w]*mnist[\w]*", (tmp_path / "main.o").read_bytes())[0]


# Odd names

ODD = ["*/ int x; /*", "a\nb", 'quote"s', "ünïcode", "MEM_ALIGN", "int", "a/b", "a.b", "n" * 1000]


def _odd_net(tmp_path: Path) -> Program:
    """A sum of inputs with odd names, made by nodes with odd names."""
    build = NetBuilder()
    sums = []
    for index, name in enumerate(ODD):
        sums.append(build.node("Gemm", name, build.weights(3, 2), name=f"node {name}", output=f"{name} {index}"))
    net = build.build(dict.fromkeys(ODD, (1, 3)), sums)
    graph = tinyglow.load(net.save(tmp_path), "odd")
    return tinyglow.lower(tinyglow.quantize(graph, tinyglow.profile(graph, net.samples(4))))


def test_names_of_models_cannot_break_the_c(tmp_path: Path) -> None:
    """Comments, line breaks, quotes, keywords, macros and endless names still give C that compiles and works."""
    program = _odd_net(tmp_path)
    assert [program.source_names[name] for name in program.inputs] == ODD
    folder = tmp_path / "bundle"
    tinyglow.emit(program, folder)
    compiler = next((name for name in ("gcc", "clang") if shutil.which(name)), "zig cc")
    for source in sources_in(folder):
        run([*command_of(compiler), *WARNINGS, "-c", source], tmp_path)
    rng = np.random.default_rng(0)
    inputs = {name: rng.standard_normal((5, 1, 3)).astype(np.float32) for name in ODD}
    legal = {name: inputs[program.source_names[name]] for name in program.inputs}
    outputs = tinyglow.simulate(folder, tinyglow.load_board("host"), legal).outputs
    expected = tinyglow.interpret(program, inputs)
    assert list(outputs) == list(expected) and len(outputs) == len(ODD)
    for name, array in expected.items():
        np.testing.assert_array_equal(outputs[name], array)


def test_two_names_for_one_input_are_an_error(tmp_path: Path) -> None:
    """In a bundle 'a/b' and 'a.b' may both mean a_b; giving both is refused instead of dropping one."""
    program = _odd_net(tmp_path)
    tinyglow.emit(program, tmp_path / "bundle")
    inputs = {name: np.zeros((1, 1, 3), np.float32) for name in ODD}
    with pytest.raises(InputError, match=r"input a\.b: stands for a_b, which is given already"):
        tinyglow.simulate(tmp_path / "bundle", tinyglow.load_board("host"), inputs)


def test_the_bundle_answers_digits(bundles: dict[str, Path], programs: dict[str, Program]) -> None:
    """Built for this machine, the bundle reads drawn digits as numpy does, and most of them right."""
    images, labels = digits.demo_set()
    answers = tinyglow.simulate(bundles["mnist"], tinyglow.load_board("host"), {MNIST_INPUT: images}).outputs
    expected = tinyglow.interpret(programs["mnist"], {MNIST_INPUT: images})
    np.testing.assert_array_equal(answers[MNIST_OUTPUT], expected[MNIST_OUTPUT])
    assert (answers[MNIST_OUTPUT].argmax(axis=1) == labels).mean() >= 0.8
