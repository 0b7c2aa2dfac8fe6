"""TFLite's L2_POOL_2D: in the graph it is other operators."""

from __future__ import annotations

from typing import ClassVar

from tinyglow.ir.forms import TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Value
from tinyglow.kernels.window import require_image
from tinyglow.operators.avg_pool import AvgPool
from tinyglow.operators.fused_activation import activate
from tinyglow.operators.generic.build import Build
from tinyglow.operators.sqrt import Sqrt
from tinyglow.operators.tflite_made import Made
from tinyglow.operators.tflite_node import window_from_tflite


class L2Pool(Made):
    """The root of the mean of squares over windows; padding does not count."""

    tflite_types: ClassVar[TFLiteForms] = {
        "L2_POOL_2D": TFLiteForm(
            1,
            "Pool2DOptions",
            ("filter_height", "filter_width", "fused_activation_function", "padding", "stride_h", "stride_w"),
        )
    }

    @staticmethod
    def made(build: Build) -> Value:
        node, x = build.node, build.input(0)
        _, height, width, _ = require_image(x.type.shape)
        kernel = node.integer("filter_height", 0), node.integer("filter_width", 0)
        window = window_from_tflite(node, kernel, (height, width))
        mean = build.add(AvgPool(window), build.each("mul", x, x))
        return activate(node, build.importer, build.add(Sqrt(), mean))
