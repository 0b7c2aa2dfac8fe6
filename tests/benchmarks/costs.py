"""Cycles of kernels by the work they do, fitted to layers of many shapes: writes ``tinyglow/targets/costs.json``.

``python -m tests.benchmarks.costs [--kernels REGEX] [core ...]``. Every layer runs alone, on an emulated core with all
kernels in one firmware, by each kernel that applies; what numpy says of its results is checked on the way.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

import tinyglow
from tests.benchmarks.cost_layers import code_cases, dense_cases, graphs
from tinyglow.ir.graph import Array, Graph
from tinyglow.ir.kernel import Role, Work, work_of
from tinyglow.ir.program import KernelCall, Program
from tinyglow.ir.target import Target, Variant
from tinyglow.registry import KERNELS
from tinyglow.targets.boards import load_board
from tinyglow.targets.cores import CPUS
from tinyglow.targets.costs import COSTS, load_costs
from tinyglow.testing.case import Case
from tinyglow.testing.emulated import Core, build_core

Floats = npt.NDArray[np.float64]
_MOST_VARIANTS = 10
_ROUNDS = 4000


def _programs(graph: Graph, core: str) -> Iterator[Program]:
    """The graph by each of its layers' variants in turn."""
    for place in range(_MOST_VARIANTS):
        most = 0

        def choose(variants: Sequence[Variant]) -> Variant:
            nonlocal most
            most = max(most, len(variants))
            return variants[min(place, len(variants) - 1)]  # noqa: B023 (used within this round of the loop)

        yield tinyglow.lower(graph, target=Target(core, transformed_weights=True), chooser=choose)
        if place + 1 >= most:
            return


def _case(call: KernelCall, program: Program) -> Case:
    """A call with its constants, on random inputs."""
    random = np.random.default_rng(1)
    inputs: dict[str, Array] = {}
    outputs: dict[str, int] = {}
    for operand, name in zip(call.kernel.operands, call.operands, strict=True):
        buffer = program.buffers[name]
        if operand.role is Role.OUT:
            outputs[operand.name] = buffer.type.elements
        elif buffer.data is not None:
            inputs[operand.name] = buffer.data.ravel()
        else:
            inputs[operand.name] = random.integers(-128, 128, buffer.type.elements).astype(operand.dtype)
    return Case(call.kernel, call.params, inputs, outputs)


def _constants(call: KernelCall, program: Program) -> list[Array | None]:
    return [program.buffers[name].data for name in call.operands]


def _work(case: Case, constants: Sequence[Array | None]) -> Work:
    sizes = [case.elements(operand) for operand in case.kernel.operands]
    return work_of(case.kernel, case.params, constants, sizes)


def layer_cases(core: str, kernels: str) -> Iterator[tuple[Case, Work]]:
    """All calls to be measured of kernels whose symbols match, each once."""
    seen = set()
    for graph in graphs():
        for program in _programs(graph, core):
            for call in program.calls:
                key = (call.kernel.symbol, repr(call.params))
                has_code = any(operand.role is Role.CODE for operand in call.kernel.operands)
                if (
                    key not in seen
                    and not has_code
                    and re.search(kernels, call.kernel.symbol)
                    and Target(core).runs(call.kernel)
                ):
                    seen.add(key)
                    case = _case(call, program)
                    yield case, _work(case, _constants(call, program))
    for case in (*code_cases(), *dense_cases()):
        if re.search(kernels, case.kernel.symbol) and Target(core).runs(case.kernel):
            yield case, _work(case, [case.inputs.get(operand.name) for operand in case.kernel.operands])


def non_negative(matrix: Floats, target: Floats) -> Floats:
    """The x >= 0 with the least |matrix @ x - target|, by coordinate descent."""
    scale = np.sqrt((matrix**2).sum(axis=0))
    matrix = matrix / scale
    gram, right = matrix.T @ matrix, matrix.T @ target
    x = np.zeros(len(right))
    for _ in range(_ROUNDS):
        for i in range(len(x)):
            x[i] = max(0.0, x[i] + (right[i] - gram[i] @ x) / gram[i, i])
    result: Floats = x / scale
    return result


def fit(samples: Sequence[tuple[Work, int]]) -> tuple[dict[str, float], float]:
    """Cycles of each kind of work, with the least squares of relative errors; and the largest of those."""
    kinds = ["call", *dict.fromkeys(kind for work, _ in samples for kind, count in work.items() if count)]
    rows = np.array([[1.0 if kind == "call" else float(work.get(kind, 0)) for kind in kinds] for work, _ in samples])
    cycles = np.array([float(cycles) for _, cycles in samples])
    prices = non_negative(rows / cycles[:, None], np.ones(len(cycles)))
    error = float(np.abs(rows @ prices / cycles - 1).max())
    return {kind: round(float(price), 4) for kind, price in zip(kinds, prices, strict=True)}, error


def measure(core: str, kernels: str = "") -> dict[str, list[tuple[Work, int]]]:
    """(work, cycles) of all cases on a core, by the kernels' symbols."""
    found: dict[str, list[tuple[Work, int]]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="tinyglow-") as folder:
        wanted = [kernel for symbol, kernel in KERNELS.items() if re.search(kernels, symbol)]
        machine: Core = build_core(Path(folder), load_board(core), kernels=wanted)
        for case, work in layer_cases(core, kernels):
            found[case.kernel.symbol].append((work, machine.run(case)))
    return found


def main() -> None:
    """Measure and fit, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kernels", default="", metavar="REGEX", help="fit these kernels alone (default: all)")
    parser.add_argument("core", nargs="*", default=sorted({cpu.costs for cpu in CPUS.values()}))
    arguments = parser.parse_args()
    table = json.loads(COSTS.read_text(encoding="utf-8")) if COSTS.is_file() else {}
    for core in arguments.core:
        # Lowering shall not look at what is measured anew.
        kept = {k: v for k, v in table.get(core, {}).items() if not re.search(arguments.kernels, k)}
        table[core] = kept
        _write(table)
        fitted = {symbol: fit(samples) for symbol, samples in measure(core, arguments.kernels).items()}
        for symbol, (prices, error) in sorted(fitted.items()):
            print(f"{core} {symbol}: at most {100 * error:.0f} % off: {prices}")
        table[core] = dict(sorted({**kept, **{symbol: prices for symbol, (prices, _) in fitted.items()}}.items()))
        _write(table)


def _write(table: dict[str, dict[str, dict[str, float]]]) -> None:
    COSTS.write_text(json.dumps(dict(sorted(table.items())), indent=1) + "\n", encoding="utf-8")
    load_costs.cache_clear()


if __name__ == "__main__":
    main()
