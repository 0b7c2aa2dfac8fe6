"""Operators on plain tensors of any type, of which most of ONNX's are made: see ``build``."""
