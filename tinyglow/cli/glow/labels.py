"""-dataset-file: image files and their classes."""

from __future__ import annotations

from pathlib import Path

from tinyglow.errors import InputError, Problem, reason
from tinyglow.resources import require_file

_SHOWN = 20  # problems
_MAX_BYTES = 64 * 2**20
_EXPECTED = "an image's path and its class, separated by a comma or a space"


def read_labels(file: str, folder: str) -> tuple[list[Path], list[int]]:
    """Paths, in ``folder``, and classes of the images that ``file`` names, one on each line.

    Raises InputError with everything that is not understood.
    """
    try:
        if not Path(folder).is_dir():
            raise InputError("the data set cannot be read", [Problem(f"-dataset-path={folder}", "is no folder")])
        require_file(file)
        if Path(file).stat().st_size > _MAX_BYTES:
            raise InputError("the data set cannot be read", [Problem(file, f"is larger than {_MAX_BYTES} bytes")])
        lines = Path(file).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        problem = Problem(f"-dataset-file={file}", reason(error))
        raise InputError("the data set cannot be read", [problem]) from error
    paths, labels, problems = [], [], []
    for number, line in enumerate(lines, 1):
        fields = line.replace(",", " ").split()
        if not fields:
            continue
        if len(fields) != 2 or not (fields[1].isascii() and fields[1].isdigit() and len(fields[1]) < 10):
            problems.append(Problem(f"{file}, line {number}", f"is {line[:80]!r}", _EXPECTED))
            continue
        paths.append(Path(folder) / fields[0])
        labels.append(int(fields[1]))
    if not (paths or problems):
        problems.append(Problem(file, "names no images"))
    if problems:
        more = [Problem("", f"and {len(problems) - _SHOWN} more")] if len(problems) > _SHOWN else []
        raise InputError("the data set is not understood", [*problems[:_SHOWN], *more])
    return paths, labels
