"""Placeholders under names of the user's choice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tinyglow.errors import InputError, Problem
from tinyglow.ir.namer import RESERVED, legal_name
from tinyglow.ir.program import Program


def rename_placeholders(program: Program, names: Mapping[str, str]) -> Program:
    """The program with other names for inputs and outputs, which it computes as before.

    names: the new name, a C identifier, by the old one, as the model or as C has it. Raises InputError with all that is
    wrong.
    """
    known = {source: name for name, source in program.source_names.items() if name in program.placeholders}
    known |= {name: name for name in program.placeholders}
    problems: list[Problem] = []
    chosen: dict[str, str] = {}
    for old, new in names.items():
        if old not in known:
            expected = ", ".join(program.placeholders)
            problems.append(Problem(f"--rename {old}={new}", "the network has no such input or output", expected))
        elif legal_name(new) != new or new in {*program.buffers, *chosen.values(), *RESERVED}:
            found = "is taken already" if legal_name(new) == new else "is no C identifier"
            problems.append(Problem(f"--rename {old}={new}", f"{new} {found}"))
        else:
            chosen[known[old]] = new
    if problems:
        raise InputError("the option --rename cannot be followed", problems)

    def to(name: str) -> str:
        return chosen.get(name, name)

    return replace(
        program,
        buffers={
            to(name): replace(buffer, name=to(buffer.name), part_of=to(buffer.part_of))
            for name, buffer in program.buffers.items()
        },
        calls=tuple(replace(call, operands=tuple(map(to, call.operands))) for call in program.calls),
        inputs=tuple(map(to, program.inputs)),
        outputs=tuple(map(to, program.outputs)),
        source_names={to(name): source for name, source in program.source_names.items()},
        rows=to(program.rows),
        pixels={to(name): params for name, params in program.pixels.items()},
    )
