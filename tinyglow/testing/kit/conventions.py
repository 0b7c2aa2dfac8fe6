"""How C kernels get their arguments: a flat list, CMSIS-NN's structs, or a statement of the user's own.

Wherever a kernel is called in C, the names of the operator's inputs, of ``output`` and of its numbers are variables.
"""

from __future__ import annotations

import re

from tinyglow.errors import InputError, Problem
from tinyglow.numerics.names import TFLITE, TFLM
from tinyglow.testing.kit.problem import OUTPUT, Operator

FLAT, CMSIS_NN = "flat", "cmsis-nn"
TYPES_HEADER = "arm_nn_types.h"
_CTYPES = {f"{sign}int{bits}": f"{sign}int{bits}_t" for sign in ("", "u") for bits in (8, 16, 32, 64)}
_CTYPES["float32"] = "float"
_SCRATCH_WORDS = 16384

Variables = list[tuple[str, str]]


def tensors_of(operator: Operator, numerics: str) -> Variables:
    """Name and C type of an element of each tensor, in the order of the flat convention."""
    found = [(name, _CTYPES[dtype]) for name, dtype in operator.inputs_of(numerics).items()]
    return [*found, (OUTPUT, _CTYPES[operator.output])]


def numbers_of(operator: Operator, numerics: str) -> Variables:
    """Name and C type of each number, in the order of the flat convention."""
    return [(name, _CTYPES[dtype]) for name, dtype in operator.numbers_of(numerics).items()]


def letters_of(operator: Operator, numerics: str) -> str:
    """A letter for each number: "f" for a float, "i" for an integer."""
    return "".join("f" if ctype == "float" else "i" for _, ctype in numbers_of(operator, numerics))


def prototype(operator: Operator, numerics: str = TFLITE, symbol: str = "") -> str:
    """The C prototype of a kernel of the flat convention.

    First the inputs, then the output, then the numbers.
    """
    tensors = tensors_of(operator, numerics)
    arguments = [f"const {ctype} *{name}" for name, ctype in tensors[:-1]]
    arguments += [f"{tensors[-1][1]} *{OUTPUT}"]
    arguments += [f"{ctype} {name}" for name, ctype in numbers_of(operator, numerics)]
    return f"void {symbol or operator.name}({', '.join(arguments)})"


def statement(operator: Operator, numerics: str, convention: str, symbol: str, declared: str = "") -> str:
    """The C statement that calls a kernel.

    Args:
        operator: The operator.
        numerics: Whose arithmetic.
        convention: "flat", "cmsis-nn", or the statement itself.
        symbol: The function.
        declared: C text that may declare it: versions of CMSIS-NN differ.

    Returns:
        The statement, or statements.

    Raises:
        InputError: CMSIS-NN has no function for the operator, or not with this numerics.
    """
    if convention == FLAT:
        names = [name for name, _ in (*tensors_of(operator, numerics), *numbers_of(operator, numerics))]
        return f"{symbol}({', '.join(names)});"
    if convention != CMSIS_NN:
        return convention
    text = _CMSIS_NN.get(operator.name)
    if text is None or numerics not in (TFLM, TFLITE):
        found = f"of {operator.name} with {numerics}"
        expected = f"{', '.join(sorted(_CMSIS_NN))} with {TFLM}, or the flat convention"
        raise InputError("no such convention", [Problem(convention, found, expected)])
    parameters = re.search(rf"\b{re.escape(symbol)}\s*\(([^)]*)\)", declared)
    if parameters and "upscale_dims" in parameters[1]:  # since CMSIS-NN 6.0, of arm_convolve_s8 alone
        text = text.replace("&output_dims, output", "0, &output_dims, output")
    return text.replace("SYMBOL", symbol).strip()


