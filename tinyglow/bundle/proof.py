"""``<net>.proof.json``: what holds of a bundle for all inputs, for a checker that knows nothing of the compiler.

``docs/how-to/proof.md`` describes the format. :mod:`tinyglow.checker` re-verifies it from the bundle's files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from tinyglow.bundle.rows import with_rows_apart
from tinyglow.errors import ModelError, Problem
from tinyglow.ir.kernel import Kernel
from tinyglow.ir.numbers import Number
from tinyglow.ir.program import CONSTANTS, NEAR, Buffer, KernelCall, Program, Region
from tinyglow.ir.sums import SumRange
from tinyglow.numerics.epilogues.glow import GLOW
from tinyglow.numerics.glow import INT32_MAX, Requant

FORMAT = "tinyglow proof"
VERSION = 1
_INT64_MAX = 2**63 - 1
_OTHERS = (Region.TCM, *NEAR, Region.ROWS)
_IN_C = (Region.CONSTANT, Region.MUTABLE, Region.ACTIVATION, *_OTHERS)

Json = dict[str, Any]


def proof_name(net: str) -> str:
    """Name of the proof's file in the bundle of a network."""
    return f"{net}.proof.json"


def proof_file(program: Program, files: Mapping[str, bytes], stack: Json | None = None) -> bytes:
    """The proof of a bundle.

    Args:
        program: The program, with addresses.
        files: The bundle's files, by name.
        stack: What is known of its stack (``sim.stack``).

    Returns:
        The content of ``<net>.proof.json``. The same program gives the same bytes.

    Raises:
        ModelError: Something that a proof must state does not hold. No network should come so far.
    """
    program = with_rows_apart(program)
    document = {
        "format": FORMAT,
        "version": VERSION,
        "network": program.name,
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())},
        "memories": {
            region.value: size for region in _IN_C if (size := program.sizes.get(region, 0)) or region not in _OTHERS
        },
        "buffers": _buffers(program),
        "calls": [_call(program, call) for call in program.calls],
        "overlaps": _overlaps(program),
        "stack": stack,
    }
    return _text(document).encode("ascii")


