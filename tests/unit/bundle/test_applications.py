"""Applications written for Glow's bundles: they compile against ours as they are, and get numpy's answers."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.helpers import MNIST_INPUT
from tests.unit.bundle.cc import SANITIZED, WARNINGS, command_of, run, sources_in, vectors_for
from tinyglow.ir.program import Program

CPP_WARNINGS = ("-std=c++11", "-fno-exceptions", "-fno-rtti", "-Wall", "-Wextra", "-Werror")
# clang finds -std=c99 of no use for assembly.
UNUSED = ("-Wno-unused-command-line-argument",)
CPP = {"gcc": "g++", "clang": "clang++", "zig cc": "zig c++"}

# As NXP's application notes have it: static memory at file scope, addresses from the macros, weights by #include.
STATIC_MAIN = """
#include <stdio.h>
#include <string.h>
#include "mnist.h"

GLOW_MEM_ALIGN(MNIST_MEM_ALIGN)
uint8_t constantWeight[MNIST_CONSTANT_MEM_SIZE] = {
#include "mnist.weights.txt"
};

GLOW_MEM_ALIGN(MNIST_MEM_ALIGN)
uint8_t mutableWeight[MNIST_MUTABLE_MEM_SIZE];

GLOW_MEM_ALIGN(MNIST_MEM_ALIGN)
uint8_t activations[MNIST_ACTIVATIONS_MEM_SIZE];

uint8_t *imageAddr = GLOW_GET_ADDR(mutableWeight, MNIST_max_pooling_1_input);
uint8_t *scoresAddr = GLOW_GET_ADDR(mutableWeight, MNIST_dense_2);

int main(void) {
  static uint8_t image[784];
  while (fread(image, 1, sizeof(image), stdin) == sizeof(image)) {
    memcpy(imageAddr, image, sizeof(image));
    if (mnist(constantWeight, mutableWeight, activations) != GLOW_SUCCESS) {
      return 1;
    }
    fwrite(scoresAddr, 1, 10, stdout);
  }
  return 0;
}
"""

# As an application for hosts has it: nothing is known before the program runs but the names of the placeholders.
DYNAMIC_MAIN = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "mnist.h"

static uint8_t *allocate(uint64_t size, uint64_t alignment) {
  uint8_t *raw = (uint8_t *)malloc((size_t)(size + alignment));
  return raw + (alignment - (uint64_t)(uintptr_t)raw % alignment);
}

static uint8_t *weights(const char *path, const BundleConfig *config) {
  uint8_t *memory = allocate(config->constantWeightVarsMemSize, config->alignment);
  FILE *file = fopen(path, "rb");
  if (file == NULL || fread(memory, 1, (size_t)config->constantWeightVarsMemSize, file) !=
                          (size_t)config->constantWeightVarsMemSize || fgetc(file) != EOF) {
    exit(2);
  }
  fclose(file);
  return memory;
}

static const SymbolTableEntry *find(const BundleConfig *config, const char *name) {
  for (uint64_t i = 0; i < config->numSymbols; i++) {
    if (strcmp(config->symbolTable[i].name, name) == 0 && config->symbolTable[i].kind == 1) {
      return &config->symbolTable[i];
    }
  }
  exit(3);
}

int main(int argc, char **argv) {
  struct BundleConfig *config = &mnist_config;
  uint8_t *constant = weights(argv[argc - 1], config);
  uint8_t *mutableWeight = allocate(config->mutableWeightVarsMemSize, config->alignment);
  uint8_t *activations = allocate(config->activationsMemSize, config->alignment);
  const struct SymbolTableEntry *image = find(config, "max_pooling_1_input");
  const struct SymbolTableEntry *scores = find(config, "dense_2");
  while (fread(mutableWeight + image->offset, 1, (size_t)image->size, stdin) == (size_t)image->size) {
    if (mnist(constant, mutableWeight, activations) != 0) {
      return 1;
    }
    fwrite(mutableWeight + scores->offset, 1, (size_t)scores->size, stdout);
  }
  return 0;
}
"""