_BUFFER = f"""
static int32_t scratch[{_SCRATCH_WORDS}];
cmsis_nn_context context = {{scratch, (int32_t)sizeof scratch}};
"""
_QUANT = "cmsis_nn_per_channel_quant_params quant = {multiplier, shift};"
_IMAGES = """
cmsis_nn_dims input_dims = {batch, in_h, in_w, in_c}, filter_dims = {FILTERS, kernel_h, kernel_w, DEPTH};
cmsis_nn_dims bias_dims = {1, 1, 1, out_c}, output_dims = {batch, out_h, out_w, out_c};
"""
_WINDOW = "{stride_w, stride_h}, {pad_left, pad_top}, {dilation_w, dilation_h}, {act_min, act_max}"
_DATA = "&input_dims, input, &filter_dims, weights, &bias_dims, bias, &output_dims, output"
_POOL = (
    _BUFFER
    + """
cmsis_nn_pool_params params = {{stride_w, stride_h}, {pad_left, pad_top}, {act_min, act_max}};
cmsis_nn_dims input_dims = {batch, in_h, in_w, channels}, filter_dims = {1, kernel_h, kernel_w, 1};
cmsis_nn_dims output_dims = {batch, out_h, out_w, channels};
SYMBOL(&context, &params, &input_dims, input, &filter_dims, &output_dims, output);
"""
)

# By operator; CMSIS-NN, Include/arm_nnfunctions.h.
_CMSIS_NN = {
    "fully_connected": _BUFFER
    + f"""
cmsis_nn_fc_params params = {{-input_offset, -weights_offset, output_offset, {{act_min, act_max}}}};
cmsis_nn_per_tensor_quant_params quant = {{multiplier, shift}};
cmsis_nn_dims input_dims = {{rows, 1, 1, depth}}, filter_dims = {{depth, 1, 1, units}};
cmsis_nn_dims bias_dims = {{1, 1, 1, units}}, output_dims = {{rows, 1, 1, units}};
SYMBOL(&context, &params, &quant, {_DATA});
""",
    "conv2d_per_channel": _BUFFER
    + _QUANT
    + _IMAGES.replace("FILTERS", "out_c").replace("DEPTH", "in_c")
    + f"""
cmsis_nn_conv_params params = {{-input_offset, output_offset, {_WINDOW}}};
SYMBOL(&context, &params, &quant, {_DATA});
""",
    "depthwise_conv2d_per_channel": _BUFFER
    + _QUANT
    + _IMAGES.replace("FILTERS", "1").replace("DEPTH", "out_c")
    + f"""
cmsis_nn_dw_conv_params params = {{-input_offset, output_offset, channel_multiplier, {_WINDOW}}};
SYMBOL(&context, &params, &quant, {_DATA});
""",
    "add": """
SYMBOL(input, other, -input_offset, input_multiplier, input_shift, -other_offset, other_multiplier, other_shift,
       left_shift, output, output_offset, multiplier, shift, act_min, act_max, count);
""",
    "mul": """
SYMBOL(input, other, -input_offset, -other_offset, output, output_offset, multiplier, shift, act_min, act_max, count);
""",
    "max_pool": _POOL,
    "avg_pool": _POOL,
    "softmax": "SYMBOL(input, rows, columns, multiplier, shift, diff_min, output);",
}

# The same signatures: weights of four bits, two in a byte.
_CMSIS_NN |= {
    f"{name}_s4": _CMSIS_NN[name] for name in ("fully_connected", "conv2d_per_channel", "depthwise_conv2d_per_channel")
}


def _of_int16(text: str) -> str:
    """The statement of a function of int16, whose offsets are 0."""
    for name in ("input", "other", "weights", "output"):
        text = text.replace(f"-{name}_offset", "0").replace(f"{name}_offset", "0")
    return text


_CMSIS_NN |= {
    f"{name}_s16": _of_int16(_CMSIS_NN[name])
    for name in ("fully_connected", "depthwise_conv2d_per_channel", "add", "mul", "max_pool", "avg_pool")
}
_CMSIS_NN["conv2d_per_channel_s16"] = "cmsis_nn_bias_data bias_data = {bias, 0};\n" + _of_int16(
    _CMSIS_NN["conv2d_per_channel"]
).replace("&bias_dims, bias,", "&bias_dims, &bias_data,")
