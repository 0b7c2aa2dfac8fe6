"""Chapter 3: how a range becomes a scale and an offset, by all four schemas."""

from __future__ import annotations

import tinyglow
from tests.guide.inputs import float_logits
from tests.guide.text import code, short, table
from tinyglow.demo.by_hand import SCHEMAS, integer_of, scale_and_offset
from tinyglow.demo.walk import FOLLOWED, OUTPUT, walk
from tinyglow.pipeline.validate import validate
from tinyglow.quant.schema import Schema
from tinyglow.quant.scheme import Scheme

WEIGHTS, RELU = "sequential_conv2d_1_Conv2D_ReadVariableOp_0__1", "sequential_conv2d_1_Relu__1"


def by_hand() -> str:
    """The asymmetric schema's steps for the weights of the first convolution."""
    low, high = walk().range_of(WEIGHTS)
    scale, offset = scale_and_offset(low, high)
    exact = -128 - low / scale
    other = 127 - high / scale
    near = "upper" if high < -low else "lower"
    text = f"""
range      {low!r} to {high!r}
width      {high!r} - ({low!r}) = {high - low:.9f}
scale      {high - low:.9f} / 255 = {scale:.12f}
zero       from the lower end: -128 - ({low!r}) / scale = {exact:.4f}
           from the upper end:  127 - {high!r} / scale = {other:.4f}
offset     {offset}
"""
    return (
        f"{code(text.strip())}\n\nBoth ends give nearly the same zero. Glow takes the end that lies nearer to "
        "zero, here "
        f"the {near} one, and rounds to {offset}."
    )


def _row(schema: str, low: float, high: float) -> tuple[object, ...]:
    scale, offset = scale_and_offset(low, high, schema)
    first, last = integer_of(low, scale, offset), integer_of(high, scale, offset)
    covered = f"{scale * (-128 - offset):.3f} to {scale * (127 - offset):.3f}"
    unused, error = 255 - (last - first), f"{scale / 2:.5f}"
    return f"`{schema}`", f"{scale:.8f}", offset, covered, f"{first} to {last}", unused, error


def schemas() -> str:
    """What each schema makes of two ranges."""
    columns = ("schema", ">scale", ">offset", "what int8 covers", "integers used", ">unused", ">largest rounding error")
    parts = []
    for name, what in ((WEIGHTS, "the weights of the first convolution"), (RELU, "the result of its ReLU")):
        low, high = walk().range_of(name)
        rows = [_row(schema, low, high) for schema in SCHEMAS]
        parts.append(f"`{short(name)}`, {what}, {low:.4f} to {high:.4f}:\n\n{table(columns, rows)}")
    return "\n\n".join(parts)


def losses() -> str:
    """What each schema costs the whole network."""
    found = walk()
    rows = []
    schemes = [(schema.value, Scheme(schema)) for schema in Schema]
    schemes.append(("asymmetric, per channel", Scheme(channelwise=True)))
    for name, scheme in schemes:
        result = validate(
            found.graph,
            found.profile,
            {next(iter(found.sample)): found.images},
            scheme,
            labels=found.labels,
            advise=False,
        )
        right = result.accuracy.correct if result.accuracy else 0
        rows.append((f"`{name}`", f"{result.snr:.1f} dB", f"{right} of {result.samples}"))
    return table(("schema", ">signal-to-noise ratio of the answer", ">digits recognized"), rows)


def answers() -> str:
    """The int8 answer to the followed picture beside the float one."""
    found = walk()
    quant = found.quantized.type_of(found.quantized.outputs[0].value).quant
    assert quant is not None
    integers = [int(value) for value in found.values[OUTPUT][0]]
    real = float_logits(found)
    rows = [
        (digit, f"{value:.2f}", integer, f"{quant.scale * (integer - quant.offset):.2f}")
        for digit, (value, integer) in enumerate(zip(real, integers, strict=True))
    ]
    label = int(found.labels[FOLLOWED])
    return (
        f"{table(('>class', '>float', '>integer', '>scale * (integer - offset)'), rows)}\n\nThe answer's scale is "
        f"{quant.scale:.6f}, its offset {quant.offset}. The integer of class {label} is the largest, as the "
        "float number is."
    )


def power_of_two() -> str:
    """Why powers of two are cheap: the constants of the first convolution, under two schemas."""
    found = walk()
    rows = []
    for schema in (Schema.ASYMMETRIC, Schema.SYMMETRIC_WITH_POWER2_SCALE):
        program = tinyglow.lower(tinyglow.quantize(found.graph, found.profile, Scheme(schema)))
        out = next(call.params.out for call in program.calls if hasattr(call.params, "out"))
        rows.append((f"`{schema.value}`", out.pre, out.multiplier, out.post))
    return table(("schema", ">pre", ">multiplier", ">post"), rows)
