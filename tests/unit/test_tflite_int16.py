"""TFLite models with int16 activations: in C as in numpy, on a core too, and with tinyglow's own int16 arithmetic."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tflite", reason="needs the package tflite, of the extra tinyglow[tflite]")

import tinyglow
from tests.helpers import run_cli
from tests.tflite import cases, int16_cases  # noqa: F401  # cases registers some of those
from tests.tflite.builder import Quant, TFLiteBuilder
from tests.unit.test_frontend_tflite_int8 import saved
from tests.unit.test_numerics_tflite import RECORDED
from tinyglow.errors import ModelError
from tinyglow.numerics.tflite_int16 import argument_scale
from tinyglow.targets.boards import HOST, load_board

NETWORKS = ("conv_relu", "transposed_same", "add_relu", "mul", "leaky_relu", "quantize_floats")
NETWORKS += (
    "logistic_0.00031",
    "tanh_0.00031",
    "softmax_0.00031",
    "mean_2",
    "average_pool",
    "batch_matmul_left",
    "dense_fine",
)
NETWORKS += ("int32_as_int16", "int32_as_int8")


@pytest.mark.parametrize("name", NETWORKS)
def test_c_on_this_machine_is_numpy(name: str, tmp_path: Path) -> None:
    """With LiteRT's rounding, which is the default."""
    case = int16_cases.case(name)
    quantized = tinyglow.quantize(tinyglow.load(saved(tmp_path, case.model), "net"))
    assert quantized.numerics == "tflite"
    program = tinyglow.lower(quantized)
    assert all(result.equal for result in tinyglow.verify(program, HOST, {program.inputs[0]: case.inputs}))


def test_a_core_is_numpy(tmp_path: Path) -> None:
    """On a Cortex-M0+, where 64 bits are two registers."""
    case = int16_cases.case("conv_relu6")
    program = tinyglow.lower(tinyglow.quantize(tinyglow.load(saved(tmp_path, case.model), "net")))
    board = load_board("cortex-m0plus")
    assert all(result.equal for result in tinyglow.verify(program, board, {program.inputs[0]: case.inputs}))


@pytest.mark.parametrize("name", ["conv", "conv_relu", "dense", "add", "mul", "leaky_relu", "relu6", "transposed_same"])
def test_own_arithmetic_is_within_a_step(name: str, tmp_path: Path) -> None:
    """With --numerics glow the rounding is that of tinyglow's own int16."""
    case = int16_cases.case(name)
    program = tinyglow.lower(tinyglow.quantize(tinyglow.load(saved(tmp_path, case.model), "net"), numerics="glow"))
    (ours,) = tinyglow.interpret(program, {program.inputs[0]: case.inputs}).values()
    theirs = RECORDED[f"int16.{name}.0"]
    assert ours.dtype == np.int16
    assert np.abs(ours.reshape(theirs.shape).astype(int) - theirs).max() <= 1 + 2 * (name in ("dense", "conv"))


def _dense(bias: np.ndarray, scales: list[float]) -> bytes:
    b = TFLiteBuilder()
    x = b.tensor("x", (1, 2), "INT16", int16_cases.IN)
    weights = b.constant("w", np.array([[100, -3], [5, 77]], np.int8), Quant(scales, [0] * len(scales)))
    products = [float(np.float32(int16_cases.IN.scales[0]) * np.float32(scale)) for scale in scales]
    steps = b.constant("b", bias, Quant(products, [0] * len(products)))
    out = Quant([0.001], [0])
    return b.build(
        [x], [b.node("FULLY_CONNECTED", [x, weights, steps], (1, 2), "y", "FullyConnectedOptions", 9, "INT16", out)]
    )


