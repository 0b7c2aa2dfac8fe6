"""The two interpreters: of float graphs, and of integer programs. The latter defines what a bundle computes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from tinyglow.errors import InputError, Problem
from tinyglow.ir.graph import Array, Graph
from tinyglow.ir.program import CONSTANTS, Buffer, KernelCall, Program, Region
from tinyglow.ir.types import TensorType
from tinyglow.numerics import glow
from tinyglow.operators.constants import dequantized

_READ_ONLY = (*CONSTANTS, Region.CODE)
_CHUNK_BYTES = 64 * 2**20
# Samples of which a kernel's definition computes so many at a time that its intermediate results stay in a core's
# cache; found by measuring the benchmark's networks (16 bytes for each element of an operand, 16 MB).
_CACHE_ELEMENTS = 16 * 2**20 // 16
Observer = Callable[[str, Array], None]


def chunks(samples: int, bytes_per_sample: int) -> Iterator[slice]:
    """Slices of at most as many samples as keep the intermediate results within a fixed amount of memory."""
    step = max(1, _CHUNK_BYTES // max(1, bytes_per_sample))
    for begin in range(0, samples, step):
        yield slice(begin, min(samples, begin + step))


def sample_count(inputs: Mapping[str, Array]) -> int:
    """Number of samples (the first dimension) of all inputs. Raises InputError if they differ or there is none."""
    counts = {name: len(array) if array.ndim else 0 for name, array in inputs.items()}
    if len(set(counts.values())) != 1 or not all(counts.values()):
        problems = [Problem(f"input {name}".rstrip(), f"holds {count} samples") for name, count in counts.items()]
        raise InputError("the inputs must hold the same number of samples, at least one", problems)
    return next(iter(counts.values()))


def turns(samples: int, stateful: bool, sequence: int | None = None) -> Array:
    """Which sample each call is for: int64 [sequences, calls of each].

    Networks without states take all samples side by side. With states they come one after the other: each reads what
    the one before it wrote.

    Args:
        samples: How many samples there are.
        stateful: Whether the network has states.
        sequence: After so many calls the states are reset (default: never).

    Raises:
        InputError: The samples are no whole number of sequences.
    """
    if not stateful:
        return np.arange(samples)[:, np.newaxis]
    length = sequence or samples
    if length < 1 or samples % length:
        problem = Problem("--sequence", f"is {length}", f"a divisor of the number of samples, {samples}")
        raise InputError("the samples are no whole number of sequences", [problem])
    return np.arange(samples).reshape(-1, length)


def in_order(parts: Sequence[Array]) -> Array:
    """What all calls of some sequences gave, [sequences, ...] each, as samples in their order."""
    stacked = np.stack(parts, 1)
    result: Array = stacked.reshape(-1, *stacked.shape[2:])
    return result


def first_states(graph: Graph, rows: int) -> dict[str, Array]:
    """What each state is after a reset, [rows, *shape]."""
    return {state.read: np.repeat(state.first[np.newaxis], rows, 0) for state in graph.states}


def _largest_bytes(types: Iterator[TensorType]) -> int:
    return max((type_.elements * 4 for type_ in types), default=1) * 16


def run_graph(
    graph: Graph, inputs: Mapping[str, Array], observe: Observer | None = None, sequence: int | None = None
) -> dict[str, Array]:
    """Run a graph in float32.

    Args:
        graph: A float graph. Of a quantized one, the reals that its weights stand for are used, and nothing is rounded.
        inputs: Arrays [samples, *shape] by input name.
        observe: Is called with the name and the float32 array of every value, constants first, in chunks of samples.
        sequence: Of a network with states, how many samples come one after the other before a reset (default: all).

    Returns:
        Outputs [samples, *shape] by name: float32, or what they are of integers and truth values.

    Raises:
        InputError: The inputs hold different numbers of samples, or none.
    """
    calls = turns(sample_count(inputs) if graph.given else 1, bool(graph.states), sequence)
    constants = {
        name: dequantized(value.data, value.type)[np.newaxis]
        for name, value in graph.values.items()
        if value.data is not None
    }
    if observe:
        for name, data in constants.items():
            observe(name, data)
    parts: dict[str, list[Array]] = {output.name: [] for output in graph.outputs}
    for chunk in chunks(len(calls), _largest_bytes(value.type for value in graph.values.values())):
        states = first_states(graph, chunk.stop - chunk.start)
        outputs: dict[str, list[Array]] = {output.name: [] for output in graph.outputs}
        for rows in calls[chunk].T:
            values = dict(constants)
            for name in graph.inputs:
                given = states[name] if name in states else inputs[name][rows]
                values[name] = _as_float(given, graph.integer_type(name))
                if observe:
                    observe(name, values[name])
            _run_nodes(graph, values, observe)
            for output in graph.outputs:
                result = values[output.value]
                outputs[output.name].append(np.broadcast_to(result, (len(rows), *result.shape[1:])))
            states = {state.read: outputs[state.write][-1] for state in graph.states}
        for name, results in outputs.items():
            parts[name].append(in_order(results))
    return {output.name: np.concatenate(parts[output.name]) for output in graph.results}


def _as_float(array: Array, type_: TensorType) -> Array:
    """An input as float32, or as the integers or truth values that it is; a quantized placeholder's as reals."""
    if type_.dtype == "bool":
        return array != 0
    if type_.dtype != "float32" and type_.quant is None:
        return array.astype(type_.dtype)
    if array.dtype.kind == "i" and type_.quant is not None:
        return dequantized(array, type_)
    return array.astype(np.float32)


