"""ONNX's own node tests."""
