"""Station 2: the float graph in its simplest form, as Glow would have it or simpler."""

from __future__ import annotations

from tinyglow.ir.graph import Graph
from tinyglow.passes.bounds import drop_needless_bounds, merge_clips, merge_relu_into_clip
from tinyglow.passes.chains import (
    NEIGHBOURS,
    merge_concats,
    raise_above_reshape,
    raise_transpose_above_pad,
    sink_relu_below_concat,
)
from tinyglow.passes.folding import (
    divide_with_fractions,
    fold_batch_norm_into_convolution,
    fold_batch_norm_into_fully_connected,
    fold_constants,
    fuse_matmul_add,
)
from tinyglow.passes.rewrite import rewrite, share_equal_nodes
from tinyglow.passes.spelling import spell_out_as_arithmetic, spell_out_as_depthwise, spell_out_as_glow
from tinyglow.passes.transposes import CLEANING, SINKING, sink_below_permutable


def simplify(graph: Graph, like_glow: bool = False) -> Graph:
    """Fold constants and fully connected layers, cancel transposes and reshapes, fold batch normalizations.

    like_glow: only what Glow does too, and spelled out what it cannot fold.
    """
    graph = share_equal_nodes(rewrite(graph, [fold_constants, fuse_matmul_add]))
    sinking = SINKING if like_glow else (*SINKING, sink_below_permutable)
    graph = rewrite(graph, [*sinking, sink_relu_below_concat, merge_concats])
    graph = rewrite(graph, [fold_constants, *CLEANING])
    if not like_glow:
        graph = rewrite(graph, [raise_transpose_above_pad, drop_needless_bounds])
        graph = rewrite(graph, [raise_above_reshape, fold_batch_norm_into_convolution])
    graph = rewrite(graph, [fold_batch_norm_into_convolution, *NEIGHBOURS, merge_clips])
    if like_glow:
        return rewrite(graph, [spell_out_as_glow])
    graph = rewrite(graph, [merge_relu_into_clip])
    graph = rewrite(graph, [fold_batch_norm_into_fully_connected, divide_with_fractions])
    return rewrite(graph, [spell_out_as_depthwise, spell_out_as_arithmetic])
