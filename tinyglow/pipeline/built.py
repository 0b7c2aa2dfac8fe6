"""What is built of a bundle beside its own files, and what it takes by itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tinyglow.bundle.harness import Placement
from tinyglow.bundle.header import BundleInfo
from tinyglow.bundle.options import sources_of
from tinyglow.errors import Problem, SimulationError
from tinyglow.pipeline.execution import Sizes
from tinyglow.sim.toolchain import Compiler
from tinyglow.targets.boards import Board


def require_success(returned: int) -> None:
    """Raise SimulationError unless the bundle's function returned 0, GLOW_SUCCESS."""
    if returned != 0:
        raise SimulationError("the inference failed", [Problem("", f"it returned {returned}", "0, GLOW_SUCCESS")])


def with_tcm(sources: Sequence[Path], info: BundleInfo, work: Path) -> list[Path]:
    """The bundle's files, and what an application must define for them."""
    if not info.tcm:
        return [*sources]
    definition = work / "glow_tcm.c"
    definition.write_text(
        "#include <stdint.h>\n\nextern uint8_t *glow_tcm_addr;\nuint8_t *glow_tcm_addr;\n", encoding="utf-8"
    )
    return [*sources, definition]


def bundle_sizes(
    folder: Path, info: BundleInfo, board: Board, compiler: Compiler, work: Path, weights: Placement = "flash"
) -> Sizes:
    """What the bundle in ``folder`` takes by itself when built for ``board``, whether it fits there or not."""
    from tinyglow.sim.image import load_image

    sources = with_tcm(sources_of(folder), info, work)
    elf = compiler.link_bundle(sources, info.name, board, work / "bundle.elf")
    alone = load_image(elf, board.core.elf).sizes
    return Sizes(
        code=alone.text,
        constants=alone.rodata + alone.data,
        weights=info.constant,
        mutable=info.mutable,
        activations=info.activations,
        variables=alone.data + alone.bss,
        weights_in_ram=info.constant if weights == "ram" else 0,
        tcm=info.tcm,
    )
