"""The kernels, in the families of ``runtime_c/src``. Adding a module adds a kernel.

Each has its declaration, its definition in numpy, how its constants are packed, where it applies and what it costs.
"""
