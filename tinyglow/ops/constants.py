"""What the importer computes at once: operators on constants alone, as the arithmetic of shapes is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyglow.ir.graph import Value
from tinyglow.ir.op import Importer, Op


def computed(op: Op, name: str, inputs: Sequence[Value], importer: Importer) -> Value | None:
    """The result of ``op`` as a constant called ``name``, in the inputs' dtype; None if an input is no constant.

    Later operators need shapes and axes while they are imported. Glow names such a constant after the tensor, not after
    the node (include/glow/Importer/ProtobufLoader.h, constantFoldInLoader).
    """
    data = [value.data for value in inputs]
    if any(array is None for array in data):
        return None
    (result,) = op.run_float(*(array[np.newaxis] for array in data if array is not None))
    # Not ascontiguousarray, which makes a vector of a scalar.
    return importer.editor.constant(name, np.array(result[0], order="C"))
