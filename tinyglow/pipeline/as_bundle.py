"""A program as a bundle for as long as a function needs one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tinyglow.bundle.emit import bundle_files
from tinyglow.bundle.write import write_files
from tinyglow.ir.graph import Array
from tinyglow.ir.program import Program
from tinyglow.pipeline.binding import bind_inputs
from tinyglow.pipeline.stations import allocation_efficiency, check_fit
from tinyglow.targets.boards import Board


@contextmanager
def as_bundle(
    bundle: str | Path | Program, board: Board, inputs: Mapping[str, Array]
) -> Iterator[tuple[Path, Mapping[str, Array]]]:
    """The folder of a bundle, and the inputs under its placeholders' names.

    Args:
        bundle: A bundle's folder, taken as it is; or a program, whose bundle is written to a temporary folder.
        board: What the program must fit.
        inputs: Arrays [samples, *shape] by placeholder name; of a program also by the name in the model file.

    Yields:
        The folder, and the inputs.

    Raises:
        InputError: An input of the program is missing, unknown or misshapen.
        BoardError: The program's data exceed the board's memories.
    """
    if not isinstance(bundle, Program):
        yield Path(bundle), inputs
        return
    shapes = {name: bundle.buffers[name].type.shape for name in bundle.inputs}
    bound = bind_inputs(shapes, bundle.source_names, inputs, bundle.pixels)
    check_fit(bundle, board)
    with tempfile.TemporaryDirectory(prefix="tinyglow-") as folder:
        place = Path(folder) / "bundle"
        write_files(bundle_files(bundle, allocation_efficiency(bundle)), place)
        yield place, bound
