"""``tinyglow check``."""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from tinyglow.cli.options import AddCommand, add_json
from tinyglow.errors import ModelError, Problem

_MOST_NAMES = 4


def register(command: AddCommand) -> None:
    """Add the command and its options."""
    parser = command("check", run, "say what stands in a model's way, counted by kind", "tinyglow check model.onnx")
    parser.add_argument("model", metavar="MODEL", type=Path, help="an ONNX or TFLite file")
    add_json(parser)


def _by_kind(problems: Sequence[Problem]) -> dict[str, list[Problem]]:
    """Problems by what they say, those of most nodes first."""
    kinds: dict[str, list[Problem]] = defaultdict(list)
    for problem in problems:
        kinds[problem.found].append(problem)
    return dict(sorted(kinds.items(), key=lambda item: -len(item[1])))


def _line(found: str, problems: Sequence[Problem]) -> str:
    names = ", ".join(problem.where for problem in problems[:_MOST_NAMES] if problem.where)
    more = f" and {len(problems) - _MOST_NAMES} more" if len(problems) > _MOST_NAMES else ""
    first = problems[0]
    helps = "; ".join(text for text in (first.expected and f"expected {first.expected}", first.hint) if text)
    return f"  {len(problems)} x {found} ({names}{more}){f': {helps}' if helps else ''}"


def run(arguments: argparse.Namespace) -> int:
    """Read the model; 0 if it can be compiled in float, else 2."""
    from tinyglow.pipeline.stations import load, lower

    try:
        graph = load(arguments.model)
        if not graph.is_declared:
            lower(graph)
        problems: Sequence[Problem] = ()
    except ModelError as error:
        problems = error.problems
    kinds = _by_kind(problems)
    if arguments.json:
        rows = [
            {"found": found, "nodes": [problem.where for problem in same], "hint": same[0].hint}
            for found, same in kinds.items()
        ]
        print(json.dumps(rows, indent=1))
    elif not kinds:
        print(f"{arguments.model}: nothing stands in the way")
    else:
        print(f"{arguments.model}: what stands in the way ({len(problems)} in all)")
        for found, same in kinds.items():
            print("".join(char if char.isprintable() else repr(char)[1:-1] for char in _line(found, same)))
    return 2 if kinds else 0
