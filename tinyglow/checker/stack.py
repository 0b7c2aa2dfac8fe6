"""A bound of the stack that a network takes, by the instructions of the bundle's object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tinyglow.checker.elf import Function, ObjectCode, read_object
from tinyglow.checker.findings import BrokenError, Findings, shown
from tinyglow.checker.thumb import decode

# What compilers' libraries may be asked for, and the stack that is allowed for each: division, floats, block copies.
_LIBRARY = ("__aeabi_", "__gnu_")
_BLOCKS = frozenset({"memcpy", "memset", "memmove", "glow_tcm_addr"})
LIBRARY_BYTES = 64


@dataclass(frozen=True)
class _Depths:
    """The deepest point of a function, and how deep it is at each call."""

    own: int
    calls: tuple[tuple[str, int], ...]


def check_stack(net: str, data: bytes | None, stated: Mapping[str, Any] | None, found: Findings) -> None:
    """Compare the proof's figure with the object's instructions.

    Args:
        net: The network's name.
        data: The bundle's object, if it has one.
        stated: What the proof says.
        found: Takes facts and faults.

    Raises:
        BrokenError: The object cannot be read, or its stack has no bound.
    """
    where = f"{net}.proof.json"
    if data is None or data[18:20] != b"\x28\0":
        found.require(
            stated is None, where, "states a stack figure", "none, for the bundle has no object of a Cortex-M"
        )
        found.facts.append("no stack figure: the bundle has no object of a Cortex-M")
        return
    bound, path, library = stack_bound(net, data)
    if not found.require(stated is not None, where, "states no stack figure", f"{bound} bytes") or stated is None:
        return
    found.require(
        stated.get("bytes") == bound,
        where,
        f"states a stack of {shown(stated.get('bytes'))} bytes",
        f"{bound}: {' -> '.join(path)}, by the instructions of {net}.o",
    )
    found.require(
        stated.get("path") == path, where, f"has the deepest path {shown(stated.get('path'))}", " -> ".join(path)
    )
    names = stated.get("library")
    found.require(names == library, where, f"names the library functions {shown(names)}", ", ".join(library) or "none")
    found.facts.append(f"the stack takes at most {bound} bytes: {' -> '.join(path)}")


def stack_bound(net: str, data: bytes) -> tuple[int, list[str], list[str]]:
    """The most bytes of stack that a call of the network takes.

    Args:
        net: The network's function.
        data: The object.

    Returns:
        The bytes; the functions on the deepest path; and the library functions that the object needs, each of which
        counts ``LIBRARY_BYTES``.

    Raises:
        BrokenError: There is no bound, or the object needs other functions.
    """
    code = read_object(f"{net}.o", data)
    if net not in code.functions:
        raise BrokenError(f"{net}.o", f"has no function {net}")
    strange = sorted(name for name in code.needs if not name.startswith(_LIBRARY) and name not in _BLOCKS)
    if strange:
        raise BrokenError(f"{net}.o", f"needs {', '.join(strange)[:200]}", "the compiler's own library alone")
    depths = {name: _depths(function, code) for name, function in code.functions.items()}
    totals: dict[str, tuple[int, list[str]]] = {}
    _total(net, depths, totals, [])
    bytes_, path = totals[net]
    return bytes_, path, sorted(code.needs - {"glow_tcm_addr"})


def _total(
    name: str, depths: Mapping[str, _Depths], totals: dict[str, tuple[int, list[str]]], above: list[str]
) -> tuple[int, list[str]]:
    """The stack of a function with all that it calls, and the deepest path."""
    if name in above:
        raise BrokenError(name, f"recursion: {' -> '.join([*above[above.index(name) :], name])}", "none")
    if name not in depths:
        return LIBRARY_BYTES, [name]
    if name not in totals:
        best, path = depths[name].own, [name]
        for called, depth in depths[name].calls:
            below, rest = _total(called, depths, totals, [*above, name])
            if depth + below > best:
                best, path = depth + below, [name, *rest]
        totals[name] = best, path
    return totals[name]


def _depths(function: Function, code: ObjectCode) -> _Depths:
    """Follow a function's instructions from its entry, with the depth of the stack at each."""
    text, jumps = code.code[function.section], code.jumps.get(function.section, {})
    end = function.begin + function.size
    depth: dict[int, int] = {}
    calls: set[tuple[str, int]] = set()
    deepest = computed = 0
    has_computed, left = False, function.begin
    pending = [(function.begin, 0)]
    while True:
        if not pending:
            found = _unreached(function, code, depth, left) if has_computed else None
            if found is None:
                break
            left = found
            pending.append((left, computed))
        at, now = pending.pop()
        if not function.begin <= at < end or (at in depth and depth[at] >= now) or code.is_data(function.section, at):
            continue
        if at in depth:
            raise BrokenError(function.name, f"its stack grows in a loop, at byte {at - function.begin}")
        depth[at] = now
        step = decode(text, at)
        after = now + step.down
        deepest = max(deepest, after)
        target = jumps.get(at)
        if step.kind == "unknown":
            raise BrokenError(
                function.name, f"sets the stack pointer at byte {at - function.begin}", "steps of a known size"
            )
        if step.kind in ("call", "jump", "branch") and (
            target is not None or not function.begin <= at + step.target < end
        ):
            calls.add((target if target else _at(code, function.section, at + step.target), after))
        elif step.kind == "call" and at + step.target == function.begin:
            calls.add((function.name, after))
        elif step.kind in ("call", "jump", "branch"):  # ARMv6-M jumps far by BL
            pending.append((at + step.target, after))
        elif step.kind == "indirect":
            calls |= {(name, after) for name in code.taken}
        elif step.kind == "computed":
            has_computed, computed = True, max(computed, after)
        if step.kind not in ("jump", "return"):
            pending.append((at + step.size, after))
    return _Depths(deepest, tuple(sorted(calls)))


def _at(code: ObjectCode, section: int, place: int) -> str:
    """The function that begins at a place of a section."""
    for function in code.functions.values():
        if (function.section, function.begin) == (section, place):
            return function.name
    raise BrokenError("the object", f"calls byte {place} of a section, where no function begins")


def _unreached(function: Function, code: ObjectCode, depth: Mapping[int, int], begin: int) -> int | None:
    """The first place from an instruction on that nothing leads to: a computed jump may."""
    text, at = code.code[function.section], begin
    while at < function.begin + function.size:
        if code.is_data(function.section, at):
            at += 2
            continue
        if at not in depth:
            return at
        at += decode(text, at).size
    return None
