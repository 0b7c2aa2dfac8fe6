"""Cases of the kernels that round as onnxruntime does."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st

from tinyglow.kernels.elementwise.mul import ProductParams
from tinyglow.kernels.elementwise.mul_onnx import MUL_ONNX
from tinyglow.kernels.pooling.avg_pool_onnx import AVG_POOL_ONNX, AvgPoolOnnxParams, in_integers
from tinyglow.kernels.reduce.reduce_mean_onnx import REDUCE_MEAN_ONNX, REDUCE_MEAN_ONNX_FLOAT, ReduceMeanOnnxParams
from tinyglow.kernels.softmax.softmax_onnx import SOFTMAX_ONNX, SoftMaxOnnxParams, power_table, whole_steps
from tinyglow.testing.case import Case
from tinyglow.testing.epilogues.onnx import constants as float_constants
from tinyglow.testing.epilogues.onnxi import constants
from tinyglow.testing.generators.arithmetic import reductions, two_operands
from tinyglow.testing.registry import generates
from tinyglow.testing.values import int8_arrays, offsets, scales, weighted, windows


@generates(MUL_ONNX)
@st.composite
def _mul(draw: st.DrawFn) -> Case:
    fields, inputs, outputs = draw(two_operands())
    params = ProductParams(**fields, out=draw(constants(255.0 * 64, draw(offsets()))))
    return Case(MUL_ONNX, params, inputs, outputs)


@generates(REDUCE_MEAN_ONNX)
@st.composite
def _reduce_mean(draw: st.DrawFn) -> Case:
    loops, size, terms = draw(reductions())
    offset = draw(offsets())
    out = draw(constants(255.0 * terms, draw(offsets())))
    params = ReduceMeanOnnxParams(**loops, start=-offset * terms, out=out)
    return Case(REDUCE_MEAN_ONNX, params, {"input": draw(int8_arrays(size, offset))}, {"output": size // terms})


@generates(REDUCE_MEAN_ONNX_FLOAT)
@st.composite
def _reduce_mean_by_float(draw: st.DrawFn) -> Case:
    loops, size, terms = draw(reductions())
    offset = draw(offsets())
    out = draw(float_constants(255.0 * terms, draw(offsets())))
    params = ReduceMeanOnnxParams(**loops, start=-offset * terms, out=out)
    return Case(REDUCE_MEAN_ONNX_FLOAT, params, {"input": draw(int8_arrays(size, offset))}, {"output": size // terms})


@generates(SOFTMAX_ONNX)
@st.composite
def _softmax(draw: st.DrawFn) -> Case:
    rows, columns = draw(st.integers(1, 5)), draw(st.one_of(st.integers(1, 12), st.integers(250, 260)))
    table = power_table(draw(scales(-12, 3)), columns)
    steps = whole_steps(draw(weighted((3, st.sampled_from((1 / 256, 1 / 255))), (1, scales(-12, 1)))))
    inputs = {"input": draw(int8_arrays(rows * columns)), "table": table}
    return Case(
        SOFTMAX_ONNX, SoftMaxOnnxParams(rows, columns, steps, draw(offsets())), inputs, {"output": rows * columns}
    )


@generates(AVG_POOL_ONNX)
@st.composite
def _avg_pool(draw: st.DrawFn) -> Case:
    window, in_h, in_w = draw(windows(max_kernel=5))
    channels, images = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    out_h, out_w = window.output_size(in_h, in_w)
    sizes = (in_h, in_w, channels, out_h, out_w, *window.kernel, *window.strides, *window.pads[:2], images)
    scale = draw(scales(-12, 4))
    other = draw(
        st.one_of(st.just(scale), scales(-12, 4), st.sampled_from((0.4, 0.9, 1.3)).map(lambda ratio: scale * ratio))
    )
    other = float(np.float32(other))
    params = AvgPoolOnnxParams(
        *sizes,
        count_pads=draw(st.integers(0, 1)),
        in_offset=draw(offsets()),
        out_offset=draw(offsets()),
        raised=draw(st.sampled_from((0, 128))),
        in_scale=scale,
        scale=other,
        **in_integers(scale, other, math.prod(window.kernel)),
    )
    data = draw(int8_arrays(images * in_h * in_w * channels))
    return Case(AVG_POOL_ONNX, params, {"input": data}, {"output": images * out_h * out_w * channels})
