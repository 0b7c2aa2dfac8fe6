"""run-bundle: any bundle of machine code runs on the emulated cores; what cannot run is refused by name."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import tinyglow
from tests.helpers import Answer, example_program, run_cli
from tests.unit.foreign.making import HEADER, SOURCE, Maker, archive
from tinyglow.pipeline.foreign import find_bundle, study_board
from tinyglow.pipeline.foreign_run import run_bundle
from tinyglow.sim.toolchain import find_compiler
from tinyglow.targets.boards import load_board

X = np.arange(-24, 24, dtype=np.int8).reshape(3, 16)
# The tables of the dynamic interface, as Glow emits them.
CONFIG = """
struct entry { const char *name; uint64_t offset; uint64_t size; char kind; };
struct config { uint64_t constant, mutable, activations, alignment, count; const struct entry *table; };
static const struct entry incSymbolTable[] = {{"x", 0, 16, 1}, {"y", 64, 16, 1}};
const struct config inc_config = {64, 128, 64, 64, 2, incSymbolTable};
"""


def dynamic_header(size: int = 16) -> str:
    """The header of the dynamic interface."""
    text = "\n".join(line for line in HEADER.splitlines() if not line.startswith(("#define INC", "#ifndef", "#endif")))
    structs = "struct BundleConfig {\n  uint64_t constantWeightVarsMemSize;\n};\nextern BundleConfig inc_config;\n"
    return structs + text.replace(
        "<1 x 16>\n//   Size: 16 (elements)\n//   Size: 16", f"<1 x {size}>\n//   Size: {size}", 1
    )


def refused(answer: Answer, *texts: str) -> None:
    """Assert an error without a traceback that mentions every text."""
    assert answer.status == 2, answer
    assert answer.err.startswith("error: ") and "internal error" not in answer.err and not answer.out
    for text in texts:
        assert text in answer.err


def inputs(folder: Path) -> str:
    """The option that names the input's file."""
    np.save(folder / "x.npy", X)
    return f"x={folder / 'x.npy'}"


@pytest.mark.parametrize("cpu", ["cortex-m0plus", "cortex-m7"])
@pytest.mark.parametrize("form", ["object", "archive", "sources"])
def test_a_bundle_runs_in_every_form(make: Maker, cpu: str, form: str) -> None:
    """An object, an archive with objects nobody needs, and C files give the same answers, sizes and functions."""
    code = make.object(cpu=cpu)
    other = make.object("int other(int x);\nint other(int x) { return x; }\n", cpu=cpu)
    folder = make.bundle(
        {"object": code, "archive": archive([("other.o", other), ("inc.o", code)]), "sources": SOURCE.encode()}[form],
        suffix={"object": ".o", "archive": ".a", "sources": ".c"}[form],
    )
    result = run_bundle(find_bundle(folder), study_board(cpu), {"x": X})
    assert np.array_equal(result.execution.outputs["y"], X.astype(np.float32) + 3)
    names = [cost.kernel.name for cost in result.kernels]
    assert "inc" in names and "other" not in names
    own = next(cost for cost in result.kernels if cost.kernel.name == "inc")
    assert own.cycles > 0 and own.kernel.bytes_ > 0 and own.kernel.origin.endswith("provided") is False
    sizes = result.execution.sizes
    assert sizes is not None and (sizes.weights, sizes.mutable, sizes.activations) == (64, 128, 64)
    assert len({cost.cycles for cost in result.execution.costs}) >= 1


def test_floats_for_an_int8_placeholder_are_quantized(make: Maker) -> None:
    """A float input goes through the scale of the header's comment: 0.5."""
    result = run_bundle(find_bundle(make.bundle()), study_board("cortex-m0plus"), {"x": X.astype(np.float32) / 2})
    assert np.array_equal(result.execution.outputs["y"], X.astype(np.float32) + 3)


def test_the_dynamic_interface_is_read_from_the_object(make: Maker) -> None:
    """Sizes come from the BundleConfig in the object, and its symbols must be the header's placeholders."""
    folder = make.bundle(make.object(SOURCE + CONFIG), dynamic_header())
    result = run_bundle(find_bundle(folder), study_board("cortex-m0plus"), {"x": X})
    assert result.bundle.header.api == "dynamic"
    assert np.array_equal(result.execution.outputs["y"], X.astype(np.float32) + 3)
    make.bundle(make.object(SOURCE + CONFIG), dynamic_header(size=8))
    answer = run_cli("run-bundle", folder, "--cpu", "cortex-m0plus")
    refused(answer, "different bundles", "inc.h, x: 8 elements at 0; expected 16 elements at 0 by the object")
    make.bundle(make.object(), dynamic_header())
    refused(run_cli("run-bundle", folder, "--cpu", "cortex-m0plus"), "does not define inc_config")


