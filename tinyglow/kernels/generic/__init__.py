"""Kernels of plain tensors, of any type: the compiler writes their C where a network needs them, from a table."""
