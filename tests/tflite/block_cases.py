"""TFLite operators that move pixels by blocks: between space and depth, between space and batch."""

from __future__ import annotations

from tests.tflite.registry import register

register(
    "space_to_depth",
    (1, 4, 6, 3),
    lambda b, x: b.node("SPACE_TO_DEPTH", [x], (1, 2, 3, 12), options="SpaceToDepthOptions", BlockSize=2),
)
register(
    "space_to_batch",
    (1, 3, 5, 2),
    lambda b, x: b.node(
        "SPACE_TO_BATCH_ND",
        [x, b.constant("block", [2, 2]), b.constant("pads", [[1, 0], [0, 1]])],
        (4, 2, 3, 2),
        options="SpaceToBatchNDOptions",
    ),
)
register(
    "batch_to_space",
    (4, 2, 3, 2),
    lambda b, x: b.node(
        "BATCH_TO_SPACE_ND",
        [x, b.constant("block", [2, 2]), b.constant("crops", [[1, 0], [0, 1]])],
        (1, 3, 5, 2),
        options="BatchToSpaceNDOptions",
    ),
)
register(
    "depth_to_space",
    (1, 2, 3, 12),
    lambda b, x: b.node("DEPTH_TO_SPACE", [x], (1, 4, 6, 3), options="DepthToSpaceOptions", BlockSize=2),
)
