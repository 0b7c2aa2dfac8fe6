"""Bundles that somebody changed by hand: whatever C would read otherwise than the checker is refused, in one line."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.checker.planted import CORES, NET, Bundle, refused
from tinyglow.checker.check import check_proof

# Of the network's C: what is replaced, by what, and what the checker says.
IN_C = [
    (r"\.count = \d+,", ".count = -1,", "count: is -1; expected a number of uint32_t"),
    (r"\.units = (\d+),", ".units = 65564,", "units: is 65564; expected a number of uint16_t"),
    (r"(    \.units = \d+,\n)", r"\1  .units = 4000,\n", "has '  .units = 4000,' where it cannot be"),
    (r"    \.units = (\d+),\n", r"    .units = \1,\n    .units = \1,\n", "gives other parameters than its struct has"),
    (r"    \.units = \d+,\n", "", "gives other parameters than its struct has"),
    (r"    \.units = (\d+),\n", r"    .units = \1 + 9,\n", "where it cannot be"),
    (r"    \.units = \d+,", "    .units = 0x1p+9f,", "units: is 0x1p+9f; expected a number of uint16_t"),
    (r"    \.units = \d+,", "    .units = 0,", "takes 0 bytes"),
    (r"\.post = \d+", ".post = 40", "shifts by more than 31 bits"),
    (r"\.post = \d+", ".post = 256", "expected a multiplier, an offset and two shifts"),
    (r"enum \{", "#define units depth\nenum {", "has '#define units depth' where it cannot be"),
    (r"(  /\* 3\. )", r"  for (;;) {\n\1", "has '  for (;;) {' where it cannot be"),
    (r"(\n  return GLOW_SUCCESS;)", r"\n  { mutableWeight[999] = 1; }\1", "where it cannot be"),
    (r"(\n  return GLOW_SUCCESS;)", r"\n  if (!tcm) { mutableWeight[9] = 1; }\1", "where it cannot be"),
    (r"mutableWeight, uint8_t \*activations\) \{", "activations, uint8_t *mutableWeight) {", "where it cannot be"),
    (r"(static const tg_rescale_s8_params)", r"#if 0\n\1", "has '#if 0' where it cannot be"),
    (r'#include "tg_kernels\.h"', '#include "tg_kernels/**/.h"', "where it cannot be"),
    (r"enum \{", "/* \\\n */ enum {\\\n", "lines that go on in the next one"),
]
IN_HEADER = [
    (r"(#define MNIST_ACTIVATIONS_MEM_SIZE +\d+)", r"\1\n#undef MNIST_ACTIVATIONS_MEM_SIZE", "where it cannot be"),
    (r"(#define MNIST_ACTIVATIONS_MEM_SIZE +\d+)", r"\1\n\1", "defines MNIST_ACTIVATIONS_MEM_SIZE twice"),
    (r"(#define MNIST_MEM_ALIGN +)\d+", r"\g<1>1", "aligns memories to 1 bytes; expected a multiple of 4"),
    (r"(#define MNIST_dense_2 +)784", r"\g<1>0", "has dense_2 at 0; expected 784"),
    (r"(#define MNIST_dense_2_BYTES +)\d+", r"\g<1>9000", "says that dense_2 has 9000u bytes; expected 10"),
    (r"int mnist\(uint8_t \*constantWeight", "int mnist(uint8_t *mutableWeight", "where it cannot be"),
    (r"#include <stdint.h>", '#include "more.h"', "where it cannot be"),
]
CASES = [(*case, f"{NET}.c") for case in IN_C] + [(*case, f"{NET}.h") for case in IN_HEADER]
CASES += [
    (r"#define TG_CORE_H", "#define TG_CORE_H\n#define tg_rescale_s8_params other", "names of its own", "tg_core.h"),
    (
        r"#define TG_CORE_H",
        "#define TG_CORE_H\n/**/#/**/define tg_rescale_s8_params other",
        "names of its own",
        "tg_core.h",
    ),
    (
        r"#define TG_CORE_H",
        "#define TG_CORE_H\n%:define \\\ntg_rescale_s8_params other",
        "names of its own",
        "tg_core.h",
    ),
    (r"  uint16_t units;", "  uint16_t depth;\n  uint16_t units;", "two parameters of one name", "*fully*.h"),
    (r"  uint16_t units;", "  uint16_t more[2];", "where it cannot be", "*fully*.h"),
]


@pytest.mark.parametrize(("old", "new", "message", "file"), CASES, ids=range(len(CASES)))
def test_a_changed_line_is_refused(bundle: Bundle, old: str, new: str, message: str, file: str) -> None:
    """Hashes are made to fit."""
    (path,) = list(bundle.folder.glob(file))[:1]
    bundle.replace(old, new, path.name)
    bundle.write()
    found = [f"{fault.where}: {fault.found}; expected {fault.expected}" for fault in check_proof(bundle.folder).faults]
    assert any(message in line for line in found), found


def _nested(depth: int) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = [value]
    return value


PROOFS: list[Callable[[dict[str, Any]], Any]] = [
    lambda proof: proof["calls"][1]["sums"].update(low=_nested(800)),
    lambda proof: proof["calls"][1]["sums"].update(low=float("nan")),
    lambda proof: proof["calls"][1]["sums"].update(low=float(proof["calls"][1]["sums"]["low"])),
    lambda proof: proof["calls"][1].update(kernel=_nested(800)),
    lambda proof: proof["calls"][1].update(sums=7),
    lambda proof: proof["calls"][1].update(more=7),
    lambda proof: proof["calls"][1]["sums"].update(intermediates=[1]),
    lambda proof: proof["buffers"][0].update(offset=10**4000),
    lambda proof: proof["buffers"][0].update(offset=True),
    lambda proof: proof["buffers"][0].update(bytes="4"),
    lambda proof: proof.update(version=True),
    lambda proof: proof.update(network="mnist\n"),
    lambda proof: proof.update(more=1),
    lambda proof: proof.update(stack=_nested(800)),
    lambda proof: proof.update(stack={"bytes": _nested(800), "library": [{}]}),
    lambda proof: proof.update(memories={"constantWeight": []}),
    lambda proof: proof["files"].update({"../more.c": "0" * 64}),
]


@pytest.mark.parametrize("change", PROOFS, ids=range(len(PROOFS)))
def test_a_proof_of_other_types_is_refused(bundle: Bundle, change: Callable[[dict[str, Any]], Any]) -> None:
    """Numbers without measure, deep nesting, and what has no business there."""
    bundle.write()
    change(bundle.proof)
    (bundle.folder / f"{NET}.proof.json").write_text(json.dumps(bundle.proof), encoding="ascii")
    assert all(len(line) < 400 for line in refused(bundle).splitlines())


def test_other_files_than_regular_ones_are_refused(bundle: Bundle, tmp_path: Path) -> None:
    """A link and a pipe, of which a reader would wait for ever; and a key that is there twice."""
    core, numerics, proof = (bundle.folder / name for name in ("tg_core.h", "tg_numerics.h", f"{NET}.proof.json"))
    core.rename(tmp_path / "core.h")
    core.symlink_to(tmp_path / "core.h")
    numerics.unlink()
    os.mkfifo(numerics) if hasattr(os, "mkfifo") else numerics.mkdir()
    text = refused(bundle)
    assert "tg_core.h: is no regular file" in text and "tg_numerics.h: is no regular file" in text
    proof.write_text(proof.read_text(encoding="ascii").rstrip("}\n") + ', "stack": null}', encoding="ascii")
    assert "a key is there twice" in refused(bundle)


def test_very_many_faults_are_cut_short(bundle: Bundle) -> None:
    """Thousands of buffers at one place: not a fault for each pair of them."""
    more = [
        {"name": f"b{i}", "memory": "activations", "offset": 0, "bytes": 4, "first": 0, "last": 8} for i in range(3000)
    ]
    bundle.proof["buffers"] += more
    bundle.replace(r"enum \{\n", "enum {\n" + "".join(f"  {NET}_at_b{i} = 0,\n" for i in range(3000)))
    bundle.write()
    assert len(refused(bundle).splitlines()) < 110


@pytest.mark.parametrize("text", ["/*", '"', '\\"', "#define a(\n", "(", "){}", "#if 1\n", " "])
def test_a_text_without_sense_ends(bundle: Bundle, text: str) -> None:
    """Many kilobytes of what a reader could go over again and again."""
    (bundle.folder / "tg_core.h").write_text(text * (60_000 // len(text)), encoding="ascii")
    bundle.write()
    check_proof(bundle.folder)


INSTRUCTIONS = [
    (r'"movs r7, #\d+\\n', r'"movs r7, #251\\n', "something else than its C"),
    (r'"ldr r2, \[r0, #4\]\\n', r'"ldr r2, [r0, #8]\\n', "something else than its C"),
    (r'"ldr r2, \[r0, #4\]\\n', r'"ldr r2, [r0, #124]\\nldr', "where it cannot be"),
    (r'"subs r([34])', r'"adds r\1', "something else than its C"),
    (r'"stmia r1!, \{r3', r'"stmia r1!, {r4', "has the instruction 'stmia"),
    (r'"pop \{r7\}', r'"push {r7}', "the stack is not what it was"),
    (r'"pop \{r7\}', r'"bl free', "has the instruction 'bl free'"),
    (r"(tg_add_halfwords\([^&]*, )&sums\[0\]", r"\1&sums[1]", "writes sums[1] and sums[2]"),
    (r"(tg_add_halfwords\()", r"\1x[0] * 9u * ", "where it cannot be"),
]


@pytest.mark.parametrize("bundle", [CORES[0]], indirect=True)
@pytest.mark.parametrize(("old", "new", "message"), INSTRUCTIONS, ids=range(len(INSTRUCTIONS)))
def test_changed_weights_as_code_are_refused(bundle: Bundle, old: str, new: str, message: str) -> None:
    """In their instructions as in their C."""
    bundle.replace(old, new)
    bundle.write()
    found = [fault.found for fault in check_proof(bundle.folder).faults]
    assert any(message in line for line in found), found