@pytest.mark.parametrize(
    ("bias", "scales", "because"),
    [
        (np.array([1, 2], np.int32), [0.01], "a bias of 32 bits"),
        (np.array([1, 2], np.int64), [0.01, 0.02], "a scale for each unit"),
    ],
)
def test_forms_that_tensorflow_lite_micro_lacks_are_named(
    bias: np.ndarray, scales: list[float], because: str, tmp_path: Path
) -> None:
    """LiteRT has them, which is the default. For TensorFlow Lite Micro they are refused."""
    path = saved(tmp_path, _dense(bias, scales))
    assert tinyglow.quantize(tinyglow.load(path, "net")).numerics == "tflite"
    with pytest.raises(ModelError, match=because):
        tinyglow.lower(tinyglow.quantize(tinyglow.load(path, "net"), numerics="tflm"))


def test_sums_that_leave_32_bits_beside_a_short_bias_are_refused(tmp_path: Path) -> None:
    """LiteRT's sums have 32 bits there, and wrap. By default the rounding is tinyglow's own, and a note says why."""
    b = TFLiteBuilder()
    x = b.tensor("x", (1, 600), "INT16", int16_cases.IN)
    weights = b.constant("w", np.full((1, 600), 127, np.int8), Quant([0.01], [0]))
    steps = b.constant("b", np.array([7], np.int32), Quant([float(np.float32(0.00031) * np.float32(0.01))], [0]))
    fields = {"options": "FullyConnectedOptions", "version": 9, "dtype": "INT16", "quant": Quant([0.2], [0])}
    path = saved(tmp_path, b.build([x], [b.node("FULLY_CONNECTED", [x, weights, steps], (1, 1), "y", **fields)]))
    because = "with a bias of 32 bits; expected sums of 32 bits"
    with pytest.raises(ModelError, match=because):
        tinyglow.lower(tinyglow.quantize(tinyglow.load(path, "net"), numerics="tflite"))
    answer = run_cli("compile", path, "--board", "host", "-o", tmp_path / "bundle")
    assert answer.status == 0 and because in answer.err, answer


def test_a_change_between_int8_and_int16(tmp_path: Path) -> None:
    """With LiteRT's rounding it is one kernel, with Glow's it goes through float."""
    b = TFLiteBuilder()
    x = b.tensor("x", (1, 4), "INT8", Quant([0.1], [3]))
    y = b.node("QUANTIZE", [x], (1, 4), "y", "QuantizeOptions", 2, "INT16", Quant([0.001], [0]))
    path = saved(tmp_path, b.build([x], [y]))
    for numerics, kernels in (("tflite", 1), ("tflm", 1), ("glow", 2)):
        program = tinyglow.lower(tinyglow.quantize(tinyglow.load(path, "net"), numerics=numerics))
        assert len(program.calls) == kernels, numerics
        (ours,) = tinyglow.interpret(program, {program.inputs[0]: np.array([[-128, 3, 4, 127]], np.int8)}).values()
        assert ours.ravel().tolist() == [-13100, 0, 100, 12400]


def test_a_softmax_whose_reciprocal_is_of_float64(tmp_path: Path) -> None:
    """LiteRT 2.3's answer to a row where TensorFlow Lite Micro's reciprocals, of float32, give another one."""
    b = TFLiteBuilder()
    x = b.tensor("x", (1, 9), "INT16", int16_cases.IN)
    out = Quant([2.0**-15], [0])
    path = saved(
        tmp_path, b.build([x], [b.node("SOFTMAX", [x], (1, 9), "y", "SoftmaxOptions", 2, "INT16", out, Beta=1.0)])
    )
    row = np.array([[14008, 29767, -26041, 25666, -30863, 12161, 25699, -26976, -9017]], np.int16)
    found = {}
    for numerics in ("tflite", "tflm"):
        program = tinyglow.lower(tinyglow.quantize(tinyglow.load(path, "net"), numerics=numerics))
        (ours,) = tinyglow.interpret(program, {program.inputs[0]: row[np.newaxis]}).values()
        found[numerics] = ours.ravel().tolist()
    assert found["tflite"] == [157, 20793, 1, 5831, 1, 89, 5892, 1, 1]
    assert found["tflm"] == [157, 20794, 1, 5832, 1, 89, 5893, 1, 1]


