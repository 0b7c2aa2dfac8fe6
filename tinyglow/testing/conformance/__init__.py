"""ONNX's own node tests, through the reader and the interpreter, and through compiled C."""