# The constants where the assembler put them: no array, no file.
ASSEMBLED_MAIN = STATIC_MAIN.replace(
    STATIC_MAIN[STATIC_MAIN.index("GLOW_MEM_ALIGN") : STATIC_MAIN.index("};") + 3], ""
).replace("mnist(constantWeight,", "mnist((uint8_t *)mnist_weights,")

HELPED_MAIN = (
    DYNAMIC_MAIN.replace('#include "mnist.h"', '#include "glow_bundle_utils.h"\n#include "mnist.h"')
    .replace(
        "(uint8_t *)malloc((size_t)(size + alignment))", "(uint8_t *)alignedAlloc((align_t)alignment, (size_t)size)"
    )
    .replace("raw + (alignment - (uint64_t)(uintptr_t)raw % alignment)", "raw")
    .replace(
        "  return 0;",
        "  alignedFree(activations);\n  alignedFree(mutableWeight);\n  alignedFree(constant);\n  return 0;",
    )
)


def _build(main: str, bundle: Path, folder: Path, compiler: str, cpp: bool, flags: tuple[str, ...] = ()) -> list[str]:
    """The command that runs ``main``, compiled with ``bundle``; C++ where ``cpp``, the bundle itself always C."""
    source = folder / ("main.cpp" if cpp else "main.c")
    source.write_text(main, encoding="utf-8")
    command = [*command_of(compiler), *flags]
    files = [*sources_in(bundle), *map(str, bundle.glob("*.S"))]
    # zig 0.17 writes one object however many files it is given.
    for batch in [[file] for file in files] if "zig" in compiler else [files]:
        run([*command, "-I", bundle, *WARNINGS, *UNUSED, "-c", *batch], folder)
    own = [*command_of(CPP[compiler] if cpp else compiler), *flags, *(CPP_WARNINGS if cpp else WARNINGS[:-2])]
    run([*own, "-Werror", "-I", bundle, "-c", source, "-o", "main.o"], folder)
    # An application without exceptions needs no C++ library, which zig would first build.
    link = command if "zig" in compiler else [*command_of(CPP[compiler] if cpp else compiler), *flags]
    run([*link, *sorted(path.name for path in folder.glob("*.o")), "-o", "program"], folder)
    return [str(folder / "program"), str(bundle / "mnist.weights.bin")]


def _check(program: Program, command: list[str], folder: Path) -> None:
    vectors = vectors_for(program)
    (expected,) = tinyglow.interpret(program, {MNIST_INPUT: vectors}).values()
    output = run(command, folder, vectors.tobytes())
    np.testing.assert_array_equal(np.frombuffer(output, np.int8).reshape(expected.shape), expected)


MAINS = {
    "static": (STATIC_MAIN, {}),
    "ram": (STATIC_MAIN, {"weights": "ram", "verbose": True}),
    "dynamic": (DYNAMIC_MAIN, {"api": "dynamic", "verbose": True}),
    "incbin": (ASSEMBLED_MAIN, {"weights_asm": True}),
    "incbin_ram": (ASSEMBLED_MAIN, {"weights_asm": True, "weights": "ram"}),
    "utils": (HELPED_MAIN, {"api": "dynamic", "utils": True}),
}
# zig takes long: it is asked where it might differ from clang.
COMPILERS = [(main, *how) for main in MAINS for how in (("gcc", False), ("clang", True))]
COMPILERS += [("static", "zig cc", False), ("incbin", "zig cc", False), ("dynamic", "zig cc", True)]


@pytest.mark.parametrize(("kind", "compiler", "cpp"), COMPILERS)
@pytest.mark.slow  # compiles C
def test_an_application_for_glow_runs_our_bundle(
    kind: str, compiler: str, cpp: bool, programs: dict[str, Program], tmp_path: Path
) -> None:
    """A main.c of either API, in C and in C++, compiles without a warning and prints what numpy computes."""
    main, options = MAINS[kind]
    tinyglow.emit(programs["mnist"], tmp_path / "bundle", **options)
    _check(programs["mnist"], _build(main, tmp_path / "bundle", tmp_path, compiler, cpp), tmp_path)