@pytest.mark.parametrize(("dtype", "given"), [("INT8", [-128, -3, 5, 127]), ("INT16", [-32768, -3, 5, 32767])])
def test_integers_as_int32(dtype: str, given: list[int], tmp_path: Path) -> None:
    """TensorFlow Lite Micro has them: with a ratio that is a power of two they are exact, and in C the same."""
    b = TFLiteBuilder()
    offset = 3 if dtype == "INT8" else 0
    x = b.tensor("x", (1, 4), dtype, Quant([2.0**-6], [offset]))
    y = b.node("QUANTIZE", [x], (1, 4), "y", "QuantizeOptions", 2, "INT32", Quant([2.0**-18], [0]))
    program = tinyglow.lower(tinyglow.quantize(tinyglow.load(saved(tmp_path, b.build([x], [y])), "net")))
    inputs = {program.inputs[0]: np.array([given], program.buffers[program.inputs[0]].type.dtype)}
    (ours,) = tinyglow.interpret(program, inputs).values()
    assert ours.dtype == np.int32
    assert ours.ravel().tolist() == [4096 * (value - offset) for value in given]
    assert all(result.equal for result in tinyglow.verify(program, HOST, inputs))
    with pytest.raises(ModelError, match=r"int32 activations with the numerics glow.*--numerics tflite"):
        tinyglow.lower(tinyglow.quantize(tinyglow.load(tmp_path / "net.tflite", "net"), numerics="glow"))


@pytest.mark.parametrize("kind", ["ABS", "DEQUANTIZE"])
def test_computing_with_int32_activations_is_refused(kind: str, tmp_path: Path) -> None:
    """QUANTIZE alone reads and makes them; where a file has more, the operator and the tensor are named."""
    b = TFLiteBuilder()
    x = b.tensor("wide", (1, 4), "INT32", Quant([2.0**-16], [0]))
    y = b.node(kind, [x], (1, 4), "y")
    with pytest.raises(ModelError, match=rf"{kind}.*'wide' of type INT32 with a scale; expected int8 or int16"):
        tinyglow.load(saved(tmp_path, b.build([x], [y])), "net")


def test_a_change_of_width_by_far_is_refused(tmp_path: Path) -> None:
    """Its differences would leave 32 bits when they are shifted."""
    b = TFLiteBuilder()
    x = b.tensor("x", (1, 4), "INT8", Quant([100.0], [3]))
    y = b.node("QUANTIZE", [x], (1, 4), "y", "QuantizeOptions", 2, "INT16", Quant([0.001], [0]))
    path = saved(tmp_path, b.build([x], [y]))
    with pytest.raises(ModelError, match="a scale that is 100000 times smaller; expected below 16384 times"):
        tinyglow.lower(tinyglow.quantize(tinyglow.load(path, "net"), numerics="tflite"))


@pytest.mark.parametrize("dtype", ["INT8", "INT16"])
def test_ratios_without_a_multiplier_are_refused(dtype: str, tmp_path: Path) -> None:
    """LiteRT's multipliers are below 2**30."""
    b = TFLiteBuilder()
    x = b.tensor("x", (1, 4), dtype, Quant([2.0**20], [0]))
    y = b.node("ABS", [x], (1, 4), "y", "AbsOptions", 5, dtype, Quant([2.0**-12], [0]))
    path = saved(tmp_path, b.build([x], [y]))
    with pytest.raises(ModelError, match=r"multiplier 4294967296.0 .*; expected scales that differ less"):
        tinyglow.lower(tinyglow.quantize(tinyglow.load(path, "net"), numerics="tflite"))


