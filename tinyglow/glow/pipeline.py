"""The passes of Glow's pipeline, as data, in its order (lib/Optimizer/GraphOptimizerPipeline/FunctionPassPipeline.cpp).

Each is ours, or a text that says why it does nothing for a network that the CPU backend makes an int8 bundle of. Those
named ``refuse_...`` refuse what the pass would change.
"""

from __future__ import annotations

from tinyglow.glow.arithmetic import (
    fold_arithmetic_below_batch_norm,
    fold_arithmetic_below_convolution,
    fold_into_softmax,
    fold_leaky_relu,
    fold_matmul_add,
    optimize_arithmetic,
    optimize_batch_norm,
)
from tinyglow.glow.constants import fold_constants
from tinyglow.glow.equal import share_equal
from tinyglow.glow.joined import (
    eliminate_concat_slice,
    eliminate_slice_concat,
    merge_products_of_columns,
    merge_products_of_rows,
    optimize_concat,
    optimize_concat_quantization,
    unstack_broadcast_product,
)
from tinyglow.glow.quantized import (
    merge_transpose_into_layer,
    optimize_quantization,
    refuse_float_clip,
    refuse_float_relu,
    remove_identity_bound,
)
from tinyglow.glow.shapes import (
    eliminate_noop,
    fold_channel_shuffle,
    merge_pad_into_convolution,
    optimize_clips,
    optimize_reduce_mean,
    optimize_reshape,
    optimize_resize,
    optimize_small_convolution,
    optimize_splat,
    transpose_constant,
    transpose_into_reshape,
)
from tinyglow.glow.sink import hoist_transpose_above_tile, sink_code, sink_reshape
from tinyglow.glow.walk import glow_pass, stepping
from tinyglow.passes.rewrite import Pass

Entry = Pass | tuple[str, str]

_SINK = glow_pass("SinkCode", sink_code, until_fixed=True)
_ARITHMETIC = glow_pass("OptimizeArithmeticNodes", optimize_arithmetic)
_RESHAPE = stepping("OptimizeReshape", optimize_reshape)
_CSE = glow_pass("CSE", share_equal)
_NOOP = stepping("EliminateNoop", eliminate_noop)

FOLD: tuple[Entry, ...] = (
    _ARITHMETIC,
    _RESHAPE,
    stepping("FoldLeakyRelu", fold_leaky_relu),
    stepping("FoldChannelShuffle", fold_channel_shuffle),
    stepping("FoldMatMulAddIntoFullyConnected", fold_matmul_add),
    ("FoldMinMaxToClip", "needs a Min and a Max with Splats, of which no importer makes any"),
    stepping("FoldExpSumDivIntoSoftmax", fold_into_softmax),
    stepping("FoldArithmeticChainUnderConvIntoBN", fold_arithmetic_below_convolution),
)

OPTIMIZE: tuple[Entry, ...] = (
    _NOOP,
    _SINK,
    ("ConvTransposeBiasAddFold", "there is no transposed convolution"),
    stepping("OptimizeTransposeIntoReshape", transpose_into_reshape),
    _ARITHMETIC,
    ("FoldLayerNormArithmetic", "there is no layer normalization"),
    _RESHAPE,
    stepping("TransposeConstants", transpose_constant),
    _CSE,
    stepping("MergePadIntoConvolution", merge_pad_into_convolution),
    stepping("OptimizeSmallConv", optimize_small_convolution),
    glow_pass("MergeMatMulOnLHS", merge_products_of_columns),
    glow_pass("MergeMatMulOnRHS", merge_products_of_rows),
    ("MergeBatchedAdd", "needs the same row added to slices that make up a tensor along its first dimension"),
    stepping("OptimizeReduceMean", optimize_reduce_mean),
    stepping("OptimizeResize", optimize_resize),
    ("OptimizeInsert", "changes what a tensor is put into, which it fills"),
    stepping("ConvertBroadcastedBatchMatMul", unstack_broadcast_product),
    _NOOP,
    _CSE,
    _ARITHMETIC,
    stepping("OptimizeSplat", optimize_splat),
    stepping("OptimizeConcatNodes", optimize_concat),
    stepping("EliminateConcatSlice", eliminate_concat_slice),
    stepping("MergeTransposeIntoMatMulOrFC", merge_transpose_into_layer),
    ("OptimizeConversions", "there is no ConvertTo"),
    ("EliminateClipsOutsideFP16Range", "is for float16"),
    stepping("OptimizeQuantFCFloatRelu", refuse_float_relu),
    ("EliminateClipsOutsideFP16Range", "is for float16"),
    stepping("OptimizeClips", optimize_clips),
    glow_pass("OptimizeQuantization", optimize_quantization, until_fixed=True),
    glow_pass("OptimizeConcatQuantization", optimize_concat_quantization),
    _RESHAPE,
    glow_pass("ConstantFold", fold_constants),
    ("GatherToSlice", "the importer makes that Slice at once"),
    stepping("OptimizeQuantizeClip", refuse_float_clip),
    stepping("RemoveIdentityRelu", remove_identity_bound),
    ("RemoveIdentityClip", "is part of the pass before"),
    ("FoldDilatedConv", "needs SpaceToDepth and DepthToSpace around a convolution, as no exporter of ONNX makes them"),
    _RESHAPE,
    _SINK,
    stepping("FoldBatchNormalizationWithArithmeticChain", fold_arithmetic_below_batch_norm),
    stepping("OptimizeBatchNorm", optimize_batch_norm, until_fixed=True),
    glow_pass("EliminateSliceConcat", eliminate_slice_concat),
    _CSE,
    stepping("HoistCode", hoist_transpose_above_tile, until_fixed=True),
    stepping("SinkReshapes", sink_reshape, until_fixed=True),
    _RESHAPE,
)


def ours(entries: tuple[Entry, ...]) -> list[Pass]:
    """The passes that do something."""
    return [entry for entry in entries if isinstance(entry, Pass)]


def before_lowering() -> list[Pass]:
    """optimizeFunctionBeforeLowering, which Glow's tools run twice before they lower the graph (Loader.cpp)."""
    return [*ours(FOLD), *ours(OPTIMIZE)] * 2
