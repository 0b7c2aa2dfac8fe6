"""The operators that kernels can be tested for: each module declares some."""