def _run_nodes(graph: Graph, values: dict[str, Array], observe: Observer | None) -> None:
    for node in graph.nodes:
        results = node.op.run_float(*(values[name] for name in node.inputs))
        for name, result in zip(node.outputs, results, strict=True):
            values[name] = result
            if observe:
                observe(name, result)


class ProgramState:
    """The memory of a program for a batch of samples: for each region an array uint8 [samples, bytes], as C has it.

    States are as after a reset.

    Constant memory has one row and is read-only, and so have the data that C has as functions.
    """

    def __init__(self, program: Program, samples: int) -> None:
        self.program = program
        self.memory = {
            region: np.zeros((1 if region in _READ_ONLY else samples, size), np.uint8)
            for region, size in program.sizes.items()
        }
        for buffer in program.buffers.values():
            if buffer.data is not None:
                self.view(buffer)[0] = buffer.data.ravel()
        for name, first in program.states.items():
            self.view(program.buffers[name])[...] = first.ravel()
        for region in self.memory.keys() & {*_READ_ONLY}:
            self.memory[region].flags.writeable = False

    def view(self, buffer: Buffer, dtype: str | None = None) -> Array:
        """The buffer's elements [samples, elements]; writing to them writes the memory."""
        rows = self.memory[buffer.region][:, buffer.offset : buffer.end]
        return rows.view(dtype or buffer.type.dtype)

    def result(self, name: str) -> Array:
        """A copy of what a buffer holds: [samples, *shape]."""
        buffer = self.program.buffers[name]
        return self.view(buffer).reshape(-1, *output_shape(buffer.type)).copy()

    def run(self, call: KernelCall) -> None:
        """Run one call: its kernel's definition, on views of the memory.

        A whole result is computed before it is stored.
        """
        buffers = (self.program.buffers[name] for name in call.operands)
        operands = zip(call.kernel.operands, buffers, strict=True)
        run_call(call, [self.view(buffer, operand.dtype) for operand, buffer in operands])


