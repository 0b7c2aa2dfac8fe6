"""Chapter 4: one output pixel by hand."""

from __future__ import annotations

from tests.guide.text import code, table
from tinyglow.demo.pixel import Pixel, pixel
from tinyglow.demo.walk import walk


def _grid(one: Pixel, values: list[object]) -> list[str]:
    cells = [f"{value:>6}" for value in values]
    return ["".join(cells[start : start + 3]) for start in (0, 3, 6)]


def window() -> str:
    """The window and the weights."""
    one = pixel(walk())
    pixels, weights = _grid(one, [tap.x for tap in one.taps]), _grid(one, [tap.w for tap in one.taps])
    lines = ["pixels, int8          weights, int8", *(f"{a}    {b}" for a, b in zip(pixels, weights, strict=True))]
    rows = [
        ("input", f"{one.x_scale!r}", one.x_offset),
        ("weights", f"{one.w_scale!r}", one.w_offset),
        ("result", f"{one.y_scale!r}", one.y_offset),
    ]
    return (
        f"We take row {one.row}, column {one.column}, channel {one.channel} of the result; all count from 0.\n\n"
        f"{code(chr(10).join(lines))}\n\n{table(('', '>scale', '>offset'), rows)}"
    )


def bias() -> str:
    """The bias in steps of the sum."""
    one = pixel(walk())
    text = f"""
bias, float     {one.bias_real!r}
step of a sum   {one.x_scale!r} * {one.w_scale!r} = {one.sum_scale:.12g}
bias, int32     {one.bias_real!r} / {one.sum_scale:.12g} = {one.bias_real / one.sum_scale:.3f}, so {one.bias}
"""
    return code(text.strip())


def products() -> str:
    """Tap by tap, from the bias to the sum."""
    one = pixel(walk())
    rows: list[tuple[object, ...]] = [("bias", "", "", "", "", f"{one.bias:,}")]
    running = one.bias
    for tap, product in zip(one.taps, one.products, strict=True):
        running += product
        x, w = tap.x - one.x_offset, tap.w - one.w_offset
        rows.append(
            (
                f"row {tap.row}, column {tap.column}",
                f"{tap.x} - ({one.x_offset}) = {x}",
                f"{tap.w} - {one.w_offset} = {w}",
                x * w,
                "",
                f"{running:,}",
            )
        )
    rows = [(row[0], row[1], row[2], row[3], row[5]) for row in rows]
    return table(("", ">pixel less offset", ">weight less offset", ">product", ">sum so far"), rows)


def requantize() -> str:
    """From the sum to the stored integer."""
    one = pixel(walk())
    shifts = one.shifts
    shifted = one.total >> shifts.pre
    half = 1 << shifts.post >> 1
    text = f"""
ratio        {one.sum_scale:.12g} / {one.y_scale!r} = {one.ratio:.12g}
constants    pre {shifts.pre}, multiplier {shifts.multiplier}, post {shifts.post}
             {shifts.multiplier} / 2**{shifts.pre + shifts.post} = {shifts.scale:.12g}

sum          {one.total}
>> pre       {one.total} >> {shifts.pre} = {shifted}
* multiplier {shifted} * {shifts.multiplier} = {shifted * shifts.multiplier}
+ half       {shifted * shifts.multiplier} + {half} = {shifted * shifts.multiplier + half}
>> post      {shifted * shifts.multiplier + half} >> {shifts.post} = {one.scaled}
+ offset     {one.scaled} + ({one.y_offset}) = {one.scaled + one.y_offset}
saturated    {one.result}
"""
    return code(text.strip())


def beside_float() -> str:
    """The stored integer beside the float network's value."""
    one = pixel(walk())
    error = one.real - one.float_result
    return (
        f"The integer {one.result} stands for {one.y_scale:.6f} * ({one.result} - ({one.y_offset})) = "
        f"{one.real:.4f}. The float "
        f"network computes {one.float_result:.4f}. The difference is {error:.4f}, or "
        f"{abs(error) / one.y_scale:.2f} of a step. "
        f"The constants stand for a ratio that is off by {abs(one.shifts.scale / one.ratio - 1):.3%}."
    )
