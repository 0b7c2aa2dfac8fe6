"""Exercises with scales, offsets and integers: chapters 2 to 4, and 9."""

from __future__ import annotations

from tinyglow.demo import by_hand
from tinyglow.demo.exercise import Mistake, Task
from tinyglow.demo.pixel import Pixel, pixel
from tinyglow.demo.walk import walk

WEIGHTS = "sequential_dense_2_MatMul_ReadVariableOp_0"
HIDDEN = "sequential_conv2d_2_Conv2D__2"
# Of exercises whose numbers are not those of the text: another pixel, and one in the corner, where taps are missing.
OTHER, CORNER = (7, 6, 0), (0, 0, 2)


def bin_of_a_value() -> Task:
    """A value's bin in a histogram."""
    found = walk().profile.ranges[f"{HIDDEN}:0"]
    bins, value = len(found.histogram), 1.0
    width = (found.high - found.low) / bins
    at = int((value - found.low) / width)
    return Task(
        f"The histogram of {HIDDEN} has {bins} bins of equal width from {found.low:.6g} to {found.high:.6g}. "
        f"In which bin does {value:g} fall? The first bin is number 0.",
        ("BIN",),
        (at,),
        f"A bin is {width:.4g} wide. Count from the lower end of the range, and round down.",
        (
            Mistake((at + 1,), "The first bin is number 0."),
            Mistake((int(value / width),), "Count from the lower end of the range, not from 0."),
        ),
    )


def wider_range() -> Task:
    """What one outlier does to a scale."""
    found = walk().profile.ranges[f"{HIDDEN}:0"]
    outlier = 4 * by_hand.float32(found.high)
    before, _ = by_hand.scale_and_offset(found.low, found.high)
    after, _ = by_hand.scale_and_offset(found.low, outlier)
    return Task(
        f"One sample more, and the largest value of {HIDDEN} is {outlier:.6g} instead of {found.high:.6g}; "
        "the smallest "
        f"stays {found.low:.6g}. How many times larger does the asymmetric scale become?",
        ("TIMES",),
        (after / before,),
        "A scale is the width of the range over 255. Both widths begin at the smallest value.",
        (Mistake((4.0,), "The upper end is four times as far from 0, but the range does not begin at 0."),),
    )


def asymmetric_scale() -> Task:
    """Scale and offset of a range."""
    low, high = walk().range_of(WEIGHTS)
    scale, offset = by_hand.scale_and_offset(low, high)
    return Task(
        f"The weights of the last layer lie between {low!r} and {high!r}. Which scale and which offset does the "
        "asymmetric schema choose?",
        ("SCALE", "OFFSET"),
        (scale, offset),
        "There are 255 steps from -128 to 127. The offset is the integer that stands for 0.0.",
        (
            Mistake((scale, -offset), "real = scale * (integer - offset): look at the offset's sign."),
            Mistake((float((high - low) / 256), offset), "256 integers have 255 steps between them."),
            Mistake((scale, offset - 1), "Round the offset to the nearest integer."),
            Mistake((scale, offset + 1), "Round the offset to the nearest integer."),
        ),
    )


def power_of_two() -> Task:
    """The scale of the power-of-two schema."""
    low, high = walk().range_of(WEIGHTS)
    symmetric, _ = by_hand.scale_and_offset(low, high, "symmetric")
    scale, _ = by_hand.scale_and_offset(low, high, "symmetric_with_power2_scale")
    return Task(
        f"The same weights, from {low!r} to {high!r}. Which scale does symmetric_with_power2_scale choose?",
        ("SCALE",),
        (scale,),
        "First the symmetric scale: zero stays in the middle, and the larger side decides. Then the next power of two "
        "that is not smaller.",
        (
            Mistake((symmetric,), "That is the symmetric scale. Take the next power of two."),
            Mistake((scale / 2,), "That scale is too small: the largest weight would not fit. Round up."),
        ),
    )


def integer() -> Task:
    """The integer of a real number."""
    one, real = pixel(walk()), 1.5
    right = by_hand.integer_of(real, one.y_scale, one.y_offset)
    return Task(
        f"A value has scale {one.y_scale!r} and offset {one.y_offset}. Which integer stands for {real:g}?",
        ("INTEGER",),
        (right,),
        "Divide by the scale, add the offset, round to the nearest integer.",
        (
            Mistake((right - one.y_offset,), "Add the offset."),
            Mistake((right - 1,), "Round to the nearest integer, not down."),
        ),
    )


