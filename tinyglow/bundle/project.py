"""A whole firmware project around a bundle: program, start-up code, linker script, Makefile, CMakeLists.txt."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tinyglow import resources
from tinyglow.bundle.header import BundleInfo, Placeholder
from tinyglow.bundle.render import render
from tinyglow.bundle.staging import abandoned, clear, staging
from tinyglow.errors import InputError, Problem, reason
from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import BUFFER_CTYPES
from tinyglow.targets.boards import Board
from tinyglow.targets.memory_map import Places, elsewhere, near_memories, regions

SEMIHOSTING = "semihosting"
_ARRAYS = {"activations": ["activations"], "mutable": ["mutableWeight"]}  # in main.c
_FNV_BASIS, _FNV_PRIME = 2166136261, 16777619
_BYTES_PER_LINE = 20


@dataclass(frozen=True)
class Samples:
    """Inputs as the placeholders take them, by name, one ``bytes`` a sample; fingerprints of the right outputs.

    labels: the right classes, or nothing.
    """

    inputs: Mapping[str, Sequence[bytes]]
    fingerprints: Sequence[int]
    labels: Sequence[int] = ()

    @property
    def nbytes(self) -> int:
        """Flash that they take."""
        words = len(self.fingerprints) + len(self.labels)
        return sum(len(sample) for samples in self.inputs.values() for sample in samples) + 4 * words


def fingerprint(outputs: Sequence[bytes]) -> int:
    """FNV-1a of 32 bits over the outputs' bytes (draft-eastlake-fnv, 2 and 5), as ``main.c`` computes it."""
    value = _FNV_BASIS
    for data in outputs:
        for byte in data:
            value = (value ^ byte) * _FNV_PRIME & 0xFFFF_FFFF
    return value


def fingerprints(answers: Mapping[str, Array], outputs: Sequence[str]) -> list[int]:
    """The fingerprint of each sample's answers [samples, *shape], of the ``outputs`` in their order."""
    return [
        fingerprint([np.ascontiguousarray(row).tobytes() for row in rows])
        for rows in zip(*(answers[name] for name in outputs), strict=True)
    ]


def plain(text: str) -> str:
    """``text`` for comments, strings and tables of the project, whatever a board file or a list of classes says."""
    return re.sub(r'[^ -~]|["\\`$|%]|\*/|/\*|\?\?', " ", text)


def lines_of(sample: bytes) -> list[str]:
    """The bytes as the lines of a C array."""
    rows = [sample[i : i + _BYTES_PER_LINE] for i in range(0, len(sample), _BYTES_PER_LINE)]
    return [", ".join(f"0x{byte:02X}" for byte in row) + "," for row in rows]


def answer(placeholder: Placeholder, percent: bool) -> dict[str, object]:
    """How ``main.c`` reads the first output, for ``templates/deploy/answer.c.j2``; percent: it holds probabilities."""
    quant = placeholder.type.quant
    return {
        "ctype": BUFFER_CTYPES[placeholder.type.dtype],
        "elements": placeholder.type.elements,
        "is_float": placeholder.type.dtype == "float32",
        "scale": quant.scale if quant else 1.0,
        "zero": quant.offset if quant else 0,
        "factor": round(1000 * (quant.scale if quant else 1.0) * (1 << 20)),
        "percent": percent,
    }


def sample_files(info: BundleInfo, samples: Samples) -> dict[str, bytes]:
    """``samples.h`` and ``samples.c``: the inputs as arrays, with the fingerprints and labels."""
    context = {
        "inputs": [(p.name, p.type.nbytes) for p in info.inputs],
        "count": len(samples.fingerprints),
        "labels": list(samples.labels),
        "arrays": [(name, [lines_of(sample) for sample in each]) for name, each in samples.inputs.items()],
        "fingerprints": samples.fingerprints,
        "sizes": {name: len(each[0]) for name, each in samples.inputs.items()},
    }
    return {name: render(f"deploy/{name}.j2", **context).encode("utf-8") for name in ("samples.h", "samples.c")}


def _shared_arrays(project: str, networks: Sequence[BundleInfo]) -> dict[str, list[str]]:
    """The arrays of each area, as ``shared_arena.c.j2`` has them."""
    mutable = [f"{project}_mutable_{info.name}" for info in networks]
    return {"activations": [f"{project}_activations"], "mutable": mutable, "weights": []}  # weights in RAM: with .data


