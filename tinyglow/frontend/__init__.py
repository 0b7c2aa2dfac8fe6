"""Model files: ONNX and TFLite to graphs."""