def test_a_linked_program_runs_where_it_was_linked_to(make: Maker, tmp_path: Path) -> None:
    """An ELF executable with the bundle in it stays at its addresses; a launcher calls the function."""
    board = load_board("cortex-m0plus")
    source, script = tmp_path / "whole.c", tmp_path / "whole.ld"
    source.write_text(
        SOURCE.replace("    return 0;", "    y[0] += bias;\n    return 0;").replace(
            "int inc", "extern float bias;\nint inc", 1
        )
        + "float bias = 0.25f;\nint start(void);\nint start(void) { return inc(0, 0, 0); }\n",
        encoding="utf-8",
    )
    script.write_text(
        "SECTIONS { .text 0x4000 : { *(.text .text.*) } .rodata : { *(.rodata*) }\n"
        ".data 0x20000400 : AT(0x9000) { *(.data .data.*) } .bss : { *(.bss*) }\n"
        "/DISCARD/ : { *(.ARM.exidx*) *(.debug_*) } }",
        encoding="utf-8",
    )
    folder = make.bundle(b"", suffix=".o")
    (folder / "inc.o").unlink()
    compiler = find_compiler("zig", board)
    objects = compiler.compile_objects([source], tmp_path, board)
    script.write_text(script.read_text(encoding="utf-8") + "\n_start = start;", encoding="utf-8")
    compiler.link_bundle([], "start", board, folder / "inc.elf", objects=objects, assignments="")
    result = run_bundle(find_bundle(folder), study_board("cortex-m0plus"), {"x": X})
    expected = X.astype(np.float32) + 3
    expected[:, 0] += 0.25
    assert np.array_equal(result.execution.outputs["y"], expected)


def test_answers_are_held_against_golden_ones_and_tinyglows(make: Maker, tmp_path: Path) -> None:
    """One of our own bundles as an object: identical to the interpreter, and to itself built from C; 1 if not."""
    program = example_program("dense", tmp_path)
    tinyglow.emit(program, tmp_path / "dense")
    board = load_board("cortex-m7")
    compiler = find_compiler("zig", board)
    sources = sorted((tmp_path / "dense").glob("*.c"))
    objects = compiler.compile_objects(sources, tmp_path, board, include_dirs=[tmp_path / "dense"])
    folder = tmp_path / "machine_code"
    folder.mkdir()
    (folder / "dense.a").write_bytes(archive([(f"{i}.o", path.read_bytes()) for i, path in enumerate(objects)]))
    for name in ("dense.h", "dense.weights.bin"):
        (folder / name).write_bytes((tmp_path / "dense" / name).read_bytes())
    x = np.random.default_rng(0).standard_normal((4, 1, 8)).astype(np.float32)
    right = tinyglow.interpret(program, {"x": x})["y"]
    np.savez(tmp_path / "io.npz", **{"input.x": x, "output.y": right})
    command = (
        "run-bundle",
        folder,
        "--cpu",
        "cortex-m7",
        "--golden",
        tmp_path / "io.npz",
        "--with",
        tmp_path / "dense",
    )
    answer = run_cli(*command, "--json")
    assert answer.status == 0, answer
    figures = json.loads(answer.out)
    assert [like["equal"] for like in figures["comparisons"]] == [True, True]
    assert figures["tinyglow"]["sizes"]["weights"] == figures["sizes"]["weights"]
    assert figures["cycles"] > 0 and figures["stack"] > 0
    right = right.copy()
    right.flat[0] ^= 1
    np.savez(tmp_path / "io.npz", **{"input.x": x, "output.y": right})
    answer = run_cli(*command)
    assert answer.status == 1
    assert "y = golden: 16 elements in 4 vectors, 1 differ" in answer.out