def _text(document: Json) -> str:
    """JSON with an entry of a list in each line."""
    lines = []
    for key, value in document.items():
        text = json.dumps(value)
        if isinstance(value, list) and value:
            text = "[\n" + ",\n".join(f"  {json.dumps(entry)}" for entry in value) + "\n ]"
        elif isinstance(value, dict) and value:
            entries = ",\n".join(f"  {json.dumps(name)}: {json.dumps(entry)}" for name, entry in value.items())
            text = f"{{\n{entries}\n }}"
        lines.append(f" {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _buffers(program: Program) -> list[Json]:
    """Every buffer, and the calls, counted from 1, from which and to which its content counts.

    A part's content counts as long as that of its whole.
    """
    end = len(program.calls) + 1
    touched: dict[str, list[int]] = {}
    for number, call in enumerate(program.calls, 1):
        for name in map(program.whole, call.buffers):
            touched.setdefault(name, []).append(number)
            if program.buffers[name].region is Region.ROWS:
                touched.setdefault(program.rows, []).append(number)

    def life(part: Buffer) -> tuple[int, int]:
        buffer = program.buffers[program.whole(part.name)]
        first, last = touched.get(buffer.name, [0])[0], touched.get(buffer.name, [0])[-1]
        if buffer.region in (*CONSTANTS, Region.ROWS) or buffer.name in program.states:
            return 0, end
        return (0 if buffer.name in program.inputs else first), (end if buffer.name in program.outputs else last)

    found = []
    for region in _IN_C:
        own = [buffer for buffer in program.buffers.values() if buffer.region is region]
        for buffer in sorted(own, key=lambda buffer: (buffer.offset, buffer.name)):
            first, last = life(buffer)
            place = {"offset": buffer.offset, "bytes": buffer.type.nbytes, "first": first, "last": last}
            part = {"part_of": buffer.part_of} if buffer.part_of else {}
            found.append({"name": buffer.name, "memory": region.value, **place, **part})
    return found


def _call(program: Program, call: KernelCall) -> Json:
    document: Json = {"kernel": call.kernel.symbol, "layer": call.origin}
    if (sums := _sums(call)) is not None:
        document["sums"] = sums
    constants = [program.buffers[name].data for name in call.operands]
    numbers = call.kernel.numbers(call.params, constants)
    if numbers is not None:
        document["numbers"] = {name: _number(one) for name, one in numbers.items()}
    return document


def _number(number: Number) -> Json:
    """The range of one intermediate; lowering has seen to it that only those wrap that may."""
    found: Json = {"bits": number.bits, "low": number.low, "high": number.high}
    if number.held != "signed":
        found["type"] = number.held
    return found if number.fits else {**found, "wraps": True}


def _sums(call: KernelCall) -> Json | None:
    """The range of a call's sums; None if it adds nothing up."""
    kernel = call.kernel
    if call.sums is None:
        if kernel.sums_of is None:
            return None
        low, high = kernel.sums_of(call.params)
        found: Json = {"bits": 32 if low >= -INT32_MAX - 1 and high <= INT32_MAX else 64, "low": low, "high": high}
        if kernel.epilogues:
            out: Requant = vars(call.params)["out"]
            ends = SumRange(np.array([low]), np.array([high]), [out])
            largest, limit = _requantized(kernel, ends)
            found["requantization"] = {"largest": largest, "limit": limit}
        return found
    sums = call.sums
    magnitude = np.maximum(-sums.low, sums.high)
    largest, limit = _requantized(kernel, sums)
    document: Json = {
        "bits": kernel.sum_bits,
        "low": int(sums.low.min()),
        "high": int(sums.high.max()),
        "channel": int(magnitude.argmax()),
        "requantization": {"largest": largest, "limit": limit},
    }
    if sums.may_wrap:
        document["wraps"] = True
    if sums.limits:
        intermediates = {
            name: {"largest": largest, "limit": limit} for name, (largest, limit) in sorted(sums.limits.items())
        }
        document["intermediates"] = intermediates
    _require(call, document)
    return document


def _require(call: KernelCall, document: Json) -> None:
    """Lowering has proved all this; a proof does not state what it does not see."""
    most = 1 << (document["bits"] - 1)
    problems = []
    if not document.get("wraps") and (document["low"] < -most or document["high"] >= most):
        found = f"sums of {document['low']} to {document['high']} (channel {document['channel']})"
        problems.append(Problem(call.origin, found, f"{document['bits']} bits"))
    for name, one in document.get("intermediates", {}).items():
        if one["largest"] > one["limit"]:
            problems.append(Problem(call.origin, f"{name} of up to {one['largest']}", f"at most {one['limit']}"))
    if problems:
        raise ModelError("the network could overflow", problems)


def _requantized(kernel: Kernel, sums: SumRange) -> tuple[int, int]:
    """The largest number inside the requantization of a layer's sums, and the most that it may be without a wrap."""
    # What has wrapped is any number of 32 bits.
    low, high = (np.clip(end, -INT32_MAX - 1, INT32_MAX) if sums.may_wrap else end for end in (sums.low, sums.high))
    ends = list(zip(low.tolist(), high.tolist(), sums.scales, strict=True))
    if _is_int16(kernel):
        return max(max(-low, high) * abs(scale.multiplier) for low, high, scale in ends), _INT64_MAX
    if kernel.epilogue is not GLOW:
        inside = [kernel.epilogue.inside(total, scale) for low, high, scale in ends for total in (low, high)]
        return max(largest for largest, _ in inside), inside[0][1]
    return max(_inside(kernel, total, scale) for low, high, scale in ends for total in (low, high)), INT32_MAX


def _inside(kernel: Kernel, total: int, scale: Requant) -> int:
    """The largest number on the way from one sum to the output, by Glow's rounding."""
    product = abs((total >> scale.pre) * scale.multiplier)
    if kernel.scaling == "high":
        return (product >> scale.post) + 1
    if kernel.scaling == "folded":
        return product + ((abs(scale.offset) + 1) << scale.post)
    return product + ((1 << scale.post) >> 1)


def _is_int16(kernel: Kernel) -> bool:
    return kernel.operands[0].dtype == "int16"


def _overlaps(program: Program) -> list[Json]:
    """Where an output lies over an input that its call reads for the last time, and how far its kernel allows it."""
    found = []
    for number, call in enumerate(program.calls, 1):
        if call.kernel.overlap is None or not call.writes:
            continue
        source, target = program.buffers[call.operands[0]], program.buffers[call.writes[0]]
        distance = call.kernel.overlap(call.params)
        if distance is None or not _meet(source, target):
            continue
        found.append({"call": number, "output": target.name, "input": source.name, "distance": distance})
    return found


def _meet(one: Buffer, other: Buffer) -> bool:
    """Whether two buffers share bytes."""
    return one.region is other.region and one.offset < other.end and other.offset < one.end
