"""The names of the numerics: whose arithmetic a program has, to the bit."""

from __future__ import annotations

GLOW, TFLITE, TFLM, ONNX = "glow", "tflite", "tflm", "onnx"
NUMERICS = {
    GLOW: "Glow's CPU bundles",
    TFLITE: "LiteRT's reference kernels",
    TFLM: "TensorFlow Lite Micro with CMSIS-NN",
    ONNX: "ONNX's operators, as onnxruntime computes them",
}

# TensorFlow Lite Micro has LiteRT's reference kernels, save for the operators that CMSIS-NN computes in another way.
LIKE_LITERT = (TFLITE, TFLM)

# What to do about a node that has no form with one of the others.
HINT = f"compile with --numerics {GLOW}"