@pytest.mark.parametrize("main", [DYNAMIC_MAIN, HELPED_MAIN], ids=["dynamic", "utils"])
def test_sanitizers_find_nothing_in_an_application(main: str, programs: dict[str, Program], tmp_path: Path) -> None:
    """With memory of exactly the sizes that the configuration promises, on the heap, sanitizers have no complaint."""
    flags = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O1")
    (tmp_path / "probe.c").write_text("int main(void) { return 0; }\n", encoding="utf-8")
    probe = [*command_of("gcc"), *flags, "probe.c", "-o", "probe"]
    if subprocess.run(probe, cwd=tmp_path, capture_output=True, check=False).returncode:
        pytest.skip("gcc has no sanitizer libraries")
    tinyglow.emit(programs["mnist"], tmp_path / "bundle", api="dynamic", utils=True)
    _check(programs["mnist"], _build(main, tmp_path / "bundle", tmp_path, "gcc", False, flags), tmp_path)


ALIGNED = """
#include <stdio.h>
#include "glow_bundle_utils.h"

int main(void) {
  int wrong = alignedAlloc(0, 8) != NULL || alignedAlloc(64, SIZE_MAX - 8) != NULL;
  alignedFree(NULL);
  for (unsigned alignment = 1; alignment <= 255; alignment++) {
    for (size_t size = 0; size < 70; size += 23) {
      uint8_t *memory = (uint8_t *)alignedAlloc((align_t)alignment, size);
      wrong |= memory == NULL || (uintptr_t)memory % alignment != 0;
      for (size_t i = 0; i < size; i++) {
        memory[i] = (uint8_t)i;
      }
      alignedFree(memory);
    }
  }
  printf("%d", wrong);
  return 0;
}
"""


@pytest.mark.parametrize("cpp", [False, True], ids=["c", "cpp"])
def test_the_helpers_give_memory_of_any_alignment(cpp: bool, checkout: Path, tmp_path: Path) -> None:
    """alignedAlloc gives all it is asked for, at any of its 255 alignments, and refuses what cannot be."""
    source = tmp_path / ("main.cpp" if cpp else "main.c")
    source.write_text(ALIGNED, encoding="utf-8")
    include = checkout / "runtime_c" / "host"
    flags = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-I", str(include)]
    (tmp_path / "probe.c").write_text("int main(void) { return 0; }\n", encoding="utf-8")
    probe = [*command_of("gcc"), *flags, "probe.c", "-o", "probe"]
    if subprocess.run(probe, cwd=tmp_path, capture_output=True, check=False).returncode:
        flags = flags[2:]
    run([*command_of("gcc"), *WARNINGS, *flags, "-c", include / "glow_bundle_utils.c", "-o", "utils.o"], tmp_path)
    run(
        [*command_of("g++" if cpp else "gcc"), "-Wall", "-Wextra", "-Werror", *flags, source, "utils.o", "-o", "p"],
        tmp_path,
    )
    # ASan's own malloc complains of impossible sizes unless it is told to answer NULL.
    assert run(["env", f"ASAN_OPTIONS=allocator_may_return_null=1:{SANITIZED}", tmp_path / "p"], tmp_path) == b"0"


