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
    fold_batch_norm_behind_reshape,
    fold_batch_norm_into_convolution,
    fold_batch_norm_into_fully_connected,
    fold_constants,
    fuse_matmul_add,
)
from tinyglow.passes.rewrite import Pass, rewriting, run_passes, share_equal_nodes
from tinyglow.passes.transposes import CLEANING, SINKING, sink_below_permutable
from tinyglow.passes.unfolded_batch_norm import batch_norm_as_arithmetic, batch_norm_as_depthwise, batch_norm_as_glow


def simplifying(like_glow: bool = False) -> list[Pass]:
    """The passes of ``simplify`` in their order."""
    sinking = SINKING if like_glow else (*SINKING, sink_below_permutable)
    passes = [
        rewriting("fold constants", [fold_constants, fuse_matmul_add]),
        Pass("share equal nodes", share_equal_nodes),
        rewriting("sink transposes", [*sinking, sink_relu_below_concat, merge_concats]),
        rewriting("clean up", [fold_constants, *CLEANING]),
    ]
    if not like_glow:
        passes += [
            rewriting("raise transposes above pads", [raise_transpose_above_pad, drop_needless_bounds]),
            rewriting("1-D convolutions take their neighbours", [fold_batch_norm_behind_reshape, raise_above_reshape]),
        ]
    passes.append(rewriting("fold into convolutions", [fold_batch_norm_into_convolution, *NEIGHBOURS, merge_clips]))
    if like_glow:
        return [*passes, rewriting("unfolded batch normalizations, as Glow", [batch_norm_as_glow])]
    return [
        *passes,
        rewriting("merge bounds", [merge_relu_into_clip]),
        rewriting("fold into layers", [fold_batch_norm_into_fully_connected, divide_with_fractions]),
        rewriting("unfolded batch normalizations", [batch_norm_as_depthwise, batch_norm_as_arithmetic]),
    ]


def simplify(graph: Graph, like_glow: bool = False) -> Graph:
    """Fold constants and fully connected layers, cancel transposes and reshapes, fold batch normalizations.

    like_glow: only what Glow does too; what it cannot fold becomes the operators that Glow computes.
    """
    return run_passes(graph, simplifying(like_glow))
