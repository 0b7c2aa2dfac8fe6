"""A data set to tune on: the drawn digits."""

from __future__ import annotations

from pathlib import Path

import pytest

DIGITS = 20


@pytest.fixture
def digits(checkout: Path, tmp_path: Path) -> list[str]:
    """The arguments that tune AN13438's network on the drawn digits into ``tuned.yaml``."""
    folder = checkout / "examples/mnist/digits"
    lines = [f"{path.name},{path.name[0]}," for path in sorted(folder.glob("*.png"))]
    assert len(lines) == DIGITS
    (tmp_path / "Labels.csv").write_text("\n".join([*lines, ""]), encoding="utf-8")
    profile = checkout / "tests/golden/mnist_nxp/profile.yaml"
    model = checkout / "examples/mnist/mnist_nxp.onnx"
    return [
        *("model-tuner", f"-dataset-file={tmp_path / 'Labels.csv'}", f"-dataset-path={folder}", f"-model={model}"),
        *("-image-mode=0to1", "-image-layout=NHWC", "-onnx-define-symbol=N,1", f"-load-profile={profile}"),
        *("-quantization-schema=symmetric_with_power2_scale", "-quantization-precision-bias=Int8", "-backend=CPU"),
        f"-dump-tuned-profile={tmp_path / 'tuned.yaml'}",
    ]