@pytest.mark.parametrize("most_shift", [0, 1])
def test_scales_that_are_powers_of_two_need_no_rounding(most_shift: int) -> None:
    """LiteRT multiplies their inputs by three steps and shifts nothing out; others get 15 bits of multiplier."""
    for shift in range(-9, 3):
        multiplier, right = argument_scale(2.0 ** (shift - 12), most_shift)
        if 0 <= shift <= most_shift:
            assert (multiplier, right) == (3 << shift, 0)
        else:
            assert 2**14 <= multiplier < 2**15 and multiplier / 2**right == 3 * 2.0**shift
    assert argument_scale(2.0**-12 * 1.01, most_shift)[1] > 0


def _slopes(b: TFLiteBuilder, x: int) -> int:
    slopes = b.constant("slopes", int16_cases.wide(9), Quant([0.0001], [0]))
    return b.node("PRELU", [x, slopes], (2, 9), "y", "", 1, "INT16", int16_cases.IN)


def _compared(scale: float) -> int16_cases.Maker:
    def make(b: TFLiteBuilder, x: int) -> int:
        other = b.constant("c", int16_cases.wide(2, 9), Quant([scale], [0]))
        return b.node("LESS", [x, other], (2, 9), "y", "LessOptions", 3, "BOOL")

    return make


def _softmax(b: TFLiteBuilder, x: int) -> int:
    narrow = b.node("QUANTIZE", [x], (2, 9), "narrow", "QuantizeOptions", 2, "INT8", Quant([0.1], [0]))
    return b.node("SOFTMAX", [narrow], (2, 9), "y", "SoftmaxOptions", 3, "INT16", Quant([2.0**-15], [0]), Beta=1.0)


def _negated(b: TFLiteBuilder, x: int) -> int:
    return b.node("NEG", [x], (2, 9), "y", "NegOptions", 1, "INT16", Quant([0.0007], [0]))


def _resized(b: TFLiteBuilder, x: int) -> int:
    image = b.node(
        "RESHAPE", [x, b.constant("to", [1, 2, 9, 1])], (1, 2, 9, 1), "image", "", 1, "INT16", int16_cases.IN
    )
    size, options = b.constant("size", [5, 5]), "ResizeBilinearOptions"
    return b.node("RESIZE_BILINEAR", [image, size], (1, 5, 5, 1), "y", options, 3, "INT16", int16_cases.IN)


REFUSED = {
    "NEG": _negated,
    "RESIZE_BILINEAR": _resized,
    "PRELU": _slopes,
    "comparison": _compared(0.0004),
    "SOFTMAX": _softmax,
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_far_from_litert_is_refused_by_name(kind: str, tmp_path: Path) -> None:
    """With LiteRT's rounding asked for; without, the network gets tinyglow's own."""
    b = TFLiteBuilder()
    x = b.tensor("x", (2, 9), "INT16", int16_cases.IN)
    graph = tinyglow.load(saved(tmp_path, b.build([x], [REFUSED[kind](b, x)])), "net")
    with pytest.raises(ModelError, match=f"{kind} .*--numerics glow"):
        tinyglow.quantize(graph, numerics="tflite")
    assert tinyglow.quantize(graph).numerics == "glow"


def test_a_comparison_of_int16_with_one_scale_is_litert_s(tmp_path: Path) -> None:
    """Of the numbers as they are."""
    b = TFLiteBuilder()
    x = b.tensor("x", (2, 9), "INT16", int16_cases.IN)
    graph = tinyglow.load(saved(tmp_path, b.build([x], [_compared(int16_cases.IN.scales[0])(b, x)])), "net")
    program = tinyglow.lower(tinyglow.quantize(graph, numerics="tflite"))
    inputs = int16_cases.wide(3, 2, 9, start=4)
    (found,) = tinyglow.interpret(program, {program.inputs[0]: inputs}).values()
    assert np.array_equal(found.reshape(inputs.shape), inputs < int16_cases.wide(2, 9))
