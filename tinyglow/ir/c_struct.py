"""The C struct of a kernel's parameters: of the fields of its ``Params`` class those that its C reads.

What a kernel needs to be *defined*, as the stride of one that only knows stride 1, is in the class, and takes no flash.
"""

from __future__ import annotations

import re
from functools import cache

from tinyglow import resources
from tinyglow.ir.kernel import REQUANT_CTYPE, Kernel, c_fields

_ALIGNMENTS = {"int8_t": 1, "uint8_t": 1, "int16_t": 2, "uint16_t": 2, "int32_t": 4, "uint32_t": 4, "float": 4}
_ALIGNMENTS[REQUANT_CTYPE] = 4
_REQUANT_BYTES = 12  # two words, two bytes, and padding
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_INCLUDE = re.compile(r'^#include "(tg_\w+\.h)"', re.MULTILINE)
# What a kernel's own file says once of itself; nothing that depends on the core.
_SWITCH = re.compile(r"^#define (TG_\w+) ([01])$", re.MULTILINE)
_CONDITIONAL = re.compile(r"#\s*(if|ifdef|ifndef|elif|else|endif)\b(.*)")
GENERATED = "tg_kernels.h"


def struct_fields(kernel: Kernel) -> list[tuple[str, str]]:
    """(field name, C type) of each field of a kernel's C struct, in order.

    Args:
        kernel: The kernel. If its C file does not exist yet, the struct has all fields.

    Returns:
        The fields; at least one, as C wants it.
    """
    fields, read = c_fields(kernel.params), _members(kernel.origin.c_file, kernel.text, _settings(kernel))
    return [field for field in fields if read is None or field[0] in read] or fields[:1]


def _settings(kernel: Kernel) -> tuple[tuple[str, str], ...]:
    """The settings of a kernel, and of those whose C file its own is made of."""
    found = dict(kernel.settings)
    while kernel.loop:
        kernel = kernel.loop
        found = dict(kernel.settings) | found
    return tuple(found.items())


@cache
def _members(c_file: str, text: str, settings: tuple[tuple[str, str], ...]) -> frozenset[str] | None:
    """Names of all parameters that a C file and its headers read, as ``p->name``; None if there is no such file."""
    try:
        code = _code(c_file, text)
    except FileNotFoundError:
        return None
    own = _SWITCH.findall(text or (resources.RUNTIME / "src" / c_file).read_text(encoding="utf-8"))
    known = {name: value == "1" for name, value in (*own, *settings) if value in ("0", "1")}
    return frozenset(re.findall(r"\bp\)?->\s*(\w+)", _live(known, code)))


def _code(c_file: str, text: str) -> str:
    """The C file with all runtime headers that it includes, without comments. text: of the file, if there is none."""
    texts, names, seen = [], [] if text else [resources.RUNTIME / "src" / c_file], {GENERATED}
    pending = [text] if text else []
    while names or pending:
        text = _COMMENT.sub(" ", pending.pop() if pending else names.pop().read_text(encoding="utf-8"))
        texts.append(text)
        for header in _INCLUDE.findall(text):
            if header not in seen:
                seen.add(header)
                names.append(resources.RUNTIME / "include" / header)
    return "\n".join(texts)


def _live(known: dict[str, bool], code: str) -> str:
    """The code without what the macros in ``known`` leave out; any other condition may hold or not."""
    lines: list[str] = []
    # Of each conditional around a line: whether an earlier branch holds, and whether this one does; None: it may.
    branches: list[tuple[bool | None, bool | None]] = []
    for line in code.splitlines():
        found = _CONDITIONAL.match(line)
        if not found:
            if all(holds is not False for _, holds in branches):
                lines.append(line)
            continue
        word, condition = found.groups()
        if word == "endif":
            branches.pop()
            continue
        before: bool | None = False
        if word in ("else", "elif"):
            earlier, holds = branches.pop()
            before = True if True in (earlier, holds) else None if None in (earlier, holds) else False
        own = True if word == "else" else _value(known, condition) if word in ("if", "elif") else None
        branches.append((before, False if before else own if before is False or own is False else None))
    return "\n".join(lines)


def _value(known: dict[str, bool], condition: str) -> bool | None:
    """Whether all of the condition's parts hold, each a macro or its opposite; None if that is not known."""
    values = []
    for part in condition.split("&&"):
        found = re.fullmatch(r"\s*(!?)(\w+)\s*", part)
        value = known.get(found[2]) if found else None
        values.append(None if found is None or value is None else value != bool(found[1]))
    return False if False in values else None if None in values else True


def struct_bytes(kernel: Kernel) -> int:
    """Size of the C struct, whose fields lie at multiples of their own alignment."""
    size = 0
    for _, ctype in struct_fields(kernel):
        align = _ALIGNMENTS[ctype]
        size = -(-size // align) * align + (_REQUANT_BYTES if ctype == REQUANT_CTYPE else align)
    return -(-size // 4) * 4