@pytest.mark.parametrize("compiler", ["zig", "gcc"])
def test_helpers_of_compilers_and_the_c_library_are_provided(make: Maker, compiler: str) -> None:
    """LLVM's names of soft-float functions, comparisons, unwinding stubs, memory functions and libm are linked in."""
    if compiler == "gcc" and not shutil.which("arm-none-eabi-gcc"):
        pytest.skip("arm-none-eabi-gcc is not installed")
    calls = (
        "__mulsf3 __addsf3 __fixsfsi __floatsisf __ltsf2 __muldi3 __aeabi_unwind_cpp_pr0 memcpy memset expf powf tanhf"
    )
    text = ".syntax unified\n.thumb\n.text\n.global calls\ncalls:\n" + "".join(
        f" .word {name}\n" for name in calls.split()
    )
    source = SOURCE.replace("int inc", "float expf(float);\nextern uint32_t calls[];\nint inc", 1).replace(
        "    return 0;",
        "    typedef float (*binary)(float, float);\n    y[1] = ((binary)calls[0])(y[1], 2.0f);\n"
        "    y[2] = expf(1.0f);\n    return 0;",
    )
    members = [("inc.o", make.object(source)), ("calls.o", make.object(text, suffix=".s"))]
    result = run_bundle(
        find_bundle(make.bundle(archive(members), suffix=".a")),
        study_board("cortex-m0plus"),
        {"x": X},
        compiler=compiler,
    )
    expected = X.astype(np.float32) + 3
    expected[:, 1] *= 2
    expected[:, 2] = np.float32(np.e)
    assert np.array_equal(result.execution.outputs["y"], expected)
    provided = {cost.kernel.name for cost in result.kernels if cost.kernel.origin == "provided"}
    assert {"expf", "memcpy"} <= provided and provided & {"__mulsf3", "__aeabi_fmul"}


def test_missing_functions_are_named_with_who_needs_them(make: Maker) -> None:
    """All at once, before the linker is asked."""
    source = SOURCE.replace("int inc", "int arm_softmax(int);\nint glow_extra(int);\nint inc", 1)
    source = source.replace("return 0;", "return arm_softmax(1) + glow_extra(2);")
    answer = run_cli("run-bundle", make.bundle(make.object(source)), "--cpu", "cortex-m0plus")
    refused(answer, "functions that it does not bring", "arm_softmax: is needed by inc.o", "glow_extra: is needed by")


def test_parts_of_different_bundles_are_noticed(make: Maker) -> None:
    """Weights of another size, and a header that declares what the object does not define."""
    folder = make.bundle(weights=bytes(60))
    refused(run_cli("run-bundle", folder, "--cpu", "cortex-m0plus"), "inc.weights.bin: has 60 bytes; expected 64")
    make.bundle(header=HEADER.replace("int inc(", "int other("))
    refused(run_cli("run-bundle", folder, "--cpu", "cortex-m0plus"), "inc.o: defines inc; expected other, as inc.h")


def test_missing_parts_are_named(make: Maker, tmp_path: Path) -> None:
    """No header, no weights, no code, several of them, no folder."""
    folder = make.bundle(header=None, weights=None)
    (folder / "second.o").write_bytes(b"")
    answer = run_cli("run-bundle", folder, "--cpu", "cortex-m0plus")
    refused(answer, "header: there is none", "weights-file: there is none", "object: there are 2: inc.o, second.o")
    refused(run_cli("run-bundle", tmp_path / "nowhere", "--cpu", "cortex-m0plus"), "is no folder")
    refused(run_cli("run-bundle", folder, "--board", "host"), "an emulated board")
    refused(run_cli("run-bundle", folder, "--cpu", "z80"), "--cpu z80: unknown; expected one of cortex-m0plus")


def test_a_bundle_for_a_larger_core_is_refused(make: Maker) -> None:
    """Code for a Cortex-M7 with FPU registers is not linked for a Cortex-M0+; the cores that can run it are named."""
    answer = run_cli("run-bundle", make.bundle(cpu="cortex-m7"), "--cpu", "cortex-m0plus")
    refused(answer, "not for a Cortex-M0+", "v7E-M", "it runs on: cortex-m4, cortex-m7")