def bias() -> Task:
    """A bias in steps of the sum."""
    one = pixel(walk(), *OTHER)
    return Task(
        f"A convolution's input has scale {one.x_scale!r}, its weights have scale {one.w_scale!r}. Channel "
        f"{one.channel} has the bias {one.bias_real!r}. Which int32 is stored for it?",
        ("BIAS",),
        (one.bias,),
        "The bias is counted in steps of the sum. One step of the sum is one step of the input times one step of the "
        "weights.",
        (Mistake((round(one.bias_real / one.w_scale),), "That is in steps of the weights. Multiply both scales."),),
    )


def _rows(values: list[int]) -> str:
    return " / ".join(" ".join(map(str, values[start : start + 3])) for start in (0, 3, 6))


def _question(one: Pixel) -> str:
    pixels, weights = _rows([tap.x for tap in one.taps]), _rows([tap.w for tap in one.taps])
    return (
        f"A window holds the integers {pixels} (offset {one.x_offset}), its weights are {weights} (offset "
        f"{one.w_offset})"
    )


def total() -> Task:
    """The sum of a window."""
    one = pixel(walk(), *OTHER)
    raw = sum(tap.x * tap.w for tap in one.taps) + one.bias
    return Task(
        f"{_question(one)}, row by row. The bias is {one.bias}. What is the sum?",
        ("SUM",),
        (one.total,),
        "Take the offset off each pixel and each weight, multiply, add the products and the bias.",
        (
            Mistake((one.total - one.bias,), "Add the bias."),
            Mistake((raw,), "Take the offsets off before you multiply."),
        ),
    )


def requantized() -> Task:
    """The result of a sum."""
    one = pixel(walk(), *OTHER)
    shifts = one.shifts
    return Task(
        f"The sum is {one.total}. The constants are pre {shifts.pre}, multiplier {shifts.multiplier}, post "
        f"{shifts.post} and offset {one.y_offset}. Which int8 is stored?",
        ("INTEGER",),
        (one.result,),
        "Shift right by pre, multiply, add half of 2 to the power of post, shift right by post, add the offset.",
        (
            Mistake((one.scaled,), "Add the offset."),
            Mistake((one.result - 1,), "Before the last shift, add half of what it divides by."),
        ),
    )


def corner() -> Task:
    """A sum of which some taps lie outside of the image."""
    one = pixel(walk(), *CORNER)
    missing = sum(tap.padded for tap in one.taps)
    zeros = by_hand.clip(
        one.shifts.of(
            one.total + sum(-one.x_offset * (tap.w - one.w_offset) for tap in one.taps if tap.padded),
        )
        + one.y_offset
    )
    return Task(
        f"The pixel in the upper left corner: {missing} of its taps lie outside of the image, the others hold "
        f"{one.x_offset}, which is the offset. The bias is {one.bias}, the constants are pre {one.shifts.pre}, "
        f"multiplier {one.shifts.multiplier}, post {one.shifts.post}, offset {one.y_offset}. Which int8 is stored?",
        ("INTEGER",),
        (one.result,),
        "A pixel that holds the offset stands for 0.0: its product is 0, whatever the weight. So is that of a tap "
        "outside of the image. Only the bias is left.",
        (
            Mistake((zeros,), "A tap outside of the image stands for the real number 0.0, not for the integer 0."),
            Mistake((by_hand.clip(one.y_offset),), "The bias is left."),
        ),
    )


def quotient() -> Task:
    """What Glow's division of two int8 values loses."""
    one = pixel(walk())
    x, y = 100, 8
    a, b = x - one.y_offset, y - one.y_offset
    return Task(
        f"Two values have scale {one.y_scale!r} and offset {one.y_offset}; their integers are {x} and {y}. Glow's int8 "
        "Div takes the offsets off, divides the integers and drops the rest. How much larger is the quotient "
        "of the real "
        "numbers?",
        ("DIFFERENCE",),
        (a / b - a // b,),
        "The scales cancel: the real quotient is that of the integers without their offsets.",
        (Mistake((x / y - x // y,), "Take the offsets off before you divide."),),
    )