def test_one_application_compiles_against_glows_header_and_ours(
    bundles: dict[str, Path], checkout: Path, tmp_path: Path
) -> None:
    """The same main.c, which uses every macro there is, compiles with the macros that Glow recorded and with ours."""
    facts = json.loads((checkout / "tests/golden/mnist_nxp/asymmetric/facts.json").read_text(encoding="utf-8"))
    macros = {p["name"]: p["offset"] for p in facts["placeholders"]} | facts["sizes"]
    glow = tmp_path / "glow"
    glow.mkdir()
    ours = (bundles["mnist"] / "mnist.h").read_text(encoding="utf-8")
    common = ours[: ours.index("// Placeholder address offsets")]  # guards, GLOW_SUCCESS, GLOW_MEM_ALIGN, GLOW_GET_ADDR
    lines = [f"#define MNIST_{name} {value}" for name, value in macros.items()]
    lines += ["int mnist(uint8_t *constantWeight, uint8_t *mutableWeight, uint8_t *activations);"]
    (glow / "mnist.h").write_text(
        common + "\n".join([*lines, "#ifdef __cplusplus", "}", "#endif", "#endif", ""]), encoding="utf-8"
    )
    (glow / "mnist.weights.txt").write_text(" 0X00," * facts["sizes"]["CONSTANT_MEM_SIZE"] + "\n", encoding="utf-8")
    (tmp_path / "main.c").write_text(STATIC_MAIN, encoding="utf-8")
    compiler = command_of("zig cc")
    for folder in (glow, bundles["mnist"]):
        run([*compiler, *WARNINGS, "-I", folder, "-c", "main.c", "-o", "main.o"], tmp_path)


def test_bundles_of_both_apis_live_in_one_program(programs: dict[str, Program], tmp_path: Path) -> None:
    """The headers of a static and of two dynamic bundles can be included in one file, in any order, in C and C++."""
    apis = {"mnist": "dynamic", "conv": "static", "dense": "dynamic"}
    for name, api in apis.items():
        tinyglow.emit(programs[name], tmp_path / name, api=api)
    includes = [flag for name in apis for flag in ("-I", str(tmp_path / name))]
    for order in (["mnist", "conv", "dense"], ["conv", "dense", "mnist"]):
        text = "".join(f'#include "{name}.h"\n' for name in order)
        text += "uint64_t sum(void);\nuint64_t sum(void) { return mnist_config.numSymbols + dense_config.alignment; }\n"
        for compiler, suffix in (("zig cc", "c"), ("zig c++", "cpp")):
            (tmp_path / f"main.{suffix}").write_text(text, encoding="utf-8")
            run([*command_of(compiler), *includes, "-Wall", "-Werror", "-c", f"main.{suffix}", "-o", "m.o"], tmp_path)


@pytest.mark.parametrize("ram", [False, True], ids=["flash", "ram"])
@pytest.mark.parametrize(
    "target",
    [
        *("x86_64-linux-gnu", "aarch64-linux-gnu", "x86_64-macos", "aarch64-macos"),
        *("x86_64-windows-gnu", "x86-windows-gnu", "aarch64-windows-gnu", "thumb-freestanding-eabi"),
    ],
)
def test_weights_assemble_for_every_system(
    target: str, ram: bool, programs: dict[str, Program], tmp_path: Path
) -> None:
    """weights.S gives an object with the weights, under the name that C has for them, on ELF, Mach-O and COFF."""
    tinyglow.emit(programs["dense"], tmp_path / "b", weights_asm=True, weights="ram" if ram else "flash")
    command = [*command_of("zig cc"), "-target", target, "-I", tmp_path / "b"]
    run([*command, "-c", tmp_path / "b/dense.weights.S", "-o", "weights.o"], tmp_path)
    (tmp_path / "use.c").write_text(
        '#include "dense.h"\nint use(void);\nint use(void) { return dense_weights[3]; }\n', encoding="utf-8"
    )
    run([*command, "-c", "use.c", "-o", "use.o"], tmp_path)
    weights, use = ((tmp_path / name).read_bytes() for name in ("weights.o", "use.o"))
    assert (tmp_path / "b/dense.weights.bin").read_bytes() in weights
    names = [set(re.findall(rb"(?<![A-Za-z0-9])_*dense_weights(?=\0)", data)) for data in (use, weights)]
    assert names[0] == names[1] and len(names[0]) == 1
