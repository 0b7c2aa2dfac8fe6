"""Station 2: the float graph in its simplest form."""

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
from tinyglow.passes.transposes import CLEANING, SINKING
from tinyglow.passes.unfolded_batch_norm import batch_norm_as_arithmetic, batch_norm_as_depthwise


def simplifying() -> list[Pass]:
    """The passes of ``simplify`` in their order."""
    return [
        rewriting("fold constants", [fold_constants, fuse_matmul_add]),
        Pass("share equal nodes", share_equal_nodes),
        rewriting("sink transposes", [*SINKING, sink_relu_below_concat, merge_concats]),
        rewriting("clean up", [fold_constants, *CLEANING]),
        rewriting("raise transposes above pads", [raise_transpose_above_pad, drop_needless_bounds]),
        rewriting("1-D convolutions take their neighbours", [fold_batch_norm_behind_reshape, raise_above_reshape]),
        rewriting("fold into convolutions", [fold_batch_norm_into_convolution, *NEIGHBOURS, merge_clips]),
        rewriting("merge bounds", [merge_relu_into_clip]),
        rewriting("fold into layers", [fold_batch_norm_into_fully_connected, divide_with_fractions]),
        rewriting("unfolded batch normalizations", [batch_norm_as_depthwise, batch_norm_as_arithmetic]),
    ]


def simplify(graph: Graph) -> Graph:
    """Fold constants and fully connected layers, cancel transposes and reshapes, fold batch normalizations.

    What Glow makes of the graph instead is in ``tinyglow.glow``.
    """
    return run_passes(graph, simplifying())
