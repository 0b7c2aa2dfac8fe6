"""Check a bundle's proof against the bundle's files. Nothing here knows of the compiler more than the files' format."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tinyglow.checker.document import ENDING, Document, read_document
from tinyglow.checker.extents import extents, loop_of
from tinyglow.checker.findings import BrokenError, Findings, shown
from tinyglow.checker.interface import check_interface, check_rows, interface_files
from tinyglow.checker.layouts import layer_of
from tinyglow.checker.memory import (
    check_accesses,
    check_disjoint,
    check_placeholders,
    check_places,
    check_resets,
)
from tinyglow.checker.numbers import numbers
from tinyglow.checker.program_text import check_calls
from tinyglow.checker.source import Call, Source, near_arrays, read_source
from tinyglow.checker.sums import (
    INT32,
    INT64,
    WRAPPING,
    layer_sums,
    strange_shifts,
    window_requantization,
    window_sums,
)
from tinyglow.checker.unstated import reason_of

_MOST_FILE = 1 << 28
_MOST_PROOF = 1 << 24
_MOST_TEXT = 1 << 24  # of a C file or an object
_MOST_FILES = 10_000
_BYTES_OF_BYTE = 8  # of text that stand for a byte of the weights, at most
_TEXT = (".c", ".h")
_LIST = "tinyglow.sha256"
_CLAIMS = frozenset(("kernel", "layer", "sums", "numbers"))  # what a proof may state of a call


def check_proof(folder: str | Path) -> Findings:
    """Check the proof of the bundle in a folder.

    Args:
        folder: The bundle, with its sources.

    Returns:
        What holds, and every fault.

    Raises:
        BrokenError: There is no proof, or none that can be read.
    """
    folder = Path(folder)
    name, document = _document(folder)
    found = Findings()
    files = _files(folder, document, found)
    net = document.network
    found.require(name == net + ENDING, name, f"is the proof of {net}", net + ENDING)
    texts = {file: data.decode("utf-8", "replace") for file, data in files.items() if file.endswith(_TEXT)}
    weights = files.get(f"{net}.weights.bin", b"")
    with found.part(f"{net}.weights.txt"):
        _check_weights(net, files, weights, document, found)
    with found.part(f"{net}.c"):
        _check_network(net, files, texts, document, found)
    with found.part(f"{net}.c"):
        check_calls(net, texts, found)
    with found.part(f"{net}.o"):
        _check_stack(net, files, document, found)
    return found


def _document(folder: Path) -> tuple[str, Document]:
    if not folder.is_dir():
        raise BrokenError(str(folder), "is no folder", "a bundle")
    names = sorted(path.name for path in folder.glob(f"*{ENDING}"))
    if len(names) != 1:
        raise BrokenError(
            str(folder), f"holds {len(names)} proofs", f"one file *{ENDING}, as 'tinyglow compile' writes it"
        )
    return names[0], read_document(names[0], _read(folder / names[0], _MOST_PROOF))


def _read(path: Path, most: int) -> bytes:
    """A regular file's bytes."""
    try:
        if path.is_symlink() or not path.is_file():
            raise BrokenError(path.name, "is no regular file")
        if path.stat().st_size > most:
            raise BrokenError(path.name, f"has {path.stat().st_size} bytes", f"at most {most}")
        return path.read_bytes()
    except OSError as error:
        raise BrokenError(path.name, os.strerror(error.errno or 0)) from None


def _files(folder: Path, document: Document, found: Findings) -> dict[str, bytes]:
    """The files that the proof names, each as it has it."""
    files = {}
    if len(document.files) > _MOST_FILES:
        raise BrokenError("the proof", f"names {len(document.files)} files", f"at most {_MOST_FILES}")
    for name, digest in document.files.items():
        with found.part(name):
            data = _read(folder / name, _MOST_TEXT if name.endswith((*_TEXT, ".o")) else _MOST_FILE)
            same = hashlib.sha256(data).hexdigest() == digest
            if found.require(same, name, "is not the file that was compiled", f"SHA-256 {digest}"):
                files[name] = data
    others = {path.name for path in folder.iterdir() if path.name.endswith((*_TEXT, ".S", ".o", ".bin"))}
    for name in sorted(others - document.files.keys()):
        found.require(False, name, "lies in the bundle, and the proof does not name it")
    found.facts.append(f"{len(files)} of {len(document.files)} files are as they were compiled")
    return files


