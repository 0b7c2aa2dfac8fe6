"""What a kernel's C header says of it: the meaning of each parameter, and what each argument must be."""

from __future__ import annotations

from collections.abc import Iterator

from tinyglow.ir.c_struct import struct_fields
from tinyglow.ir.kernel import CTYPES, Kernel, Operand, Role
from tinyglow.targets.cores import DSP, MVE

_LOOPS = ("outermost loop", "loop inside it", "innermost loop")
MEANINGS = {
    "in_h": "rows of the input",
    "in_w": "columns of the input",
    "in_c": "channels of the input",
    "out_h": "rows of the output",
    "out_w": "columns of the output",
    "out_c": "channels of the output",
    "channels": "channels of input and output",
    "band": "rows of the output that are computed together",
    "kernel_h": "rows of a window",
    "kernel_w": "columns of a window",
    "stride_h": "rows from one window to the next",
    "stride_w": "columns from one window to the next",
    "pad_top": "rows of padding above the input",
    "pad_left": "columns of padding to the left of the input",
    "dilation_h": "rows from one tap of a window to the next",
    "dilation_w": "columns from one tap of a window to the next",
    "group": "groups of channels: an output sums over the input channels of its own group",
    "images": "images, one after the other",
    "pixels": "pixels of all images together",
    "pool": "2: outputs are the maxima of 2x2 blocks of the convolution's pixels; 0: they are its pixels",
    "corners": "what the four corners of every even output channel's filter are larger by",
    "at_once": "columns of pixels whose inputs are laid out at once",
    "layout": "how the taps lie in the im2col tile",
    "in_offset": "integer that stands for 0 in the input, or bytes to where reading begins",
    "out_offset": "integer that stands for 0 in the output, or bytes to where writing begins",
    "input_offset": "integer that stands for 0 in the operand 'input'",
    "other_offset": "integer that stands for 0 in the operand 'other'",
    "lhs_offset": "integer that stands for 0 in the operand 'lhs'",
    "rhs_offset": "integer that stands for 0 in the operand 'rhs'",
    "product_offset": "integer that stands for 0 in the operand 'product'",
    "filter_offset": "is subtracted from each byte of the filter",
    "weights_offset": "is subtracted from each weight",
    "offset": "integer that stands for 0",
    "act_min": "least output: the activation's, or that of its type",
    "act_max": "largest output: the activation's, or that of its type",
    "leaky": "1: negative values have a slope of their own; 0: they have not",
    "negative": "scales negative values",
    "positive": "scales values that are not negative",
    "out": "scales a result to the output, and adds the output's offset",
    "activation": "0: none; 1: between low and high; 2: negative values times slope",
    "low": "least value",
    "high": "largest value",
    "slope": "multiplies negative values",
    "slope_shift": "bits by which that product is shifted to the right",
    "alpha": "multiplies negative values",
    "multiplier": "multiplies a result; shift comes after it",
    "input_multiplier": "multiplies the operand 'input'; shift comes after it",
    "other_multiplier": "multiplies the operand 'other'; shift comes after it",
    "input_scale": "scales the operand 'input' to the output",
    "other_scale": "scales the operand 'other' to the output",
    "shift": "bits by which products are shifted to the right, rounded",
    "scale": "real number that a step of the integer stands for",
    "in_scale": "real number that a step of the input stands for",
    "count": "elements",
    "value": "what each byte becomes",
    "in_min": "smaller inputs count as this one",
    "empty": "result of a window without a tap inside the input",
    "divide": "1: sums are divided by the number of taps inside the input; 0: 'out' or the multiplier does that",
    "raised": "what the model's integers are larger than these: 128 if they are uint8, else 0",
    "steps_of_one": "steps of the output that stand for 1",
    "near": "how far a mean by 'multiplier' may be from the one in float, in steps of 2^-fraction_bits",
    "count_pads": "1: sums are divided by the window's area; 0: by the number of taps inside the input",
    "is_reversed": "1: the operand 'other' comes first; 0: 'input' does",
    "fraction_bits": "bits that a quotient or a mean has below 1",
    "limit": "largest quotient, and with a minus the least",
    "index_bits": "most bits of a weight's code that the decoder looks up at once",
    "table_bytes": "bytes of the decoding table at the start of 'packed'",
    "bias_bits": "bits of a bias in the stream",
    "word_bits": "bits of a channel's own scale in the stream; 0: there is none",
    "rows": "rows",
    "columns": "columns",
    "depth": "products that one result sums",
    "units": "output units: results of each row",
    "batch": "pairs of matrices, one after the other",
    "length": "elements, or runs of bytes, among which one is looked for",
    "smallest": "1: the smallest is looked for; 0: the largest",
    "last": "1: of equal elements the last one counts; 0: the first one",
    "wide": "1: an index is an int64, in two words; 0: an int32",
    "start": "what a sum begins with",
    "relation": "which comparison: 0: equal; 1: not equal; 2: less; 3: less or equal",
    "to_other": "scales the operand 'input' to the steps of 'other'",
    "operation": "which operation on truth values",
    "inverse": "1 / scale",
    "ties": "to which side a tie is rounded: 0: to the even integer; 1: away from zero",
    "input_shift": "power of two by which the operand 'input' is scaled, after input_multiplier",
    "other_shift": "power of two by which the operand 'other' is scaled, after other_multiplier",
    "below_multiplier": "multiplies the product of a negative value and its slope; below_shift comes after it",
    "added_multiplier": "of what is added to the cell: a multiplier of 31 bits",
    "added_shift": "of what is added to the cell: a shift, to the left where it is above 0",
    "below_shift": "power of two by which that product is scaled",
    "input_sign": "1 or -1: multiplies the operand 'input'",
    "other_sign": "1 or -1: multiplies the operand 'other'",
    "steps": "steps of the sequence",
    "time_major": "1: the sequence's steps are the outermost dimension; 0: rows are",
    "cell_bits": "integer bits of the cell",
    "clip": "bounds the cell, if above 0",
    "rank": "filters of each unit",
    "memory": "values that a filter remembers",
    "state_offset": "integer that stands for 0 in the operand 'state'",
    "out_multiplier": "multiplies the sum of an output; out_shift comes after it",
    "out_shift": "power of two by which that product is scaled",
    "divisor": "sums are divided by it",
    "blocks": "blocks to read from",
    "block_stride": "bytes from one block to the next",
    "run": "bytes that are copied together",
    "round_negative": "added to a negative sum before its fraction is cut off",
    "round_positive": "added to any other sum before its fraction is cut off",
    "inverse_scale": "1 / output scale, unsigned fixed point",
    "inverse_bits": "bits of it before the point",
    "sum_bits": "bits before the point of the sum of a row's exponentials",
    "zeros": "zeros that the table lacks at its start",
    "input_step": "0: one element of the operand 'input' counts for all; 1: each has its own",
    "other_step": "the same of 'other'",
    "third_step": "the same of 'third'",
    "exclusive": "1: an element does not count for its own running total; 0: it does",
    "outer": "count of the outermost loop",
    "middle": "count of the loop inside it",
    "inner": "count of the innermost loop",
    **{f"{loop}_stride": f"elements by which 'other' advances in '{loop}'" for loop in ("outer", "middle", "inner")},
    **{f"keep{i}": f"count, over the output: {loop}" for i, loop in enumerate(_LOOPS)},
    **{f"drop{i}": f"count, over what is reduced: {loop}" for i, loop in enumerate(_LOOPS)},
    **{f"keep{i}_stride": f"elements of the input from one step of keep{i} to the next" for i in range(3)},
    **{f"drop{i}_stride": f"elements of the input from one step of drop{i} to the next" for i in range(3)},
    **{f"dim{i}": f"dimension {i} of the output, 0 being the outermost" for i in range(6)},
    **{f"stride{i}": f"bytes of the input from one step of dim{i} to the next" for i in range(6)},
    **{f"in_stride{i}": f"bytes of the input from one step of dim{i} to the next" for i in range(3)},
    **{f"out_stride{i}": f"bytes of the output from one step of dim{i} to the next" for i in range(3)},
}
# Operand, the parameters that there must be, and how many elements the operand then has.
_SIZES = (
    ("input", "images * in_h * in_w * in_c"),
    ("input", "images * in_h * in_w * channels"),
    ("input", "pixels * in_c"),
    ("input", "batch * rows * depth"),
    ("input", "rows * steps * depth"),
    ("input", "rows * depth"),
    ("input", "outer * middle * inner"),
    ("input", "outer * length * inner"),
    ("input", "count"),
    ("input", "rows * columns"),
    ("output", "images * out_h * out_w * out_c"),
    ("output", "images * out_h * out_w * channels"),
    ("output", "pixels * out_c"),
    ("output", "batch * rows * columns"),
    ("output", "rows * steps * units"),
    ("output", "rows * units"),
    ("output", "blocks * rows * columns * run"),
    ("input", "blocks * length * run"),
    ("output", "blocks * count * run"),
    ("output", "outer * middle * inner"),
    ("output", "keep0 * keep1 * keep2"),
    ("output", "dim0 * dim1 * dim2 * dim3 * dim4 * dim5"),
    ("output", "units"),
    ("output", "count"),
    ("output", "rows * columns"),
    ("lhs", "batch * rows * depth"),
    ("rhs", "batch * depth * columns"),
    ("product", "count"),
)
# Parameters of kernels that read at places of their own choosing.
_APART = {"run"}


