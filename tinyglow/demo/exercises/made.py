"""Exercises with the graph, the program, the bundle and the core: chapters 1, and 5 to 8."""

from __future__ import annotations

from tinyglow.demo.answer import answer
from tinyglow.demo.by_hand import clip, float32, shifts_of
from tinyglow.demo.exercise import Mistake, Task
from tinyglow.demo.exercises.numbers import HIDDEN
from tinyglow.demo.instructions import DOT_PRODUCT, cycles_of
from tinyglow.demo.walk import FOLLOWED, OUTPUT, walk
from tinyglow.ir.program import Region
from tinyglow.lowering.plan import activation_blocks

_FLOAT_BYTES = 4
_MUTABLE_BASE = 0x2000_0400


def multiplications() -> Task:
    """The multiply-accumulates of a convolution."""
    graph = walk().graph
    node = next(node for node in graph.nodes if node.outputs[0] == HIDDEN)
    _, height, width, channels = graph.type_of(HIDDEN).shape
    _, rows, columns, inputs = graph.type_of(node.inputs[1]).shape
    right = height * width * channels * rows * columns * inputs
    return Task(
        f"{HIDDEN} is a convolution with {rows}x{columns} windows, {inputs} input channels and {channels} output "
        f"channels. Its result has {height} x {width} pixels. How many multiply-accumulates does it take? "
        "Count the taps "
        "in the padding too.",
        ("NUMBER",),
        (right,),
        "Each element of the result takes one for each element of its window.",
        (Mistake((right // inputs,), "Each tap of a window has all input channels, and there are several results."),),
    )


def parameter_bytes() -> Task:
    """What the parameters take, in float and in int8."""
    graph = walk().graph
    sizes = [value.type for value in graph.values.values() if value.data is not None]
    weights = sum(type_.elements for type_ in sizes if len(type_.shape) > 1)
    biases = sum(type_.elements for type_ in sizes if len(type_.shape) == 1)
    return Task(
        f"The network has {weights:,} weights and {biases} biases. How many bytes do they take as float32, "
        "and how many "
        "with int8 weights and int32 biases?",
        ("FLOAT", "INT8"),
        (_FLOAT_BYTES * (weights + biases), weights + 4 * biases),
        "A float32 takes 4 bytes, an int8 takes 1, an int32 takes 4.",
        (Mistake((_FLOAT_BYTES * (weights + biases), weights + biases), "Biases stay 32 bits wide."),),
    )


def element() -> Task:
    """Where an element lies in NCHW and in NHWC."""
    _, height, width, channels = walk().graph.type_of(HIDDEN).shape
    row, column, channel = 2, 5, 3
    nchw = (channel * height + row) * width + column
    nhwc = (row * width + column) * channels + channel
    return Task(
        f"A result has {height} x {width} pixels of {channels} channels. At which index does row {row}, "
        f"column {column}, "
        f"channel {channel} lie if the channels come first (NCHW), and at which if they come last (NHWC)? All count "
        "from 0.",
        ("NCHW", "NHWC"),
        (nchw, nhwc),
        "The last letter is what lies side by side in memory.",
        (Mistake((nhwc, nchw), "It is the other way round: the last letter is what lies side by side."),),
    )


def relu() -> Task:
    """A ReLU between two scales."""
    graph = walk().quantized
    node = next(node for node in graph.nodes if node.op.kind == "Relu")
    before, after = graph.type_of(node.inputs[0]).quant, graph.type_of(node.outputs[0]).quant
    assert before is not None and after is not None
    shifts = shifts_of(float32(before.scale / after.scale))
    given = (before.offset + 20, before.offset - 54)
    right = tuple(clip(shifts.of(max(0, value - before.offset)) + after.offset) for value in given)
    return Task(
        f"{node.name} stays a step of its own. Its input has scale {before.scale!r} and offset "
        f"{before.offset}, its result "
        f"scale {after.scale!r} and offset {after.offset}. It reads the integers {given[0]} and {given[1]}. "
        "Which does it "
        "store?",
        ("FIRST", "SECOND"),
        right,
        "Find the real number of each integer, make it 0 if it is negative, and find the integer of the "
        "result's scale.",
        (
            Mistake(given, "The result has a scale and an offset of its own."),
            Mistake((right[0] - after.offset, right[1] - after.offset), "Add the offset of the result."),
        ),
    )


def _step() -> int:
    """The call with most bytes in use."""
    program = walk().program
    blocks, _ = activation_blocks(program)
    used = [sum(b.size for b in blocks if b.first <= step <= b.last) for step in range(len(program.calls))]
    return used.index(max(used))


def in_use() -> Task:
    """The bytes of the activations that a call needs."""
    program, step = walk().program, _step()
    blocks, _ = activation_blocks(program)
    used = [block for block in blocks if block.first <= step <= block.last]
    lines = "; ".join(f"{b.name}: {b.size} bytes, calls {b.first + 1} to {b.last + 1}" for b in blocks)
    right = sum(block.size for block in used)
    return Task(
        f"Blocks of the activations, and the kernel calls during which they are in use: {lines}. How many bytes are in "
        f"use during call {step + 1}, if its result may not overwrite its input?",
        ("BYTES",),
        (right,),
        "Add the blocks whose first call is not later and whose last call is not earlier.",
        (Mistake((sum(b.size for b in used if b.first == step),), "A call's input is still in use."),),
    )


def unshared() -> Task:
    """What the activations would take if no bytes were shared."""
    program = walk().program
    blocks, _ = activation_blocks(program)
    right = sum(block.size for block in blocks)
    sizes = ", ".join(str(block.size) for block in blocks)
    return Task(
        f"The blocks of the activations take {sizes} bytes. The planner fits them into "
        f"{program.sizes[Region.ACTIVATION]}. How many bytes would they take side by side?",
        ("BYTES",),
        (right,),
        "Add all of them.",
    )


def address() -> Task:
    """Where an output lies."""
    offset = walk().program.buffers[OUTPUT].offset
    return Task(
        f"Firmware calls the bundle with mutableWeight = {_MUTABLE_BASE:#x}. The header says {OUTPUT} lies at offset "
        f"{offset}. At which address is the integer of class {int(walk().labels[FOLLOWED])}? Answer in hexadecimal.",
        ("ADDRESS",),
        (_MUTABLE_BASE + offset + int(walk().labels[FOLLOWED]),),
        "Offsets count from the base. One int8 takes one byte, and class 0 is the first.",
        (Mistake((_MUTABLE_BASE + offset,), "That is class 0."),),
    )


def stored_bias() -> Task:
    """A little-endian int32 in the weights file."""
    found = walk()
    data = next(b for b in found.program.buffers.values() if b.region is Region.CONSTANT and b.type.dtype == "int32")
    assert data.data is not None
    value = next(int(one) for one in data.data.ravel() if one < 0)
    stored = value.to_bytes(4, "little", signed=True)
    return Task(
        f"Four bytes of the weights file are {stored.hex(' ')}. They hold an int32, the lowest byte first. Which?",
        ("INTEGER",),
        (value,),
        "The last byte is the highest. If its highest bit is set, the number is negative: take off 2 to the "
        "power of 32.",
        (
            Mistake((int.from_bytes(stored, "little"),), "The highest bit is the sign: take off 2 to the power of 32."),
            Mistake((int.from_bytes(stored, "big", signed=True),), "The lowest byte comes first."),
        ),
    )


def loop() -> Task:
    """The cycles of a plain loop on the Cortex-M0+."""
    depth = len(answer(walk(), int(walk().labels[FOLLOWED])).terms)
    once = sum(cycles_of(line) for line in DOT_PRODUCT)
    right = depth * once - 1
    return Task(
        f"A plain loop of products on the Cortex-M0+: {'; '.join(DOT_PRODUCT)}. Loads take 2 cycles, a branch "
        "takes 2 if "
        f"it is taken and 1 if not, all else takes 1. How many cycles for {depth} inputs?",
        ("CYCLES",),
        (right,),
        f"Add the instructions of one round, times {depth}. The last branch is not taken.",
        (Mistake((right + 1,), "The last branch is not taken: that takes 1 cycle less."),),
    )


def packed() -> Task:
    """The weights of four classes in one word."""
    one = answer(walk(), int(walk().labels[FOLLOWED]))
    term = next(term for term in one.terms if term.weights[1] < 0 < term.weights[3])
    second, fourth = term.weights[1], term.weights[3]
    return Task(
        f"A word of packed weights is {term.word:#010x}. Its bytes are the weights of four classes, each plus 128, the "
        "first class's in the lowest. Which are the second class's and the fourth class's weights?",
        ("SECOND", "FOURTH"),
        (second, fourth),
        "The last two digits are the lowest byte. Take 128 off bytes 1 and 3.",
        (Mistake((fourth, second), "The lowest byte stands at the end of the number."),),
    )