def run_call(call: KernelCall, operands: Sequence[Array]) -> None:
    """Run a kernel's definition, a few samples at a time, unless it divides them itself.

    operands: arrays [samples, elements]; constants [1, elements].
    """
    if call.kernel.divides:
        call.kernel.run(call.params, list(operands))
        return
    samples = max((len(operand) for operand in operands), default=1)
    step = max(1, _CACHE_ELEMENTS // max(1, sum(operand.shape[1] for operand in operands if len(operand) == samples)))
    for begin in range(0, samples, step):
        rows = slice(begin, begin + step)
        call.kernel.run(call.params, [operand if len(operand) < samples else operand[rows] for operand in operands])


def fits(sample: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether a sample's shape is a placeholder's: up to dimensions of size 1, which do not move elements, or flat."""
    return sample == (math.prod(shape),) or [d for d in sample if d != 1] == [d for d in shape if d != 1]


def output_shape(type_: TensorType) -> tuple[int, ...]:
    """The shape of one sample of an output: the placeholder's, without a leading 1 (the batch)."""
    return type_.shape[1:] if type_.shape[:1] == (1,) else type_.shape


def quantized_input(array: Array, type_: TensorType) -> Array:
    """Samples as a placeholder takes them.

    Args:
        array: [samples, ...]. Floats are quantized with the placeholder's parameters; integers pass as they are.
        type_: The placeholder's type.

    Returns:
        [samples, elements] of the placeholder's dtype.

    Raises:
        ValueError: Shape or dtype do not fit.
    """
    if not fits(array.shape[1:], type_.shape):
        raise ValueError(f"samples of shape {list(array.shape[1:])}")
    flat = array.reshape(len(array), -1)
    if str(array.dtype) == type_.dtype:
        return flat
    if type_.dtype == "bool" and array.dtype.kind in "iu":
        return flat != 0
    if type_.dtype == "int32" and type_.quant is None and array.dtype.kind in "iu":
        return np.clip(flat, -(2**31), 2**31 - 1).astype(np.int32)
    if type_.quant is not None and array.dtype.kind == "f":
        return glow.quantize(flat.astype(np.float32), type_.quant.scale, type_.quant.offset, type_.dtype)
    if type_.dtype == "float32" and array.dtype.kind == "f":
        return flat.astype(np.float32)
    raise ValueError(f"elements of type {array.dtype}, not {type_.dtype}" + (" or float32" if type_.quant else ""))


def run_program(
    program: Program, inputs: Mapping[str, Array], layers: bool = False, sequence: int | None = None
) -> dict[str, Array]:
    """What a program computes, in the buffers' own integers.

    Args:
        program: The program.
        inputs: Arrays [samples, *shape] by placeholder name. Floats for an int8 placeholder are quantized first.
        layers: Whether the results of all kernel calls are returned, in the order in which they are complete. Of layers
            with line buffers these have the rows that are computed together last.
        sequence: Of a program with states, how many samples come one after the other before a reset (default: all).

    Returns:
        Arrays [samples, *shape] by name: of the outputs alone, or of every buffer that a call writes.

    Raises:
        InputError: An input does not fit.
    """
    wanted = dict.fromkeys(() if layers else program.outputs)
    for call in program.calls if layers else ():
        for name in map(program.whole, call.writes):
            wanted.pop(name, None)  # a result may be put together by several calls: it is complete after the last
            wanted[name] = None
    parts: dict[str, list[Array]] = {name: [] for name in wanted}
    turn = turns(sample_count(inputs) if program.inputs else 1, bool(program.states), sequence)
    # Constants are there once, for all samples.
    each = sum(size for region, size in program.sizes.items() if region not in _READ_ONLY)
    for chunk in chunks(len(turn), each):
        state = ProgramState(program, chunk.stop - chunk.start)
        found: dict[str, list[Array]] = {name: [] for name in wanted}
        for rows in turn[chunk].T:
            give(state, {name: array[rows] for name, array in inputs.items()})
            results: dict[str, Array] = {}
            for call in program.calls:
                state.run(call)
                if layers:
                    results |= {name: state.result(name) for name in map(program.whole, call.writes)}
            for name in wanted:
                found[name].append(results[name] if layers else state.result(name))
        for name in wanted:
            parts[name].append(in_order(found[name]))
    return {name: np.concatenate(part) for name, part in parts.items()}


def start(program: Program, inputs: Mapping[str, Array]) -> ProgramState:
    """The program's memory with the inputs in place, before the first call; states are as after a reset.

    Raises InputError if an input does not fit.
    """
    state = ProgramState(program, sample_count(inputs) if program.inputs else 1)
    give(state, inputs)
    return state


def before_sample(
    program: Program, inputs: Mapping[str, Array], index: int, sequence: int | None = None
) -> ProgramState:
    """A program's memory before the first call for the sample at ``index``; states are as earlier ones left them."""
    calls = turns(sample_count(inputs), bool(program.states), sequence)
    state, first = ProgramState(program, 1), index - index % calls.shape[1]
    for number in range(first, index + 1):
        give(state, {name: array[number : number + 1] for name, array in inputs.items()})
        for call in program.calls if number < index else ():
            state.run(call)
    return state


def give(state: ProgramState, inputs: Mapping[str, Array]) -> None:
    """Put a sample of each row into a program's memory. Raises InputError if an input does not fit."""
    program, problems = state.program, []
    for name in program.inputs:
        if name not in inputs:
            problems.append(Problem(f"input {name}", "is missing"))
            continue
        buffer = program.buffers[name]
        try:
            state.view(buffer)[...] = quantized_input(inputs[name], buffer.type)
        except ValueError as error:
            problems.append(Problem(f"input {name}", str(error), str(buffer.type)))
    if problems:
        raise InputError("the inputs do not fit the network", problems)
