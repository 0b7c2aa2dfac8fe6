"""Which functions of a bundle's C call which: none calls itself, in however many steps, and none calls a library."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from tinyglow.checker.findings import Findings
from tinyglow.checker.source import without_comments

_WORDS = frozenset(
    ("if", "for", "while", "do", "switch", "return", "sizeof", "else", "case", "volatile", "defined", "asm", "aligned")
)
_TOKEN = re.compile(r'"((?:[^"\\\n]|\\.)*)"?|\'(?:[^\'\\\n]|\\.)*\'?|([A-Za-z_]\w*)|(->|\S)')
_DEFINE = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)(\([^)\n]*\))?(.*)$", re.MULTILINE)
_DIRECTIVE = re.compile(r"^[ \t]*#[ \t]*(\w+).*$", re.MULTILINE)
# Marks that take the place of #if, #else and #endif among the tokens.
_IF, _ELSE, _ENDIF = "\x01", "\x02", "\x03"
_MARKS = {"if": _IF, "ifdef": _IF, "ifndef": _IF, "elif": _ELSE, "else": _ELSE, "endif": _ENDIF}
_BRANCH = re.compile(r"\b(?:bl|b|b\.w|blx)\s+([A-Za-z_]\w*)")
# Names that are the compiler's, as intrinsics; and macros, of which none but the bundle's has such a name.
_COMPILER = re.compile(r"__|_Pragma$|TG_[A-Z0-9_]+$")
# Functions of Arm's intrinsics, each an instruction (Arm MVE Intrinsics Reference; arm_mve.h).
_INTRINSICS = frozenset(
    {f"{name}_s8" for name in ("vldrbq", "vldrbq_z", "vmladavaq", "vaddvaq")}
    | {"vldrbq_z_s16", "vaddq_n_s16", "vmullbq_int_s16", "vmulltq_int_s16", "vdupq_n_s32", "vaddq_s32", "vst2q_s32"}
    | {"vctp8q", "vctp16q"}
)
Body = list[tuple[str, str]]  # (kind, text) of each token
# Functions of the utilities for hosts, which allocate memory there; firmware is built without them.
_HOST_FILES = ("glow_bundle_utils.c", "glow_bundle_utils.h")


def check_calls(net: str, texts: Mapping[str, str], found: Findings) -> None:
    """No recursion, and no function that the bundle does not define.

    Args:
        net: The network's name.
        texts: C files and headers of the bundle.
        found: Takes facts and faults.
    """
    shared, own, roots = _bodies(texts)
    graph: dict[str, set[str]] = {}
    strange: dict[str, set[str]] = {}
    for file, bodies in own.items():
        known = {**shared, **bodies}
        for name, body in bodies.items():
            edges, unknown = _edges(net, body, known)
            # A macro of a C file is the file's own: others may have one of the same name.
            node = _node(file, name, shared)
            graph.setdefault(node, set()).update(_node(file, edge, shared) for edge in edges)
            strange.setdefault(node, set()).update(unknown)
    others = sorted((name, other) for name in _reached(graph, roots) for other in strange[name])
    for name, other in others:
        found.require(False, f"{net}.c", f"{name} calls {other}", "functions of the bundle alone")
    cycle = _cycle(graph)
    found.require(not cycle, f"{net}.c", f"recursion: {' -> '.join(cycle[:20])}", "none")
    if not cycle and not others:
        found.facts.append(f"{len(graph)} functions and macros call no library function, and none calls itself")


def _branch(directive: re.Match[str]) -> str:
    return _MARKS.get(directive[1], "")


def _node(file: str, name: str, shared: Mapping[str, Body]) -> str:
    return name if name in shared else f"{file}: {name}"


def _bodies(texts: Mapping[str, str]) -> tuple[dict[str, Body], dict[str, dict[str, Body]], set[str]]:
    """What all files may refer to, by name; the bodies of functions and macros of each file; names of functions."""
    roots: set[str] = set()
    shared: dict[str, Body] = {}
    own: dict[str, dict[str, Body]] = {}
    for file, text in sorted(texts.items()):
        if file in _HOST_FILES:
            continue
        macros, functions = _definitions(text)
        own[file] = {**macros, **functions}
        shared |= functions
        roots |= functions.keys()
        if file.endswith(".h"):
            shared |= macros
    return shared, own, roots


@lru_cache(maxsize=256)
def _definitions(text: str) -> tuple[dict[str, Body], dict[str, Body]]:
    """The macros and the functions of a file. Many bundles have the same files."""
    code = without_comments(text.replace("\\\n", " "))
    macros: dict[str, Body] = {}
    for name, arguments, body in _DEFINE.findall(code):
        parameters = set(re.findall(r"\w+", arguments))
        macros.setdefault(name, []).extend(token for token in _tokens(body) if token[1] not in parameters)
    return macros, _functions(_tokens(_DIRECTIVE.sub(_branch, code)))


def _functions(tokens: Body) -> dict[str, Body]:
    """The tokens of each function; of several with one name, as in the branches of an #if, all."""
    found: dict[str, Body] = {}
    opened = _opened(tokens)
    depth, head = 0, ""
    before: list[tuple[int, str]] = []  # at each #if around a token
    for index, token in enumerate(tokens):
        if token[1] == _IF:
            before.append((depth, head))
        elif token[1] == _ELSE and before:
            depth, head = before[-1]
        elif token[1] == _ENDIF and before:
            before.pop()
        if token == ("mark", "{") and (index == 0 or tokens[index - 1] != ("string", "C")):
            head = head if depth else _defined(tokens, index, opened)
            found.setdefault(head, [])
            depth += 1
        elif token == ("mark", "}"):
            depth = max(depth - 1, 0)
        if depth:
            found[head].append(token)
    found.pop("", None)
    return found


