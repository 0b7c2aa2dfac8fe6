"""Depth-first execution: a chain of layers, band by band of its rows, with line buffers between the layers."""
