"""Small quantized ONNX models, and what onnxruntime answers to them."""
