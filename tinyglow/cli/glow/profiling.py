"""-dump-profile: from samples in files to a profile."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tinyglow.cli.glow.parse import GlowArguments
from tinyglow.errors import InputError, Problem, reason
from tinyglow.resources import require_file

if TYPE_CHECKING:
    from tinyglow.ir.graph import Array, Graph

_SHOWN = 20  # problems
_MAX_BYTES = 2**31


def write_profile(arguments: GlowArguments, graph: Graph, inputs: Mapping[str, Array], batch: int = 1) -> None:
    """Run the float network on samples [n, *shape], ``batch`` at a time, and write the ranges of all values."""
    from tinyglow.interp import sample_count
    from tinyglow.pipeline.stations import profile
    from tinyglow.quant.profile import save_profile
    from tinyglow.report.console import progress

    bins, like_glow = arguments.count("num-histogram-bins"), arguments.text("graph") == "glow"
    with progress("profiling", sample_count(inputs)) as advance:
        result = profile(graph, inputs, bins, advance, batch=batch, lowered=like_glow, margin=False)
    save_profile(result, arguments.text("dump-profile"))


def read_datasets(arguments: GlowArguments, graph: Graph) -> dict[str, Array]:
    """Samples [n, *shape] of every input, from -input-dataset. Raises InputError with all that is wrong."""
    names = {graph.source_names.get(name, name): name for name in graph.inputs} | {name: name for name in graph.inputs}
    problems: list[Problem] = []
    samples: dict[str, list[Path]] = {}
    formats: dict[str, str] = {}
    for text in arguments.texts("input-dataset"):
        try:
            name, format_, paths = _dataset(text)
            if name not in names or names[name] in samples:
                raise ValueError("is given twice" if name in names else f"{name} is no input of the model")
            samples[names[name]], formats[names[name]] = paths, format_
        except ValueError as error:
            problems.append(Problem(f"-input-dataset={text}", str(error)))
    if not problems:
        problems += [Problem(name, "has no -input-dataset") for name in graph.inputs if name not in samples]
    counts = {name: len(paths) for name, paths in samples.items()}
    if not problems and len(set(counts.values())) > 1:
        problems.append(Problem("-input-dataset", f"the inputs have different numbers of samples: {counts}"))
    if problems:
        raise InputError("the datasets are not understood", problems)
    return {name: _tensor(paths, formats[name], graph.type_of(name).shape) for name, paths in samples.items()}


def _dataset(text: str) -> tuple[str, str, list[Path]]:
    """(input, format, files in order) of one -input-dataset."""
    fields = text.split(",")
    expected = "name,rawbin|rawtxt,dir,FOLDER or name,rawbin|rawtxt,file,LIST[,FOLDER]"
    if len(fields) not in (4, 5) or not all(fields) or fields[1] not in ("rawbin", "rawtxt"):
        raise ValueError(f"is not of the form {expected}")
    name, format_, source, *where = fields
    if source == "dir" and len(where) == 1:
        return name, format_, _of_folder(Path(where[0]))
    if source == "file":
        return name, format_, _of_list(Path(where[0]), Path(where[1]) if len(where) > 1 else None)
    raise ValueError(f"is not of the form {expected}")


def _of_folder(folder: Path) -> list[Path]:
    try:
        files = sorted((path for path in folder.iterdir() if path.is_file()), key=str)
    except OSError as error:
        raise ValueError(f"{folder}: {reason(error)}") from error
    if not files:
        raise ValueError(f"{folder} holds no files")
    return files


def _of_list(file: Path, folder: Path | None) -> list[Path]:
    """One path a line; what stands after the first comma or space is not read."""
    try:
        require_file(file)
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{file}: {reason(error)}") from error
    names = [line.replace(",", " ").split()[:1] for line in lines]
    empty = [str(number) for number, found in enumerate(names, 1) if not found]
    if empty or not names:
        raise ValueError(f"{file} has no path on line {', '.join(empty[:5]) or '1'}")
    return [folder / name if folder else Path(name) for (name,) in names]


def _tensor(paths: list[Path], format_: str, shape: tuple[int, ...]) -> Array:
    import numpy as np

    if 4 * len(paths) * math.prod(shape) > _MAX_BYTES:
        raise InputError("the samples are too many", [Problem("-input-dataset", f"{len(paths)} of {list(shape)}")])
    result = np.empty((len(paths), math.prod(shape)), np.float32)
    problems = []
    for index, path in enumerate(paths):
        try:
            result[index] = _sample(path, format_, math.prod(shape))
        except (OSError, ValueError) as error:
            problems.append(Problem(str(path), reason(error)))
    if problems:
        more = [Problem("", f"and {len(problems) - _SHOWN} more")] if len(problems) > _SHOWN else []
        raise InputError("the samples cannot be read", [*problems[:_SHOWN], *more])
    return result.reshape(len(paths), *shape)


def _sample(path: Path, format_: str, count: int) -> Array:
    """``count`` finite float32 values. Raises OSError or ValueError."""
    import numpy as np

    require_file(path)
    size = path.stat().st_size
    if format_ == "rawbin":
        if size != 4 * count:
            raise ValueError(f"has {size} bytes; expected {4 * count}, for {count} float32 values")
        values = np.frombuffer(path.read_bytes(), "<f4")
    else:
        if size > 64 * count + 4096:  # no number needs so many digits
            raise ValueError(f"has {size} bytes, too many for {count} values")
        # Numbers and commas; spaces and line ends anywhere; a comma after the last is allowed.
        fields = [field.strip() for field in path.read_text(encoding="utf-8").split(",")]
        fields = fields[:-1] if fields[-1] == "" else fields
        if len(fields) != count:
            raise ValueError(f"has {len(fields)} values between commas; expected {count}")
        with np.errstate(over="ignore"):
            values = np.array([float(field) for field in fields]).astype(np.float32)
    if not np.isfinite(values).all():
        raise ValueError("holds NaN, or values beyond float32")
    return values
