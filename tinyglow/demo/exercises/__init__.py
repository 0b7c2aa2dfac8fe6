"""The guide's exercises. Their answers are computed from the shipped network when they are asked for."""

from __future__ import annotations

from tinyglow.demo.exercise import Exercise
from tinyglow.demo.exercises import made, numbers

# (chapter, title, what makes it), in the order of the guide.
_ALL = (
    (1, "multiply-accumulates of a convolution", made.multiplications),
    (1, "bytes of the parameters", made.parameter_bytes),
    (2, "the bin of a value", numbers.bin_of_a_value),
    (2, "a range that grows", numbers.wider_range),
    (3, "an asymmetric scale", numbers.asymmetric_scale),
    (3, "a scale that is a power of two", numbers.power_of_two),
    (3, "the integer of a real number", numbers.integer),
    (4, "a bias", numbers.bias),
    (4, "a sum", numbers.total),
    (4, "from the sum to the result", numbers.requantized),
    (4, "a pixel in the corner", numbers.corner),
    (5, "where an element lies", made.element),
    (5, "a ReLU that stays", made.relu),
    (6, "bytes in use", made.in_use),
    (6, "bytes without sharing", made.unshared),
    (7, "an address", made.address),
    (7, "four bytes of the weights", made.stored_bias),
    (8, "cycles of a loop", made.loop),
    (8, "a word of four weights", made.packed),
    (9, "a quotient of integers", numbers.quotient),
)

EXERCISES = tuple(Exercise(number, chapter, title, make) for number, (chapter, title, make) in enumerate(_ALL, start=1))
