"""The operators: one module each, with its names in model files, its shapes, its meaning in float, how it is quantized,
and which kernels compute it. Adding a module adds an operator."""