def elements(kernel: Kernel, operand: Operand) -> str:
    """How many elements an operand has, in the parameters' names; "" where that takes more than a product."""
    names = {name for name, _ in struct_fields(kernel)}
    for name, product in _SIZES:
        factors = {factor for factor in product.split(" * ") if not factor.isdigit()}
        if name == operand.name and factors <= names and not (names & _APART and "run" not in factors):
            return product
    return ""


def fields(kernel: Kernel) -> list[tuple[str, str, str]]:
    """(C type, name, meaning) of each parameter that the kernel's C has."""
    return [(ctype, name, _meaning(kernel, name, ctype)) for name, ctype in struct_fields(kernel)]


def _meaning(kernel: Kernel, name: str, ctype: str) -> str:
    text = MEANINGS[name]
    if name in ("in_offset", "out_offset"):
        zero, place = text.split(", or ")
        return place if ctype == "int32_t" and kernel.c_file.startswith("reshape/") else zero
    return text


def arguments(kernel: Kernel) -> Iterator[str]:
    """What the header says of each argument after the parameters."""
    for operand in kernel.operands:
        if operand.role is Role.CODE:
            yield f"{operand.name}: the function that the compiler made of the weights"
            continue
        role = "written" if operand.role is Role.OUT else "read"
        size = elements(kernel, operand)
        size = f"{CTYPES[operand.dtype]}[{size}]" if size else CTYPES[operand.dtype]
        yield f"{operand.name}: {role}, {size}"
    if kernel.scratch:
        yield (
            "scratch: working memory; the network's source says how much. What it holds before and after a call means"
            " nothing"
        )


def sharing(kernel: Kernel) -> str:
    """Which arguments may share memory."""
    shared = [f"{operand.name} may be {operand.may_alias} itself" for operand in kernel.operands if operand.may_alias]
    if kernel.aliases and shared:
        shared = [f"{text}, with parameters for which the compiler allows it" for text in shared]
    if kernel.overlap:
        shared.append(
            "output may overlap input as far as the compiler's plan has it: no input is overwritten before it was"
            " read for the last time"
        )
    return f"{'; '.join(shared)}. Nothing else overlaps." if shared else "No two arguments overlap."


def cores(kernel: Kernel) -> str:
    """On which cores the kernel is fast."""
    if kernel.needs & MVE:
        return "Needs Helium (MVE) to be fast; computes the same in portable C elsewhere."
    if kernel.needs & DSP:
        return "Needs the DSP extension to be fast; computes the same in portable C elsewhere."
    if kernel.superseded_by & DSP:
        return "For cores without the DSP extension; computes the same on any other."
    return "For any core."