def _check_weights(net: str, files: Mapping[str, bytes], weights: bytes, document: Document, found: Findings) -> None:
    """The weights as bytes are as long as their memory, and the same as the weights as text."""
    size = document.memories.get("constantWeight", 0)
    found.require(len(weights) == size, f"{net}.weights.bin", f"has {len(weights)} bytes", f"{size}")
    text = files.get(f"{net}.weights.txt")
    if text is not None:
        try:
            same = (
                len(text) <= _BYTES_OF_BYTE * (len(weights) + 8)
                and bytes(int(word, 16) for word in text.decode("ascii").replace(",", " ").split()) == weights
            )
        except ValueError:
            same = False
        found.require(same, f"{net}.weights.txt", f"holds other bytes than {net}.weights.bin")


def _check_network(
    net: str, files: Mapping[str, bytes], texts: Mapping[str, str], document: Document, found: Findings
) -> None:
    """The calls of the network, one by one, and its buffers."""
    source = read_source(net, texts)
    weights = {"constantWeight": files.get(f"{net}.weights.bin", b""), **near_arrays(net, texts)}
    others = {name: files[name].decode("utf-8", "replace") for name in interface_files(net) if name in files}
    for memory, data in weights.items():
        size = source.sizes.get(memory, 0)
        found.require(len(data) == size, memory, f"has {len(data)} bytes", f"{size}, as {net}.h says")
    for memory in sorted(document.memories.keys() - source.sizes.keys()):
        found.require(False, f"{net}.h", f"does not say how large {memory} is", f"{document.memories[memory]} bytes")
    for memory, size in source.sizes.items():
        stated = document.memories.get(memory, 0)
        found.require(stated == size, memory, f"has {size} bytes in {net}.h", f"{stated}, as the proof says")
    found.require(
        len(document.calls) == len(source.calls), f"{net}.c", f"has {len(source.calls)} calls", f"{len(document.calls)}"
    )
    check_places(source, net, document.buffers, document.memories, found)
    check_placeholders(net, source, document.buffers, found)
    check_resets(net, source, document.buffers, found)
    check_rows(net, source, document.buffers, found)
    for name, text in others.items():
        with found.part(name):
            check_interface(net, name, text, document.buffers, document.memories.get("constantWeight", 0))
    shares = []
    for call, claim in zip(source.calls, document.calls, strict=False):
        with found.part(call.where):
            share = _check_call(net, call, source, weights, (document, claim), found)
            shares += [] if share is None else [share]
    check_disjoint(source, net, document.buffers, document.overlaps, found)
    found.facts.append(f"{len(source.calls)} calls stay inside of {len(document.buffers)} buffers, apart while in use")
    found.facts.append(f"{len(document.overlaps)} outputs overlap their inputs as far as their kernels allow")
    most = max(shares, default=0)
    found.facts.append(f"{len(shares)} calls add up; the largest sum takes {most:.4%} of what its integer holds")


