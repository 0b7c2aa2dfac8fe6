"""The kernels, in the families of ``runtime_c/src``: each one's declaration, its definition in numpy, how its constants
are packed, where it applies and what it costs. Adding a module adds a kernel."""
