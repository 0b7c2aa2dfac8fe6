"""What is known of a bundle that others made, as tables for people and as plain data."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from tinyglow.pipeline.execution import Execution, as_json
from tinyglow.pipeline.foreign_run import ForeignRun
from tinyglow.report.console import stdout
from tinyglow.report.tables import print_execution, table


def print_foreign(run: ForeignRun) -> None:
    """Header, kernels with sizes and cycles, costs, and how the answers compare."""
    header, code = run.bundle.header, run.bundle.code
    made = f"made by Glow {header.tool}" if header.tool else "its header names no tool"
    core = " ".join(part for part in (code.cpu, code.architecture) if part) or "no core named"
    floats = "hard float" if code.hard_float else "soft float"
    print(f"{run.bundle.entry}: {header.api} interface, {made}; {core}, {floats}")
    rows = [
        (_role(run, p.name), p.name, p.dtype, " x ".join(map(str, p.shape)))
        + ((f"{p.quant.scale:.9g}", str(p.quant.offset)) if p.quant else ("", ""))
        + (p.offset, p.nbytes)
        for p in header.placeholders
    ]
    columns = ("", "placeholder", "", "shape", ">scale", ">zero", ">offset", ">bytes")
    stdout().print(table(columns, rows))
    total = sum(cost.cycles for cost in run.kernels) or 1
    kernels = [
        (c.kernel.name, c.kernel.origin, c.kernel.bytes_, c.cycles, f"{100 * c.cycles / total:.1f} %")
        for c in run.kernels
    ]
    stdout().print(table(("function", "from", ">bytes", ">cycles", ">"), kernels))
    if not run.given:
        print("no inputs were given: it ran once, on zeros")
    print_execution(run.execution)
    if run.other is not None:
        _print_side_by_side(run.execution, run.other)
    for like in run.likenesses:
        verdict = "identical" if like.equal else f"{like.mismatches:,} differ, by at most {like.largest:g}"
        top = f"largest element the same in {like.same_top:,} of {like.vectors:,} vectors"
        print(
            f"{like.output} = {like.against}: {like.elements:,} elements in {like.vectors:,} vectors, {verdict}; {top}"
        )
    if run.listing:
        print(run.listing, end="")


def _role(run: ForeignRun, name: str) -> str:
    if name in run.given:
        return "input"
    return "output" if run.given else ""


def _print_side_by_side(bundle: Execution, ours: Execution) -> None:
    def figures(execution: Execution) -> list[object]:
        sizes = execution.sizes
        flash, ram = (sizes.flash, sizes.ram) if sizes else ("", "")
        return [*(execution.most(field) or "" for field in ("cycles", "instructions", "stack")), flash, ram]

    names = ("cycles", "instructions", "stack", "flash", "RAM")
    rows = list(zip(names, figures(bundle), figures(ours), strict=True))
    stdout().print(table(("", ">this bundle", ">tinyglow's"), rows))


def foreign_json(run: ForeignRun) -> dict[str, Any]:
    """The same as plain data."""
    header, code = run.bundle.header, run.bundle.code
    result: dict[str, Any] = {
        "entry": run.bundle.entry,
        "interface": header.api,
        "tool": header.tool,
        "cpu": code.cpu,
        "architecture": code.architecture,
        "hard_float": code.hard_float,
        "placeholders": [
            {"name": p.name, "type": p.text, "offset": p.offset, "bytes": p.nbytes, "role": _role(run, p.name)}
            for p in header.placeholders
        ],
        "kernels": [
            {"name": c.kernel.name, "from": c.kernel.origin, "bytes": c.kernel.bytes_, "cycles": c.cycles}
            for c in run.kernels
        ],
        **as_json(run.execution),
        "comparisons": [{**asdict(like), "equal": like.equal} for like in run.likenesses],
    }
    if run.other is not None:
        result["tinyglow"] = as_json(run.other)
    return result