def _check_call(
    net: str,
    call: Call,
    source: Source,
    weights: Mapping[str, bytes],
    stated: tuple[Document, dict[str, Any]],
    found: Findings,
) -> float | None:
    """A call; returns how much of its integers' range its sums take, None if it adds nothing up."""
    document, claim = stated
    found.require(claim.keys() <= _CLAIMS, call.where, "the proof states what is unknown", ", ".join(sorted(_CLAIMS)))
    found.require(claim.get("kernel") == call.kernel, call.where, f"the proof has {shown(claim.get('kernel'))}")
    data = _constants(net, call, source, weights)
    elements = extents(call, data)
    items = {argument.name: argument.item for argument in call.arguments}
    items["scratch"] = 1
    bytes_of = {name: count * items[name] for name, count in elements.items() if name in items}
    if not check_accesses(call, net, document.buffers, bytes_of, found):
        return None  # what reads past a buffer cannot be read here either
    _check_numbers(call, claim, data, found)
    layer = layer_of(call, data, source.functions, bytes_of)
    sums = claim.get("sums")
    if layer is None:
        window = window_sums(call)
        if window is None:
            found.require(sums is None, call.where, "adds nothing up", "no sums in the proof")
            return None
        expected: dict[str, Any] = {"bits": 32, "low": window[0], "high": window[1]}
        if call.kernel.endswith("_s16"):
            expected["bits"] = 32 if INT32[0] <= window[0] and window[1] <= INT32[1] else 64
        requantized = window_requantization(call, window)
        if requantized is not None:
            largest, limit, must = requantized
            expected["requantization"] = {"largest": largest, "limit": limit}
            found.require(not must or largest <= limit, call.where, f"its requantization reaches {largest}", f"{limit}")
        limits = INT32 if expected["bits"] == 32 else INT64
        fits = limits[0] <= window[0] and window[1] <= limits[1]
    else:
        wraps = isinstance(sums, dict) and sums.get("wraps") is True
        for what, shifts in strange_shifts(call, layer):
            found.require(False, call.where, f"its scales shift by {what} bits", shifts)
        own = layer_sums(call, layer, wraps)
        expected = {"bits": own.bits, "low": own.low, "high": own.high, "channel": own.channel}
        expected["requantization"] = {"largest": own.requantized, "limit": own.requantized_limit}
        if own.limits:
            expected["intermediates"] = {
                name: {"largest": largest, "limit": limit} for name, (largest, limit) in sorted(own.limits.items())
            }
        fits = own.fits
        if wraps:
            known = loop_of(call.kernel)
            fits = known is not None and known[0] in WRAPPING and known[1] == "glow"
            expected["wraps"] = True
            found.facts.append(f"{call.where}: sums of {own.low} to {own.high} may wrap, as was asked for")
        for name, (largest, limit) in own.limits.items():
            found.require(largest <= limit, call.where, f"its {name} reach {largest}", f"at most {limit}")
        found.require(
            not (own.requantized > own.requantized_limit and own.must_not_wrap),
            call.where,
            f"its requantization reaches {own.requantized}",
            f"at most {own.requantized_limit}, for its kernel is right only where nothing wraps",
        )
    found.require(fits, call.where, f"its sums reach {expected['low']} to {expected['high']}", "numbers of 32 bits")
    _compare(call.where, sums, expected, found)
    return float(max(-expected["low"], expected["high"]) / 2 ** (expected["bits"] - 1))


def _check_numbers(call: Call, claim: Mapping[str, Any], data: Callable[[str], bytes], found: Findings) -> None:
    """The intermediates of a kernel but a layer's sums."""
    own = numbers(call, data)
    if own is None:
        known = window_sums(call) is not None or loop_of(call.kernel) is not None or reason_of(call.kernel) is not None
        found.require(known, call.where, "is a kernel of whose numbers the checker knows nothing")
        found.require("numbers" not in claim, call.where, "has no numbers that are known", "none in the proof")
        return
    for name in own.unsound:
        one = own.stated[name]
        held = f"{one['bits']} bits" if one.get("type") != "float" else "numbers of float32"
        found.require(False, call.where, f"its {name} reaches {one['low']} to {one['high']}", held)
    for what, expected in own.faults:
        found.require(False, call.where, f"has {what}", expected)
    wrapping = sorted(name for name, one in own.stated.items() if one.get("wraps"))
    if wrapping:
        found.facts.append(f"{call.where}: {', '.join(wrapping)} may wrap, as in the runtime whose rounding it is")
    _compare(call.where, claim.get("numbers"), own.stated, found, "numbers")


def _compare(where: str, stated: Any, expected: Mapping[str, Any], found: Findings, path: str = "sums") -> None:
    """What the proof states of a call's sums is what the weights say."""
    if not found.require(isinstance(stated, dict), where, f"the proof states no {path}"):
        return
    for name in sorted(expected.keys() | stated.keys()):
        own, theirs = expected.get(name), stated.get(name)
        if isinstance(own, dict):
            _compare(where, theirs, own, found, f"{path}, {name}")
        else:
            found.require(
                own == theirs and type(own) is type(theirs),
                where,
                f"the proof states {shown(theirs)} for {path}, {str(name)[:60]}",
                f"{own}, by the bundle's C and weights",
            )


def _constants(net: str, call: Call, source: Source, weights: Mapping[str, bytes]) -> Callable[[str], bytes]:
    """The bytes of the constants from an operand's first on."""

    def data(name: str) -> bytes:
        argument = call.argument(name)
        if argument.memory not in weights:
            raise BrokenError(call.where, f"its {name} lies in {argument.memory}", ", ".join(weights))
        offset = source.places.get(argument.label)
        if offset is None or offset > len(weights[argument.memory]):
            raise BrokenError(call.where, f"its {name} lies outside of the weights")
        return weights[argument.memory][offset:]

    return data


def _check_stack(net: str, files: Mapping[str, bytes], document: Document, found: Findings) -> None:
    """What the proof says of the stack, by the bundle's object."""
    from tinyglow.checker.stack import check_stack

    check_stack(net, files.get(f"{net}.o"), document.stack, found)
