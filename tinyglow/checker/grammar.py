"""Whether a bundle's own C and its headers are what the compiler writes, line by line, and nothing else.

What the checker reads out of them would mean something else beside a macro, a loop or a statement that nobody expects.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from tinyglow.checker.findings import BrokenError

_OWN_TEXT = "the compiler's own text"
MEMORIES = r"uint8_t \*constantWeight, uint8_t \*mutableWeight, uint8_t \*activations"
_NUMBER = r"(?:-?\d{1,11}|\(-2147483647 - 1\)|-?0x[01](?:\.[0-9a-f]{1,13})?p[+-]\d{1,4}f)"
_SCALE = r"\{\.multiplier = -?\d{1,11}, \.offset = -?\d{1,11}, \.pre = \d{1,3}, \.post = \d{1,3}\}"
_PLACE = r"\((?:const )?\w+ \*\)(?:\((?:const )?void \*\))?\(\w+ \+ \w+\)"
_TERMS = r"(?:- )?x\[\d{1,5}\] \* \d{1,3}u(?: [-+] x\[\d{1,5}\] \* \d{1,3}u)*"
_STATEMENT = (
    r"  (?:sums\[\d+\] = sums\[\d+\] = 0;"
    rf"|tg_add_halfwords\({_TERMS}, &sums\[\d+\], &sums\[\d+\]\);)"
)
_BYTES = r"    (?:0x[0-9A-F]{2}, ?)+"
# Around weights that are code: which of the two forms a compiler takes.
_CODE_HEAD = (
    r"#ifndef TG_ARMV6M_LOOPS",
    r'#error "tg_core\.h says which of the two it is"',
    r"#elif TG_ARMV6M_LOOPS",
    r"#pragma GCC diagnostic push",
    r'#pragma GCC diagnostic ignored "-Woverlength-strings"',
    r'  register const tg_u32 \*r0 __asm__\("r0"\) = x;',
    r'  register tg_i32 \*r1 __asm__\("r1"\) = sums;',
    r"  __asm__ volatile\(",
    r'      "\.syntax unified\\n\\t"',
)
_CODE_TAIL = (
    r'      : "\+r"\(r0\), "\+r"\(r1\)',
    r"      :",
    r'      : "r2", "r3", "r4", "r5", "r6", "r12", "lr", "cc", "memory"\);',
    r"#pragma GCC diagnostic pop",
    r"#else",
)
INSTRUCTION = r'      "([a-z]+ [a-z0-9 ,#!\[\]{}]+)\\n\\t"'
# Macros of the runtime that the network's C may name.
_KNOWN_MACROS = frozenset(("GLOW_SUCCESS", "TG_ARMV6M_LOOPS"))
_DEFINE = re.compile(r"^[ \t]*(?:#|%:)[ \t]*define[ \t]+(\w+)", re.MULTILINE)


class Lines:
    """The lines of a file without comments and empty ones, taken one after the other."""

    def __init__(self, name: str, text: str) -> None:
        """Raises BrokenError for a line that goes on in the next one, or bytes that are no text of C."""
        if "\\\n" in text or "??" in text or "\x00" in text:
            raise BrokenError(name, "has lines that go on in the next one", _OWN_TEXT)
        self.name, self._at = name, 0
        self._lines = [line for line in text.split("\n") if line]

    def take(self, pattern: str) -> re.Match[str] | None:
        """The next line, if it is one of these."""
        match = re.fullmatch(pattern, self._lines[self._at]) if self._at < len(self._lines) else None
        self._at += match is not None
        return match

    def many(self, pattern: str) -> list[re.Match[str]]:
        """All lines from here on that are of these."""
        found = []
        while (match := self.take(pattern)) is not None:
            found.append(match)
        return found

    def need(self, *patterns: str) -> re.Match[str]:
        """The next lines, each of which must be there; the last one. Raises BrokenError."""
        for pattern in patterns:
            match = self.take(pattern)
            if match is None:
                here = self._lines[self._at] if self._at < len(self._lines) else "no more lines"
                raise BrokenError(self.name, f"has {here[:80]!r} where it cannot be", _OWN_TEXT)
        assert match is not None
        return match

    def end(self) -> None:
        """Raises BrokenError if there are more lines."""
        if self._at < len(self._lines):
            self.need(r"(?!)")


def check_network_file(net: str, code: str) -> None:
    """The network's C file. code: without its comments. Raises BrokenError for any other line."""
    lines = Lines(f"{net}.c", code)
    small = lines.take(r'#include "tg_small_begin\.h"') is not None
    lines.need(rf'#include "{net}\.h"', r'#include "tg_kernels\.h"')
    lines.many(rf"extern const uint8_t {net}_near_[12]\[\];")
    if lines.take(r"enum \{"):
        lines.many(r"  \w+ = \d{1,10},")
        lines.need(r"\};")
    while True:
        if lines.take(rf"static void {net}_code_\d+\(const tg_u32 \*x, tg_i32 \*sums\) \{{"):
            lines.need(*_CODE_HEAD)
            lines.many(INSTRUCTION)
            lines.need(*_CODE_TAIL)
            lines.many(_STATEMENT)
            lines.need("#endif", r"\}")
        elif lines.take(rf"static const \w+_params {net}_call_\d+ = \{{"):
            lines.many(rf"    \.\w+ = (?:{_NUMBER}|{_SCALE}),")
            lines.need(r"\};")
        elif lines.take(rf"static const uint8_t {net}_first_\d+\[\d+\] = \{{"):
            lines.many(_BYTES)
            lines.need(r"\};")
        else:
            break
    if lines.take(rf"void {net}_reset\(uint8_t \*mutableWeight\) \{{"):
        while lines.take(r"  for \(uint32_t i = 0; i < \d{1,10}u; i\+\+\) \{"):
            lines.need(
                rf"    mutableWeight\[\(uint32_t\)\w+ \+ i\] = (?:0x[0-9A-F]{{2}}u|{net}_first_\d+\[i\]);", r"  \}"
            )
        lines.need(r"\}")
    _check_entry(net, lines)
    if small:
        lines.need(r'#include "tg_small_end\.h"')
    lines.end()


