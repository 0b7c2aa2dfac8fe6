"""Bundles of machine code for tests: made here from C and assembly, never carried along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tinyglow.sim.toolchain import find_compiler
from tinyglow.targets.boards import load_board

HEADER = """\
#ifndef _GLOW_BUNDLE_INC_H
#define _GLOW_BUNDLE_INC_H
#include <stdint.h>
// Model name: "inc"
// Total data size: 256 (bytes)
// Placeholders:
//
//   Name: "x"
//   Type: i8[S:0.500000000 O:0][-64.000,63.500]<1 x 16>
//   Size: 16 (elements)
//   Size: 16 (bytes)
//   Offset: 0 (bytes)
//
//   Name: "y"
//   Type: float<1 x 16>
//   Size: 16 (elements)
//   Size: 64 (bytes)
//   Offset: 64 (bytes)
//
#define INC_x  0
#define INC_y  64
#define INC_CONSTANT_MEM_SIZE     64
#define INC_MUTABLE_MEM_SIZE      128
#define INC_ACTIVATIONS_MEM_SIZE  64
#define INC_MEM_ALIGN  64
int inc(uint8_t *constantWeight, uint8_t *mutableWeight, uint8_t *activations);
#endif
"""
# y = x + the first weight, as floats.
SOURCE = """\
#include <stdint.h>
int inc(uint8_t *constantWeight, uint8_t *mutableWeight, uint8_t *activations);
int inc(uint8_t *constantWeight, uint8_t *mutableWeight, uint8_t *activations)
{
    const int8_t *x = (const int8_t *)mutableWeight;
    float *y = (float *)(void *)(mutableWeight + 64);
    for (int i = 0; i < 16; i++) {
        activations[i] = (uint8_t)x[i];
        y[i] = (float)(int8_t)activations[i] + (float)constantWeight[0];
    }
    return 0;
}
"""
BOARDS = {"cortex-m0plus": "cortex-m0plus", "cortex-m7": "cortex-m7"}


def archive(members: Sequence[tuple[str, bytes]]) -> bytes:
    """An archive in GNU's form with short names."""
    parts = [b"!<arch>\n"]
    for name, data in members:
        parts.append(f"{name + '/':16}{0:<12}{0:<6}{0:<6}{644:<8}{len(data):<10}`\n".encode() + data)
        parts.append(b"\n" * (len(data) & 1))
    return b"".join(parts)


@dataclass(frozen=True)
class Maker:
    """Writes the bundle ``inc`` into a folder; every part can be replaced."""

    folder: Path

    def object(
        self, source: str = SOURCE, cpu: str = "cortex-m0plus", suffix: str = ".c", compiler: str = "zig"
    ) -> bytes:
        """Machine code of a source file."""
        path = self.folder / f"made{suffix}"
        path.write_text(source, encoding="utf-8")
        work = self.folder / "objects"
        work.mkdir(exist_ok=True)
        board = load_board(BOARDS[cpu])
        (made,) = find_compiler(compiler, board).compile_objects([path], work, board)
        path.unlink()
        return made.read_bytes()

    def bundle(
        self,
        code: bytes | None = None,
        header: str | None = HEADER,
        weights: bytes | None = bytes([3] * 64),
        *,
        suffix: str = ".o",
        cpu: str = "cortex-m0plus",
    ) -> Path:
        """The folder of a whole bundle."""
        folder = self.folder / "bundle"
        folder.mkdir(exist_ok=True)
        (folder / f"inc{suffix}").write_bytes(self.object(cpu=cpu) if code is None else code)
        if header is not None:
            (folder / "inc.h").write_text(header, encoding="utf-8")
        if weights is not None:
            (folder / "inc.weights.bin").write_bytes(weights)
        return folder