@pytest.mark.parametrize(
    ("body", "because"),
    [
        ("for (volatile int i = 0; ; i++) { }", ("runaway", "still running after 100,000 instructions", "inc")),
        ("return *(volatile int *)0x90000000;", ("bad memory access", "0x90000000", "inc")),
        ("((void (*)(void))0x90000001)(); return 0;", ("0x90000000",)),
        ('__asm__ volatile("udf #0"); return 0;', ("inc",)),
        ("constantWeight[0] = 1; return 0;", ("bad memory access", "flash")),
        ("return 7;", ("the inference failed", "it returned 7")),
    ],
)
def test_a_bundle_that_goes_wild_is_stopped(make: Maker, body: str, because: tuple[str, ...]) -> None:
    """Endless loops, wild reads, writes and jumps, undefined instructions, failures: named, with the function."""
    source = SOURCE.replace("    return 0;", body)
    answer = run_cli(
        "run-bundle", make.bundle(make.object(source)), "--cpu", "cortex-m0plus", "--max-instructions", "100000"
    )
    refused(answer, *because)


def test_a_listing_shows_instructions_pools_and_names(make: Maker) -> None:
    """--disassemble FUNCTION prints it, with the names of what it calls; an unknown name is an error."""
    folder = make.bundle()
    answer = run_cli("run-bundle", folder, "--cpu", "cortex-m0plus", "--disassemble", "inc")
    assert answer.status == 0 and "<inc>:" in answer.out and "; __aeabi_fadd" in answer.out
    refused(run_cli("run-bundle", folder, "--cpu", "cortex-m0plus", "--disassemble", "no"), "no: not in the bundle")


def test_weights_in_ram_and_waiting_memories_are_counted(make: Maker, tmp_path: Path) -> None:
    """As with ``run``: what flash makes the core wait, weights copied to RAM, outputs in a file."""
    folder = make.bundle(cpu="cortex-m7")
    command = ("run-bundle", folder, "--board", "mimxrt1060-evk", "--input", inputs(tmp_path), "--waits", "--json")
    flash = json.loads(run_cli(*command).out)
    ram = json.loads(run_cli(*command, "--weights", "ram", "-o", tmp_path / "y.npz").out)
    assert flash["cycles"] == ram["cycles"]
    assert flash["waits"] > ram["waits"] > 0
    assert (ram["ram"] - flash["ram"], ram["sizes"]["weights_in_ram"]) == (64, 64)
    with np.load(tmp_path / "y.npz") as written:
        assert np.array_equal(written["y"], X.astype(np.float32) + 3)


def test_a_placeholder_must_be_left_to_read(make: Maker, tmp_path: Path) -> None:
    """Where every placeholder is given as an input, there is no output."""
    np.save(tmp_path / "y.npy", np.zeros((3, 16), np.float32))
    command = ("run-bundle", make.bundle(), "--cpu", "cortex-m0plus", "--input", inputs(tmp_path))
    refused(run_cli(*command, "--input", f"y={tmp_path / 'y.npy'}"), "every placeholder was given as an input")
    refused(run_cli(*command, "--input", f"z={tmp_path / 'y.npy'}"), "--input z: not in the header; expected x, y")


BUNDLES = os.environ.get("TINYGLOW_BUNDLES")


@pytest.mark.skipif(
    not BUNDLES, reason="needs real Glow bundles: set TINYGLOW_BUNDLES to a folder with one folder each"
)
def test_nxps_mobilenet_answers_as_recorded(shared: Path) -> None:
    """The bundle that NXP's Glow made of MobileNet v1 gives the recorded answers, bit for bit, at a known price."""
    folder = Path(str(BUNDLES)) / "mobilenet_v1"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    with np.load(shared / "models/nxp_mobilenet/io.npz") as io:
        given, right = io["input"], io["glow_cortex_m7_output"]
    count = len(given) if os.environ.get("TINYGLOW_FULL") else 2
    output = "MobilenetV1_Predictions_Reshape_1"
    result = run_bundle(
        find_bundle(folder), study_board("cortex-m7"), {"input": given[:count]}, {output: right[:count]}
    )
    assert [like.equal for like in result.likenesses] == [True]
    recorded = json.loads((shared / "models/nxp_mobilenet/facts.json").read_text(encoding="utf-8"))
    # The price was recorded with another memcpy and memset, and a kindred model of the core.
    assert result.execution.most("cycles") == pytest.approx(recorded["cycles_m7_estimate"], rel=0.05)
    assert result.execution.most("instructions") == pytest.approx(recorded["instructions"], rel=0.02)
    assert result.execution.most("stack") == pytest.approx(recorded["stack"], abs=16)
