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
GENERATED = "tg_kernels.h"


def struct_fields(kernel: Kernel) -> list[tuple[str, str]]:
    """(field name, C type) of each field of a kernel's C struct, in order.

    Args:
        kernel: The kernel. If its C file does not exist yet, the struct has all fields.

    Returns:
        The fields; at least one, as C wants it.
    """
    fields, read = c_fields(kernel.params), _members(kernel.origin.c_file, kernel.text)
    return [field for field in fields if read is None or field[0] in read] or fields[:1]


@cache
def _members(c_file: str, text: str = "") -> frozenset[str] | None:
    """Names of all parameters that a C file and its headers read, as ``p->name``; None if there is no such file."""
    try:
        return frozenset(re.findall(r"\bp\)?->\s*(\w+)", _code(c_file, text)))
    except FileNotFoundError:
        return None


def _code(c_file: str, text: str = "") -> str:
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


def struct_bytes(kernel: Kernel) -> int:
    """Size of the C struct, whose fields lie at multiples of their own alignment."""
    size = 0
    for _, ctype in struct_fields(kernel):
        align = _ALIGNMENTS[ctype]
        size = -(-size // align) * align + (_REQUANT_BYTES if ctype == REQUANT_CTYPE else align)
    return -(-size // 4) * 4