def _tokens(text: str) -> Body:
    found: Body = []
    for match in _TOKEN.finditer(text):
        if match[1] is not None:
            found.append(("string", match[1]))
        elif match[2] is not None:
            found.append(("name", match[2]))
        elif match[3] is not None:
            found.append(("mark", match[3]))
    return found


def _defined(tokens: Body, brace: int, opened: Mapping[int, int]) -> str:
    """The function whose body begins at a brace; "" for a struct, an enum or an array."""
    index = opened.get(brace - 1, 0)
    return tokens[index - 1][1] if index > 0 and tokens[index - 1][0] == "name" else ""


def _opened(tokens: Body) -> dict[int, int]:
    """The place of the parenthesis that each closing one closes."""
    found, pending = {}, []
    for index, token in enumerate(tokens):
        if token == ("mark", "("):
            pending.append(index)
        elif token == ("mark", ")") and pending:
            found[index] = pending.pop()
    return found


def _edges(net: str, body: Body, bodies: Mapping[str, Body]) -> tuple[set[str], set[str]]:
    """What a body refers to of the bundle's functions and macros, and the functions that it calls of others."""
    known: set[str] = set()
    unknown: set[str] = set()
    for index, (kind, token) in enumerate(body):
        if kind == "string":
            known |= {name for name in (*_BRANCH.findall(token), token) if name in bodies}
            continue
        if kind != "name":
            continue
        if token in bodies:
            known.add(token)
            continue
        called = body[index + 1 : index + 2] == [("mark", "(")]
        member = index > 0 and body[index - 1] in (("mark", "->"), ("mark", "."))
        if called and token == "weights":  # a pointer to a function that stands for weights
            known |= {name for name in bodies if re.fullmatch(rf"{net}_code_\d+", name)}
        elif called and not member and token not in _WORDS | _INTRINSICS and not _COMPILER.match(token):
            unknown.add(token)
    return known, unknown


def _reached(graph: Mapping[str, set[str]], roots: set[str]) -> set[str]:
    """All that the functions refer to, in however many steps: a macro that nobody uses calls nothing."""
    seen, pending = set(roots), list(roots)
    while pending:
        new = graph[pending.pop()] - seen
        seen |= new
        pending.extend(new)
    return seen


def _cycle(graph: Mapping[str, set[str]]) -> list[str]:
    """Functions that call each other in a ring; none if there is no ring."""
    done: set[str] = set()
    for root in sorted(graph):
        path: list[str] = []
        on_path: set[str] = set()
        stack: list[tuple[str, Iterator[str]]] = []
        if root not in done:
            path, on_path, stack = [root], {root}, [(root, iter(sorted(graph[root])))]
        while stack:
            name, following = stack[-1]
            child = next(following, None)
            if child is None:
                done.add(name)
                stack.pop()
                on_path.discard(path.pop())
            elif child in on_path:
                return [*path[path.index(child) :], child]
            elif child not in done:
                path.append(child)
                on_path.add(child)
                stack.append((child, iter(sorted(graph[child]))))
    return []
