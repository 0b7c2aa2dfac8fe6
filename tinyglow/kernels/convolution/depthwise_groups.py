"""What depthwise kernels that go pixel by pixel, four channels at once, have in common: their order, and their work."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import Work
from tinyglow.kernels.convolution.geometry import ConvGeometry, PooledGeometry
from tinyglow.kernels.convolution.overlap import first_inputs

GROUP = 4  # channels


def overlap(p: ConvGeometry) -> int | None:
    """A pixel's channels are written group by group, each before all that its own group and later pixels still read."""
    if p.images != 1:
        return None
    fields = {name: getattr(p, name) for name in ConvGeometry.__dataclass_fields__}
    first = first_inputs(PooledGeometry(**fields, pool=0))
    later = np.minimum.accumulate(first[::-1])[::-1]
    return int((later - np.arange(len(first)) * p.out_c).min())


def work(p: ConvGeometry, constants: Sequence[Array | None]) -> Work:
    """Of groups of four channels: taps inside the image, rows of them, windows, and those that the image cuts."""
    rows, columns = p.inside(0), p.inside(1)
    groups = p.images * -(-p.in_c // GROUP)
    whole = int((rows == p.kernel_h).sum()) * int((columns == p.kernel_w).sum())
    windows = p.out_h * p.out_w
    return {
        "taps": groups * int(rows.sum()) * int(columns.sum()),
        "rows": groups * int(rows.sum()) * p.out_w,
        "windows": groups * windows,
        "cut_windows": groups * (windows - whole),
        "pixels": p.images * windows,
        "cut_pixels": p.images * (windows - whole),
    }
