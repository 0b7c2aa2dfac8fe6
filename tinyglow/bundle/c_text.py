"""Check C files of unknown origin: compiling one must read no other file.

A compiler reads other files for ``#include`` and similar directives, an assembler for ``.incbin`` and ``.include``.
Both can be hidden by macros, spliced lines, attributes with text for the assembler, and trigraphs. Generated C needs
none of these, so anything that could hide a directive is reported as a fault.
"""

from __future__ import annotations

import re

_MOST_FAULTS = 4  # of a file

_TOKEN = re.compile(
    r"""(?P<comment>/\*.*?\*/|//[^\n]*)|(?P<string>"(?:[^"\\\n]|\\.)*")|(?P<char>'(?:[^'\\\n]|\\.)*')|(?P<open>/\*|["'])""",
    re.DOTALL,
)
# Spellings of other characters, and lines that go on in the next.
_DISGUISES = re.compile(r"\?\?|%:|\\[ \t\f\v\r]*\n|\r(?!\n)|\0")
_HEADERS = frozenset({"stdint.h", "stddef.h", "stdbool.h", "limits.h", "arm_acle.h"})
_INCLUDE = re.compile(r'include\s*(?:"(?P<own>[\w.-]+)"|<(?P<system>[\w.]+)>)\s*')
_DIRECTIVE = re.compile(
    r"(?:if|ifdef|ifndef|elif|else|endif|undef|error)\b[^\n]*|define\s+(?!aligned\b)\w[^\n]*"
    r'|pragma\s+GCC\s+diagnostic\s+(?:push|pop|ignored\s*"-W[\w-]+")\s*|\s*'
)
_WORDS = re.compile(
    r"\b(?:__has_include\w*|__has_embed|_Pragma|__pragma|__declspec|__attribute|__attribute__(?!\s*\(\(aligned\(\w+\)\)\)))\b"
)
_ASSEMBLER = re.compile(r"\b(?:asm|__asm|__asm__)\b")
# A directive begins with a dot that belongs to no mnemonic or operand; ours has a single one.
_ASSEMBLER_DIRECTIVE = re.compile(r"(?<!\w)\.(?!syntax unified)[A-Za-z_]|%\w*\.|\\[^nt]")
_PLAIN_STRING = re.compile(r"[\w. -]*")
_BYTES = re.compile(rb"(?:\s*0[xX][0-9a-fA-F]{1,2}\s*,)*\s*(?:0[xX][0-9a-fA-F]{1,2})?\s*")


def faults_of_bytes(data: bytes) -> list[str]:
    """What keeps a file from being a list of bytes in C; [] if nothing does."""
    return [] if _BYTES.fullmatch(data) else ["is no list of bytes"]


def faults_of_c(data: bytes) -> list[str]:
    """What in a C file may read other files; [] if nothing does."""
    text = data.decode("latin-1")
    if match := _DISGUISES.search(text):
        return [f"line {_line(text, match.start())}: has spliced lines, or characters that are spelled otherwise"]
    code, strings, unclosed = _split(text)
    if unclosed:
        return [unclosed]
    faults = [*_faults_of_directives(code), *_faults_of_words(code)]
    if not _ASSEMBLER.search(code):
        # Names of sections and their kin are written into the assembler's input as they are.
        faults += [f"has the odd text {part[:40]!r}" for part in strings if not _PLAIN_STRING.fullmatch(part)]
    elif any(_ASSEMBLER_DIRECTIVE.search(part) for part in (*strings, "".join(strings))):
        faults.append("has directives for the assembler")
    return faults[:_MOST_FAULTS]


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _split(text: str) -> tuple[str, list[str], str]:
    """C without its comments, the contents of its strings, and what is not closed ("" if nothing)."""
    kept: list[str] = []
    strings: list[str] = []
    at = 0
    for match in _TOKEN.finditer(text):
        kept.append(text[at : match.start()])
        at = match.end()
        if match["open"]:
            return "", [], f"line {_line(text, match.start())}: {match['open']} is not closed"
        kept.append(" " + "\n" * match.group().count("\n") if match["comment"] else match.group())
        if match["string"]:
            strings.append(match["string"][1:-1])
    kept.append(text[at:])
    return "".join(kept), strings, ""


def _faults_of_directives(code: str) -> list[str]:
    faults = []
    for number, line in enumerate(code.split("\n"), 1):
        stripped = line.strip()
        if not stripped.startswith("#"):
            continue
        directive = stripped[1:].strip()
        include = _INCLUDE.fullmatch(directive)
        harmless = include["own"] or include["system"] in _HEADERS if include else _DIRECTIVE.fullmatch(directive)
        if not harmless:
            faults.append(f"line {number}: {stripped[:60]!r} is none of a bundle's directives")
    return faults


def _faults_of_words(code: str) -> list[str]:
    bare = re.sub(r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'", " ", code)
    faults = [f"line {_line(bare, m.start())}: uses {m.group()}" for m in _WORDS.finditer(bare)]
    for pattern, what in ((r"##", "joins tokens"), (r"\[\s*\[", "has attributes"), (r"\\|[^\x00-\x7f]", "is odd C")):
        if match := re.search(pattern, bare):
            faults.append(f"line {_line(bare, match.start())}: {what}")
    return faults