def _check_entry(net: str, lines: Lines) -> None:
    """The network's function: calls of kernels, one after the other, or pushes of all rows of the input."""
    pushed = lines.take(rf"int {net}_push_rows\({MEMORIES}, const uint8_t \*rows, uint32_t push\) \{{") is not None
    pushes = _check_pushes(net, lines) if pushed else 0
    lines.need(rf"int {net}\({MEMORIES}\) \{{")
    if pushed:
        lines.need(
            rf"  for \(uint32_t push = 0; push < {pushes}u; push\+\+\) \{{",
            rf"    const uint8_t \*rows = mutableWeight \+ \(uint32_t\){net}_at_\w+ \+ push \* \d{{1,10}}u;",
            rf"    const int status = {net}_push_rows\(constantWeight, mutableWeight, activations, rows, push\);",
            r"    if \(status != GLOW_SUCCESS\) \{",
            r"      return status;",
            r"    \}",
            r"  \}",
        )
    else:
        _check_prologue(net, lines)
        _check_calls(net, lines, "  ")
    lines.need(r"  return GLOW_SUCCESS;", r"\}")


def _check_pushes(net: str, lines: Lines) -> int:
    """The function that is given rows of the input: calls for each push, of which one reads the rows.

    That is the first one, but of push 0, before which there may be calls that need no input.
    """
    _check_prologue(net, lines)
    lines.need(r"  switch \(push\) \{")
    pushes = 0
    while lines.take(rf"    case {pushes}:"):
        readers = [index for index, operands in enumerate(_check_calls(net, lines, " " * 6)) if "(rows + " in operands]
        if len(readers) != 1 or (pushes > 0 and readers != [0]):
            raise BrokenError(lines.name, f"reads rows in calls {readers} of push {pushes}", "in the first one alone")
        lines.need("      return GLOW_SUCCESS;")
        pushes += 1
    lines.need("    default:", "      return 1;", r"  \}", r"\}")
    return pushes


def _check_prologue(net: str, lines: Lines) -> None:
    """What comes before the calls."""
    if lines.take(r"  uint8_t \*const tcm = glow_tcm_addr;"):
        lines.need(r"  if \(!tcm\) \{", r"    return 1;", r"  \}")
    lines.many(rf"  const uint8_t \*const (near_[12]) = {net}_\1;")
    lines.many(r"  \(void\)(?:constantWeight|mutableWeight|activations);")


def _check_calls(net: str, lines: Lines, indent: str) -> list[str]:
    """Calls of kernels; the operands of each."""
    found = []
    while lines.take(rf"{indent}tg_\w+\(&{net}_call_\d+,"):
        operand = rf" +(?:{_PLACE}|{net}_code_\d+)"
        texts = [match[0] for match in lines.many(rf"{operand},")]
        found.append(" ".join((*texts, lines.need(rf"{operand}\);")[0])))
    return found


def check_kernel_header(kernel: str, text: str) -> None:
    """A kernel's header: its struct and its prototype. text: without comments. Raises BrokenError."""
    lines = Lines(f"{kernel}.h", text)
    guard = f"{kernel.upper()}_H"
    lines.need(f"#ifndef {guard}", f"#define {guard}", r"#include <stdint\.h>")
    lines.need(r'#include "tg_core\.h"', r'#include "tg_numerics\.h"', r"typedef struct \{")
    lines.many(r"  (?:u?int(?:8|16|32)_t|float|tg_requant) \w+;")
    lines.need(rf"\}} {kernel}_params;")
    if not lines.take(rf"void {kernel}\([\w *,]+\);"):
        lines.need(rf"void {kernel}\([\w *,]+")
        lines.many(r" +[\w *,]+,")
        lines.need(r" +[\w *,]+\);")
    lines.need("#endif")
    lines.end()


def check_near_file(net: str, text: str) -> None:
    """The arrays of near constants. text: without comments. Raises BrokenError."""
    lines, big = Lines(f"{net}_near.c", text), net.upper()
    lines.need(rf'#include "{net}\.h"')
    while lines.take(rf"#ifndef {big}_(NEAR_[12])_PLACE"):
        lines.need(rf"#define {big}_NEAR_[12]_PLACE", "#endif", rf"extern const uint8_t {net}_near_[12]\[\];")
        lines.need(rf"GLOW_MEM_ALIGN\({big}_MEM_ALIGN\)", rf"{big}_NEAR_[12]_PLACE")
        lines.need(rf"const uint8_t {net}_near_[12]\[{big}_NEAR_[12]_MEM_SIZE\] = \{{")
        lines.many(r" *(?:0X[0-9A-F]{2}, ?)+")
        lines.need(r"\};")
    lines.end()


def check_macros(net: str, code: str, headers: Mapping[str, str]) -> None:
    """No macro of a header stands for something that the network's C names. Raises BrokenError.

    headers: their texts without comments, of which lines that go on in the next one are one.
    """
    names = set(re.findall(r"[A-Za-z_]\w*", code)) - _KNOWN_MACROS
    for file, text in sorted(headers.items()):
        others: Iterable[str] = set(_DEFINE.findall(text)) & names
        for name in sorted(others):
            raise BrokenError(file, f"defines the macro {name[:60]}, which {net}.c names", "names of its own")
