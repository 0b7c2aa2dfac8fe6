"""The names of the numerics: whose arithmetic a program has, to the bit."""

from __future__ import annotations

GLOW, TFLITE, ONNX = "glow", "tflite", "onnx"
NUMERICS = {
    GLOW: "Glow's CPU bundles",
    TFLITE: "LiteRT's reference kernels",
    ONNX: "ONNX's operators, as onnxruntime computes them",
}
