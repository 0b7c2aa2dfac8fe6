"""``crosscheck`` over a whole tree of recordings of the real Glow: how many agree, and why the others do not."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tinyglow.errors import InputError, Problem, TinyglowError
from tinyglow.pipeline.crosscheck import Crosscheck, crosscheck, first_differing
from tinyglow.targets.boards import Board

RECORDING = "facts.json"
_MODELS = (".onnx", ".tflite")
# From best to worst: parameters, types and outputs are Glow's; the outputs alone are; they differ; no answer.
OUTCOMES = ("strict", "outputs", "differs", "refused")


@dataclass(frozen=True)
class Recording:
    """One configuration of one network: where it is, and the model that it is of (None if there is none)."""

    tree: Path
    folder: Path
    model: Path | None

    @property
    def name(self) -> str:
        """Its path from the tree's root."""
        return self.folder.relative_to(self.tree).as_posix()

    @property
    def config(self) -> str:
        """The configuration's name."""
        return self.folder.name


@dataclass(frozen=True)
class Row:
    """What came of one recording.

    Attributes:
        recording: Its path from the tree's root.
        config: The configuration's name.
        outcome: One of ``OUTCOMES``.
        cause: The kinds of the first node that differs, Glow's and ours, or why it is refused; empty if all agree.
        where: That node, by Glow's name.
        vectors: Number of recorded vectors.
        vectors_equal: How many of them have the recorded outputs.
        cores: As ``Crosscheck.cores``.
    """

    recording: str
    config: str
    outcome: str
    cause: str = ""
    where: str = ""
    vectors: int = 0
    vectors_equal: int = 0
    cores: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def _model_of(folder: Path, models: Path | None) -> Path | None:
    """The model beside a recording, or CASE.onnx or CASE.tflite in ``models`` where a recording has none."""
    case = folder.parent
    beside = [path for suffix in _MODELS for path in sorted(case.glob(f"*{suffix}"))]
    named = [] if models is None else [models / f"{case.name}{suffix}" for suffix in _MODELS]
    return next((path for path in [*beside, *named] if path.is_file()), None)


def recordings(tree: str | Path, models: str | Path | None = None) -> list[Recording]:
    """All recordings below a folder, by name.

    Args:
        tree: The folder.
        models: Where models are that do not lie beside their recordings, named after the recordings' parent folders.

    Returns:
        Each folder that holds a facts.json.

    Raises:
        InputError: There is none.
    """
    root, elsewhere = Path(tree), None if models is None else Path(models)
    folders = sorted(path.parent for path in root.rglob(RECORDING)) if root.is_dir() else []
    if not folders:
        problem = Problem(str(root), "holds no recording", f"folders with {RECORDING}, graph.json and io.npz")
        raise InputError("there is nothing to compare with", [problem])
    return [Recording(root, folder, _model_of(folder, elsewhere)) for folder in folders]


def _kind(text: str) -> str:
    return text.split(" ", 1)[0]


def cause_of(result: Crosscheck) -> tuple[str, str]:
    """(kinds of the first node that differs, its name in Glow); both empty if nothing does."""
    first = first_differing(result.values)
    if first is None and result.kinds:
        listed = (f"{kind} {ours - theirs:+d}" for kind, (theirs, ours) in result.kinds.items())
        return f"numbers of nodes: {', '.join(listed)}", ""
    if first is None:
        return ("", "") if result.equal else ("outputs alone", "")
    ours, theirs = _kind(first.ours), _kind(first.glow)
    if ours == theirs:
        same = first.ours.partition("<")[0] == first.glow.partition("<")[0]
        return f"{theirs}: {'shape' if same else 'type'}", first.glow_name
    return f"{theirs} is {ours}", first.glow_name


def _refusal(error: TinyglowError) -> str:
    """What is said of the first problem, without the names and numbers of this one network."""
    found = error.problems[0].found if error.problems else ""
    general = re.sub(r"'[^']*'|\S*\d\S*", "...", f"{error.summary.partition(':')[0]}: {found}")
    return re.sub(r"\.\.\.[ .,]*(\.\.\.[ .,]*)+", "... ", general)[:100].rstrip(": ")


def outcome_of(result: Crosscheck) -> str:
    """The best of ``OUTCOMES`` that holds."""
    if result.equal:
        return "strict"
    return "outputs" if result.vectors == result.vectors_equal else "differs"


def _row(recording: Recording, boards: Mapping[Board, str | None], vectors: int) -> Row:
    if recording.model is None:
        return Row(recording.name, recording.config, "refused", "no ONNX or TFLite model beside the recording")
    try:
        result = crosscheck(recording.folder, recording.model, boards=boards, vectors_on_boards=vectors)
    except TinyglowError as error:
        return Row(recording.name, recording.config, "refused", _refusal(error))
    cause, where = cause_of(result)
    counts = result.vectors, result.vectors_equal
    return Row(recording.name, recording.config, outcome_of(result), cause, where, *counts, result.cores)


def crosscheck_all(
    found: Sequence[Recording],
    boards: Mapping[Board, str | None] | None = None,
    progress: Callable[[int], None] | None = None,
    vectors_on_boards: int = 1,
) -> Iterator[Row]:
    """Compare with one recording after the other.

    Args:
        found: What ``recordings`` found.
        boards: Where to run the first vectors too, each with a compiler's name or None.
        progress: Is called with 1 after each recording.
        vectors_on_boards: How many vectors to run there.

    Yields:
        One row for each. What is refused is a row, not an error.
    """
    for recording in found:
        yield _row(recording, boards or {}, vectors_on_boards)
        if progress is not None:
            progress(1)


def by_config(rows: Iterable[Row]) -> dict[str, Counter[str]]:
    """How many recordings of each configuration have which outcome; "all" last."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        counts[row.config][row.outcome] += 1
    result = {config: counts[config] for config in sorted(counts)}
    return {**result, "all": sum(result.values(), Counter())}


def by_cause(rows: Iterable[Row]) -> list[tuple[str, str, list[Row]]]:
    """(outcome, cause, rows) of all that is not strict: the worst outcome first, then the most frequent cause."""
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if row.outcome != "strict":
            groups[row.outcome, row.cause].append(row)
    order = sorted(groups, key=lambda key: (-OUTCOMES.index(key[0]), -len(groups[key]), key))
    return [(*key, groups[key]) for key in order]


def as_json(rows: Sequence[Row]) -> dict[str, Any]:
    """Everything as plain data."""
    return {
        "configurations": {config: dict(counts) for config, counts in by_config(rows).items()},
        "causes": [
            {"outcome": outcome, "cause": cause, "recordings": [row.recording for row in group]}
            for outcome, cause, group in by_cause(rows)
        ],
        "recordings": [asdict(row) for row in rows],
    }