def project_files(
    info: BundleInfo,
    bundle: Mapping[str, bytes],
    samples: Samples,
    board: Board,
    console: str,
    flags: Mapping[str, Sequence[str]],
    percent: bool,
    places: Places,
    networks: Sequence[BundleInfo] = (),
    class_names: Sequence[str] = (),
) -> dict[str, bytes]:
    """Every file of a firmware project.

    Args:
        info: The bundle's header; of several networks: of all together.
        bundle: The bundle's files by name.
        samples: What the firmware runs.
        board: The board.
        console: "semihosting", or the kind of the board's UART.
        flags: Of the compilers "gcc" and "zig".
        percent: Whether the first output holds probabilities.
        places: The memory of each area.
        networks: The headers of networks with a shared arena; () for one network.
        class_names: A name for each element of the first output; () for their numbers.

    Returns:
        The contents by path inside the project.
    """
    arrays = _shared_arrays(info.name, networks) if networks else _ARRAYS
    facts = tuple(replace(f, name=plain(f.name), value=plain(f.value), source=plain(f.source)) for f in board.facts)
    config, near = board.flash_config, near_memories(board, [one.memory for one in info.near])
    context: dict[str, object] = {
        "net": info.name,
        "NET": info.name.upper(),
        "board": replace(board, title=plain(board.title), facts=facts),
        "console": console,
        "has_dwt": board.core.has_cycle_counter,
        "hard_float": board.float_abi == "hard",
        "flash_config": replace(config, source=plain(config.source)) if config else None,
        "count": len(samples.fingerprints),
        "labels": list(samples.labels),
        "inputs": [(p.name, p.type.nbytes) for p in info.inputs],
        "zig_flags": list(flags["zig"]),
        "gcc_flags": list(flags["gcc"]),
        "regions": regions(board, places, near),
        "near": near,
        "stack": places["stack"],
        "elsewhere": [
            (name, [array for area in areas for array in arrays[area]]) for name, areas in elsewhere(places).items()
        ],
        "networks": networks,
    }
    main = {
        **context,
        **answer(info.outputs[0], percent),
        "board": plain(board.title),
        "clock_hz": board.clock_hz,
        "outputs": [(p.name, p.type.nbytes) for p in info.outputs],
        "has_weights": info.constant > 0,
        "has_activations": info.activations > 0,
        "has_states": info.states > 0,
        "class_names": [" ".join(plain(name).split()) for name in class_names],
    }
    uart = {"address": board.uart.address if board.uart else 0, "clock_hz": board.clock_hz}
    deploy = resources.TEMPLATES / "deploy"
    texts = {
        "Makefile": render("deploy/Makefile.j2", **context),
        "CMakeLists.txt": render("deploy/CMakeLists.txt.j2", **context),
        "README.md": render("deploy/README.md.j2", **context),
        "link.ld": render("deploy/link.ld.j2", **context),
        "src/main.c": render("deploy/shared_main.c.j2" if networks else "deploy/main.c.j2", **main),
        "src/console.h": (deploy / "console.h").read_text(encoding="utf-8"),
        "src/console.c": render("deploy/console.c.j2", **{**context, **uart}),
        "src/timer.h": (deploy / "timer.h").read_text(encoding="utf-8"),
        "src/timer.c": render("deploy/timer.c.j2", **context),
        "src/startup.c": render("deploy/startup.c.j2", **context),
    }
    files = {path: text.encode("utf-8") for path, text in texts.items()}
    files |= {f"src/{name}": data for name, data in sample_files(info, samples).items()}
    return files | {f"bundle/{name}": data for name, data in bundle.items()}


def write_project(files: Mapping[str, bytes], folder: Path) -> None:
    """Write a project into a new or empty folder, in one step. Raises InputError, with nothing written.

    A folder with anything in it is refused: it may hold a project whose ``main.c`` somebody has changed.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError("cannot write the project", [Problem(str(folder), "is a file", "a folder, or nothing")])
    if folder.is_dir() and any(folder.iterdir()):
        hint = "changes to an earlier project are not overwritten"
        raise InputError("cannot write the project", [Problem(str(folder), "is not empty", "a new folder", hint)])
    try:
        parent = folder.resolve().parent
        parent.mkdir(parents=True, exist_ok=True)
        label = f"{folder.resolve().name[:100]}-"
        clear(abandoned(parent, label))
        with staging(parent, label) as aside:
            for name, data in files.items():
                path = aside / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
            aside.chmod(0o755)  # the folder was made so that nobody else may enter it
            if folder.is_dir():
                folder.rmdir()
            os.replace(aside, folder)
    except OSError as error:
        raise InputError("cannot write the project", [Problem(str(folder), reason(error))]) from error
