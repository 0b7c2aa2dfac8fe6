"""The operators, one module each. Adding a module adds an operator.

Each has its names in model files, its shapes, its meaning in float, how it is quantized, and which kernels compute it.
"""
