"""Bugs to plant in ``kernels.c``, as programmers make them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

KERNELS = Path(__file__).parent / "kernels.c"


@dataclass(frozen=True)
class Bug:
    """A change of the text of ``kernels.c`` that makes one operator wrong.

    Attributes:
        name: What kind of bug it is.
        operator: The operator that it makes wrong.
        old: The text that is replaced, at its first place after the operator's function begins.
        new: What replaces it.
        anywhere: Whether the first place in the whole file is meant.
        in_place: Whether it shows only where the output lies over an input.
    """

    name: str
    operator: str
    old: str
    new: str
    anywhere: bool = False
    in_place: bool = False

    def planted(self) -> str:
        """The C text with the bug."""
        text = KERNELS.read_text(encoding="utf-8")
        start = 0 if self.anywhere else text.index(f"void {self.operator}(")
        assert self.old in text[start:], self
        return text[:start] + text[start:].replace(self.old, self.new, 1)


_ROUNDS_UP = ("(rest > (mask >> 1) + (high < 0))", "(rest > (mask >> 1))")
_TRUNCATES = ("(high >> right) + (rest > (mask >> 1) + (high < 0))", "high >> right")
_ONE_ROUNDING = ("+ (1 << 30)) >> 31", ") >> 31")

BUGS = (
    Bug("wrong rounding of negative ties", "requantize", *_ROUNDS_UP, anywhere=True),
    Bug("no rounding", "fully_connected", *_TRUNCATES, anywhere=True),
    Bug("wrong rounding of the product", "mul", *_ONE_ROUNDING, anywhere=True),
    Bug("padding off by one", "conv2d_per_channel", "row >= in_h", "row > in_h"),
    Bug("padding off by one", "depthwise_conv2d_per_channel", "- pad_left + kx", "- pad_left + 1 + kx"),
    Bug("padding off by one", "max_pool", "column < in_w", "column < in_w - 1"),
    Bug("padding counts", "avg_pool", "          taps++;\n        }", "        }\n        taps++;"),
    Bug("swapped offsets", "add", "(input[i] - input_offset)", "(input[i] - other_offset)"),
    Bug("swapped offsets", "fully_connected", "[row * depth + d] - input_offset", "[row * depth + d] - output_offset"),
    Bug("offset of the wrong sign", "mul", "+ output_offset", "- output_offset"),
    Bug("int16 overflow", "fully_connected", "int32_t sum = bias[unit]", "int16_t sum = (int16_t)bias[unit]"),
    Bug("int16 overflow", "conv2d_per_channel", "sum += (", "sum = (int16_t)sum; sum += ("),
    Bug("int16 overflow", "mul", "const int32_t product = ", "const int16_t product = (int16_t)"),
    Bug(
        "aliasing",
        "add",
        "  for (int32_t i = 0; i < count; i++) {",
        "  for (int32_t i = 0; i < count; i++) { output[i] = 0; }\n  for (int32_t i = 0; i < count; i++) {",
        in_place=True,
    ),
    Bug("aliasing", "lookup", "output[i] = table[input[i] + 128]", "output[i] = 0; output[i] = table[input[i] + 128]",
        in_place=True),
    Bug("missing saturation", "requantize", "  x = x > high ? high : x;\n", "", anywhere=True),
    Bug("missing saturation", "add", "clamped(scaled(sum, multiplier, shift) + output_offset, act_min, act_max)",
        "(int8_t)(scaled(sum, multiplier, shift) + output_offset)"),
    Bug("wrong tail", "fully_connected", "for (; d < depth; d++)", "for (; d + 1 < depth; d++)"),
    Bug("wrong tail", "requantize", "i < count", "i < (count & ~1)"),
    Bug("a write beyond the end", "lookup", "i < count", "i <= count"),
    Bug("a changed input", "concat", "*output++ = *other++;", "*output++ = *other; *(int8_t *)other++ = 0;"),
    Bug("wrong channel", "depthwise_conv2d_per_channel", "channel / channel_multiplier", "channel % in_c"),
    Bug("no sign", "fully_connected_s4", "((byte & 15) ^ 8) - 8", "byte & 15"),
    Bug("swapped halves", "fully_connected_s4", "place % 2", "d % 2"),
    Bug("int32 overflow", "fully_connected_s16", "int64_t sum = bias[unit]", "int32_t sum = (int32_t)bias[unit]"),
    Bug("no rounding", "fully_connected_s16", "((int64_t)1 << (14 - shift))", "0"),
    Bug("a null pointer", "concat", "*output++ = *input++;", "*(int8_t *)0 = *input++;"),
)  # fmt: skip
